"""Factories of what receives, keeps and sends mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from reconcile.lazy_dataclass import dataclass
from reconcile.settings import Settings
from reconcile.wiring.applied import applied_state
from reconcile.wiring.configuration import inventory_reader
from reconcile.wiring.connectors import inboxes as inboxes
from reconcile.wiring.connectors import mail_marks, message_counters, reached
from reconcile.wiring.connectors import message_finders as message_finders
from reconcile.wiring.connectors import watchers as watchers
from reconcile.wiring.exchange import SenderByProtocol, exchange_account, exchange_sessions
from reconcile.wiring.permits import permits
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.sign_in import sign_ins
from reconcile.wiring.state import environment_name, open_database
from reconcile.wiring.system import SystemClock, mint

if TYPE_CHECKING:
    from reconcile.model.condition import Condition
    from reconcile.model.message import MessageText
    from reconcile.plan.circumstances import Count
    from reconcile.ports.clock import Clock
    from reconcile.ports.correlation import CorrelationLookup
    from reconcile.ports.decisions import DecisionReader
    from reconcile.ports.mail_counts import MailCounts
    from reconcile.ports.mail_marks import MailMarks
    from reconcile.ports.mail_store import ActivityReader, MailStore
    from reconcile.ports.outbox_store import OutboxReader, OutboxStore
    from reconcile.ports.quarantine import Quarantine
    from reconcile.ports.sender import Sender
    from reconcile.ports.settled_notes import SettledNotes
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.connections import Connections
    from reconcile.sync.deciding import DeciderFor
    from reconcile.sync.marking import Marker
    from reconcile.sync.online_count import OnlineCount
    from reconcile.sync.outgoing import Outgoing


def activity_reader(database: Database | None) -> ActivityReader:
    """Tracked e-mail and where each mailbox stands. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.mail import MemoryMailStore

        return MemoryMailStore()
    from reconcile.store.sqlite.mail import SqliteMailStore

    return SqliteMailStore(database, database.path.parent)


def mail_counts(database: Database | None) -> MailCounts:
    """How much mail moved, as far as the store knows. A missing store reads as empty."""
    from reconcile.store.sqlite.mail_counts import SqliteMailCounts

    return SqliteMailCounts(database)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCounts:
    """How a plan counts mail; `unknown` says afterwards, in sentences, what could not be counted."""

    count: Count
    unknown: Callable[[], Sequence[str]]


def plan_counts(settings: Settings, database: Database | None, *, online: bool) -> PlanCounts:
    """What the store alone can say, or what the mail servers answer."""
    if online:
        asking = online_count(settings, database)
        return PlanCounts(count=asking, unknown=lambda: asking.notes)
    counts = mail_counts(database)
    # Only a moved floor leaves mail behind it; what came after the last look nobody knows.
    return PlanCounts(
        count=lambda external_id, since, before: counts.passed_over(external_id) if before else None,
        unknown=tuple,
    )


@contextmanager
def mail_store(database: Database) -> Iterator[MailStore]:
    """What receives mail: rows in the database, bytes in packs beside it."""
    from reconcile.store.sqlite.mail import SqliteMailStore

    store = SqliteMailStore(database, database.path.parent)
    try:
        yield store
    finally:
        store.close()


def deciders(database: Database, clock: Clock) -> DeciderFor:
    """Makes what decides which mail of a mailbox is tracked; loaded with the first mail."""
    from functools import lru_cache

    @lru_cache(maxsize=1)
    def made() -> DeciderFor:
        from reconcile.store.sqlite.correlation import SqliteCorrelation
        from reconcile.store.sqlite.parties import SqliteParties
        from reconcile.sync.deciding import Deciders

        return Deciders(
            applied=applied_state(database), parties=SqliteParties(database), correlation=SqliteCorrelation(database), clock=clock
        )

    return lambda mailbox_id: made()(mailbox_id)


def marker(settings: Settings, database: Database) -> Marker:
    """Does at mail servers what is journalled for mail that is kept here."""
    from reconcile.store.sqlite.removals import SqliteMarkJournal
    from reconcile.sync.marking import Marker
    from reconcile.wiring.sign_in import sign_ins

    return Marker(
        journal=SqliteMarkJournal(database), connect=mail_marks(settings, sign_ins(settings, database), secret_resolver(settings))
    )


def decision_reader(database: Database | None) -> DecisionReader:
    """What was decided about received mail. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.mail import MemoryMailStore

        return MemoryMailStore().decisions
    from reconcile.store.sqlite.decisions import SqliteDecisions

    return SqliteDecisions(database)


def quarantine_of(database: Database | None) -> Quarantine:
    """Messages that could not become activities. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.quarantine import EmptyQuarantine

        return EmptyQuarantine()
    from reconcile.store.sqlite.quarantine import SqliteQuarantine

    return SqliteQuarantine(database, database.path.parent)


def correlation_lookup(database: Database | None) -> CorrelationLookup:
    """By what mails are found. A missing store reads as empty."""
    from reconcile.store.sqlite.correlation import SqliteCorrelation

    return SqliteCorrelation(database)


def online_count(settings: Settings, database: Database | None) -> OnlineCount:
    """Asks the mail servers of applied mailboxes, read-only, with what was applied."""
    from dataclasses import replace

    from reconcile.sync.online_count import PER_MAILBOX, OnlineCount

    short = replace(
        settings, connect_timeout=min(settings.connect_timeout, PER_MAILBOX), silence_timeout=min(settings.silence_timeout, PER_MAILBOX)
    )
    connect = None if database is None else message_counters(short, sign_ins(settings, database), secret_resolver(settings))
    return OnlineCount(applied_state(database), connect, SystemClock())


