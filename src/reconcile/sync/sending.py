"""What a pass over the outbox is given, and as whom it submits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from datetime import datetime, timedelta

from reconcile.lazy_dataclass import dataclass
from reconcile.model.outgoing import OutboxEntry
from reconcile.model.secret import SecretRef
from reconcile.ports.applied import AppliedState
from reconcile.ports.clock import Clock
from reconcile.ports.mail_marks import MailMarks
from reconcile.ports.outbox_store import OutboxStore
from reconcile.ports.secrets import SecretResolver
from reconcile.ports.sender import Account, Sender
from reconcile.ports.settled_notes import NoNotes, SettledNotes
from reconcile.ports.sign_in import SignIns
from reconcile.sync.connections import Connections
from reconcile.sync.decide.outgoing import RetryPolicy
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits
from reconcile.sync.decide.submission import SendingMailbox

#: How long a run counts as alive without renewing; it renews four times as often.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Everything a pass needs. `owner` is unique to this run. `keep_lease` may be replaced where time stands still (tests)."""

    applied: AppliedState
    outbox: OutboxStore
    sender: Sender
    sign_ins: SignIns
    secrets: SecretResolver
    clock: Clock
    owner: str
    parallel: int = 16
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    lease: timedelta = LEASE
    renew: bool = True
    #: Seconds that mails which are taken together may be expected to take, and that one of them may take before the others go back.
    moment: float = 0.25
    patience: float = 1.0
    stop: Callable[[], bool] = lambda: False
    on_settled: Callable[[OutboxEntry], None] = lambda _: None
    #: When something was applied last (None: never, or not known).
    last_applied: Callable[[], datetime | None] = lambda: None
    permits: Callable[[], Permits] = lambda: NOTHING_SAID
    notes: SettledNotes = field(default_factory=NoNotes)
    #: Shared with who receives, where both run.
    connections: Connections = field(default_factory=Connections)
    #: Opens the mailbox with this id at its server, for the folder for sent mail; None where that is not to be done (tests).
    marks: Callable[[str], MailMarks] | None = None


def account_of(outgoing: Outgoing, mailbox: SendingMailbox) -> Account:
    """Where and as whom a mailbox submits. Raises SettingsError or PermanentError when a secret cannot be had."""
    sign_in = outgoing.sign_ins.of(mailbox.sign_in, name=mailbox.name)
    authority = outgoing.secrets.resolve(SecretRef.parse(mailbox.authority)).reveal() if mailbox.authority else None
    return Account(
        server=mailbox.server,
        port=mailbox.port,
        tls=mailbox.tls,
        authority=authority,
        username=sign_in.username if sign_in is not None else "",
        password=sign_in.password if sign_in is not None else None,
        sign_in=sign_in,
        client_certificate=outgoing.sign_ins.certificate(mailbox.sign_in),
        # Where it is not permitted the mailbox does not send at all (sync/decide/submission.py).
        clear_text=mailbox.protocol == "ews",
        mailbox=mailbox.address if mailbox.protocol == "ews" else "",
        access=mailbox.access,
        path=mailbox.path,
    )
