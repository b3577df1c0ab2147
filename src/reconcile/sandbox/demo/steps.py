"""What the demo shows, in order. Every step is a real command line that a person could type."""

from __future__ import annotations

from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode


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


Step: TypeAlias = Run | Edit

OUTSIDE = "orders@fabrikam.example"
SUBJECT = "Übergabe: Angebot 4711"
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
)