def idle_settings(settings: Settings, database: Database | None, environment: str, now: datetime) -> list[tuple[str, Condition]]:
    """What is applied but does nothing, with the name of who declares it: settings that are not built, alarms that reach nobody."""
    from reconcile.sync.decide.alert_mail import alert_mail_conditions
    from reconcile.sync.decide.submission import sending_setup
    from reconcile.sync.decide.unsupported import unsupported_settings

    resources, at = applied_state(database).resources(), now.strftime("%Y-%m-%dT%H:%M:%SZ")
    setup = sending_setup(resources, now=at, permits=permits(settings, database, environment)())
    alarms = alert_mail_conditions(resources, setup, now=at)
    return [*unsupported_settings(resources, now=at), *alarms]


def keep_text(settings: Settings, environment: str | None, activity_id: int, text: MessageText) -> None:
    """Keep what was parsed at the first reading. Where the store cannot be written it is parsed again next time."""
    from reconcile.errors import ReconcileError

    with suppress(ReconcileError, OSError), open_database(settings, environment_name(settings, environment), read_only=False) as database:
        if database is not None:
            with mail_store(database) as store:
                store.keep_text(activity_id, text)


def outbox_reader(database: Database | None) -> OutboxReader:
    """Outgoing mail. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.outbox import MemoryOutbox

        return MemoryOutbox()
    return outbox_store(database)


def outbox_store(database: Database) -> OutboxStore:
    """Outgoing mail, to be added and sent."""
    from reconcile.store.sqlite.outbox import SqliteOutbox

    return SqliteOutbox(database)


def holds_outgoing(database: Database) -> bool:
    """Whether there is outgoing mail, of whatever state."""
    from reconcile.store.sqlite.outbox_any import holds_mail

    return holds_mail(database)


def recover_outbox(database: Database, *, now: datetime) -> None:
    """Settle what dead runs were handing over, before a person decides about mail by what is now. See `sync.settling.recover`."""
    from reconcile.sync.settling import recover

    recover(outbox_store(database), now=now, notes=settled_notes(database))


def settled_notes(database: Database, *, threads: int = 1) -> SettledNotes:
    """What servers answered, for whoever comes after a run that died."""
    from reconcile.store.settled_notes import SettledNoteFiles

    return SettledNoteFiles(database.path.parent / "settled", threads=threads)


def outgoing(
    settings: Settings,
    database: Database,
    clock: Clock,
    stop: Callable[[], bool] = lambda: False,
    connections: Connections | None = None,
) -> Outgoing:
    """Everything a pass over the outbox needs, under an owner of its own. `connections` are shared with who receives."""
    from reconcile.mail.smtp import SmtpSender
    from reconcile.sync.connections import Connections
    from reconcile.sync.outgoing import Outgoing

    return Outgoing(
        applied=applied_state(database),
        outbox=outbox_store(database),
        sender=SenderByProtocol(
            smtp=SmtpSender(connect_timeout=settings.connect_timeout, silence_timeout=settings.silence_timeout),
            exchange=lambda: _exchange_sender(settings),
        ),
        sign_ins=sign_ins(settings, database),
        secrets=secret_resolver(settings),
        clock=clock,
        owner=mint(),
        parallel=settings.parallel_mailboxes,
        stop=stop,
        last_applied=lambda: _last_applied(database),
        permits=permits(settings, database, database.path.parent.name),
        connections=connections or Connections(),
        notes=settled_notes(database, threads=settings.parallel_mailboxes),
        marks=sent_folders(settings, database),
    )


def _exchange_sender(settings: Settings) -> Sender:
    from reconcile.mail.ews.sender import EwsSender

    return EwsSender(sessions=exchange_sessions(), connect_timeout=settings.connect_timeout, silence_timeout=settings.silence_timeout)


def sent_folders(settings: Settings, database: Database) -> Callable[[str], MailMarks]:
    """Opens the mailbox with this id over IMAP, or at its Exchange server, for its folder for sent mail. Raises Unsupported where it is
    reached by neither."""
    reach = reached(settings, sign_ins(settings, database), secret_resolver(settings))

    def connect(mailbox_id: str) -> MailMarks:
        from reconcile.errors import Unsupported
        from reconcile.mail.imap.marks import ImapMarks
        from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
        from reconcile.sync.decide.permitted import Permits

        found = receiving_mailboxes(
            applied_state(database).resources(), now=SystemClock().now().strftime("%Y-%m-%dT%H:%M:%SZ"), permits=Permits(unconditional=True)
        )
        mailbox = next((one for one in found if one.mailbox_id == mailbox_id), None)
        if isinstance(mailbox, ReceivingMailbox) and mailbox.protocol == "ews":
            from reconcile.mail.ews.marks import EwsMarks

            return EwsMarks(exchange_account(mailbox, reach(mailbox)), exchange_sessions())
        if not isinstance(mailbox, ReceivingMailbox) or mailbox.protocol != "imap":
            why = mailbox.conditions[0].message if mailbox is not None and mailbox.conditions else "it does not receive over IMAP"
            hint = "Declare incoming: server-side over IMAP for it, or sentCopy: none."
            raise Unsupported(f"its folder for sent mail is not reached: {why}", field="outgoing.sentCopy", hint=hint)
        return ImapMarks(*reach(mailbox))

    return connect


def _last_applied(database: Database) -> datetime | None:
    """When a change took effect last, or a mailbox was approved or enabled, as far as the newest records tell."""
    records = inventory_reader(database).history(limit=200)
    telling = (record.at for record in records if record.result == "applied" or record.action in ("approve", "enable"))
    return next((datetime.fromisoformat(at) for at in telling), None)
