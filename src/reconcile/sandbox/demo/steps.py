"""What the demo shows, in order. Every step is a real command line that a person could type."""

from __future__ import annotations

from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode
from reconcile.sandbox.demo import exchange
from reconcile.sandbox.demo.outlook import TRACKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command of ours; `why` stands above it, `code` is what it is to end with."""

    why: str
    arguments: tuple[str, ...]
    code: ExitCode = ExitCode.NOTHING_TO_DO


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace `before`, which occurs once in the file, by `after`, and commit."""

    why: str
    file: str
    before: str
    after: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """Write new files (name in the estate, text), show and commit them."""

    why: str
    files: tuple[tuple[str, str], ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InOutlook:
    """Something happens at the Exchange: mail arrives and an appointment is made, or somebody looks into the calendar."""

    why: str
    looks: bool = False


Step: TypeAlias = Run | Edit | Add | InOutlook

OUTSIDE = "orders@fabrikam.example"
SUBJECT = "Übergabe: Angebot 4711"
MEETING, ROOM, NEW_ROOM = "Jahresgespräch", "Raum Rhein", "Raum Isar"
VISIT = "Besuch bei Fabrikam"
LETTER = "Einladung zur Hausmesse"
ATTENDEE = "purchasing@fabrikam.example"
#: Stands in arguments for the day before.
YESTERDAY = "YESTERDAY"
_ENFORCED = "starttls # enforced: without it nothing is sent, not even the user name"

STEPS: tuple[Step, ...] = (
    Run(why="Is the estate right? No secret is read, no server is asked.", arguments=("lint",)),
    Run(why="What would change, and what does it mean for the mail?", arguments=("plan", "--out", "../plan.json")),
    Run(why="Carry out just that.", arguments=("apply", "../plan.json")),
    Run(why="Fetch the mail of all mailboxes, read-only. What is older than processEmailFrom is left out.", arguments=("sync",)),
    Run(why="How is it doing?", arguments=("status",)),
    Run(why="What was tracked?", arguments=("activities", "list", "--limit", "8")),
    Run(
        why="Put a mail into the outbox of sales, to one of ours and one outside. The Environment names who may be mailed.",
        arguments=(
            "outbox",
            "add",
            "--from",
            "sales",
            "--to",
            "support@contoso.example",
            "--cc",
            OUTSIDE,
            "--subject",
            SUBJECT,
            "--text",
            "Bitte übernehmen.",
        ),
    ),
    Run(why="Send it ...", arguments=("sync", "sales")),
    Run(why="... and fetch it again where it arrived.", arguments=("sync", "support")),
    Run(why="There it is.", arguments=("activities", "list", "--mailbox", "support", "--limit", "3")),
    Edit(
        why="Somebody in a hurry switches TLS off ...",
        file="profiles/contoso-mail.yaml",
        before=f"tls: {_ENFORCED}",
        after="tls: none",
        message="Send without TLS",
    ),
    Run(
        why="... but a rule looks at every change before it is merged (`reconcile explain outgoing-uses-tls` has the reasons and sources).",
        arguments=("lint",),
        code=ExitCode.FINDINGS,
    ),
    Edit(
        why="So it is mended in the same pull request.",
        file="profiles/contoso-mail.yaml",
        before="tls: none",
        after=f"tls: {_ENFORCED}",
        message="Send with TLS again",
    ),
    Edit(
        why="Now somebody edits one file: the public address is no longer to be read.",
        file="mailboxes/info.yaml",
        before="incoming: server-side",
        after="incoming: none",
        message="Stop reading the public address",
    ),
    Run(why="The plan of that edit names its cause and its consequence.", arguments=("plan",)),
    Run(why="Apply it. Without a saved plan it is shown, and without --yes somebody is asked.", arguments=("apply", "--yes")),
    Run(why="The mailbox is off now; the others go on.", arguments=("mailboxes",)),
    Add(
        why="Next, a mailbox at an Exchange, with its calendar: how the server is reached, the mailbox, and an exception from a rule.",
        files=(
            (exchange.PROFILE_FILE, exchange.PROFILE),
            (exchange.MAILBOX_FILE, exchange.MAILBOX),
            (exchange.WAIVER_FILE, exchange.WAIVER),
        ),
        message="Add the office of the management, at the Exchange",
    ),
    Run(why="Apply them.", arguments=("apply", "--yes")),
    InOutlook(
        why="Meanwhile in Outlook: a mail arrives, and the owner of the mailbox makes an appointment"
        f' and gives it the category "{TRACKED}": it is to be kept in step.'
    ),
    Run(
        why="On our side a mail is to leave through the Exchange ...",
        arguments=(
            "outbox",
            "add",
            "--from",
            exchange.SLUG,
            "--to",
            "sales@contoso.example",
            "--subject",
            "Jahresplanung",
            "--text",
            "Bitte Zahlen mitbringen.",
        ),
    ),
    Run(why="... and one look does it all: mail in, mail out, and the appointment comes in.", arguments=("sync", exchange.SLUG)),
    Run(why="The mail is tracked as any other ...", arguments=("activities", "list", "--mailbox", exchange.SLUG)),
    Run(why="... and the appointment is a record here.", arguments=("activities", "items", "list")),
    Run(why="Move it to another room, on our side ...", arguments=("activities", "items", "edit", "1", "--set", f"location={NEW_ROOM}")),
    Run(
        why="... and write down a visit that is over, with the customer who attended.",
        arguments=(
            *("activities", "items", "add", "appointment", "--owner", exchange.SLUG, "--set", f"subject={VISIT}"),
            *("--set", f"scheduledstart={YESTERDAY}T14:00:00+01:00", "--set", f"scheduledend={YESTERDAY}T15:00:00+01:00"),
            *("--set", f'requiredattendees=["{ATTENDEE}"]'),
        ),
    ),
    Run(why="Both go to the mailbox with the next look.", arguments=("sync", exchange.SLUG)),
    InOutlook(
        why="Outlook shows the other room, and the visit. Attendees hear of meetings that lie ahead; nobody is invited to one in the past.",
        looks=True,
    ),
)
