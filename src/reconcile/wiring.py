"""The composition root: the only file that names implementations. Holds factories, not instances.

Everything is imported inside the factory that needs it, so that a command pays only for what it uses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.errors import SettingsError, Unsupported
from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.condition import Condition
    from reconcile.model.mailbox_status import MailboxStatus
    from reconcile.model.message import MessageText
    from reconcile.ports.applied import AppliedState
    from reconcile.ports.clock import Clock
    from reconcile.ports.configuration_store import ApplyStore, Inventory
    from reconcile.ports.credentials import Credentials, Sealer
    from reconcile.ports.mail import Inbox
    from reconcile.ports.mail_store import ActivityReader, MailStore
    from reconcile.ports.outbox_store import OutboxReader, OutboxStore
    from reconcile.ports.secrets import SecretResolver
    from reconcile.ports.source import Source
    from reconcile.ports.target import TargetReader, TargetWriter
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.eligible import ReceivingMailbox
    from reconcile.sync.outgoing import Outgoing

STORE_FILE = "engine.db"

#: Every implementation of a port, its memory twin first. A test holds that each passes a contract suite under tests/contract.
IMPLEMENTATIONS: Mapping[str, tuple[str, ...]] = {
    "source": ("source.folder.FolderSource", "source.git.GitSource"),
    "target": ("targets.memory.MemoryTarget", "targets.engine.EngineTarget"),
    "inbox": ("mail.memory_inbox.MemoryInbox", "mail.imap.inbox.ImapInbox"),
    "sender": ("mail.memory_sender.MemorySender", "mail.smtp.SmtpSender"),
    "configuration store": ("store.memory.configuration.MemoryConfiguration", "store.sqlite.configuration.SqliteConfiguration"),
    "resource store": ("store.memory.resources.MemoryResources", "store.sqlite.resources.SqliteResources"),
    "mail store": ("store.memory.mail.MemoryMailStore", "store.sqlite.mail.SqliteMailStore"),
    "outbox store": ("store.memory.outbox.MemoryOutbox", "store.sqlite.outbox.SqliteOutbox"),
    "secrets": ("secrets.memory.MemorySecrets", "secrets.env.EnvironmentSecrets", "secrets.file.FileSecrets"),
    "sealer": ("secrets.memory.MemorySealer", "secrets.envelope.Envelope"),
}


class SystemClock:
    """The real time. `stop` ends a sleep early."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        self._stop.wait(max(0.0, seconds))


def open_source(directory: Path, revision: str | None) -> Source:
    """A folder, or a revision of the repository that the folder is in."""
    if revision is None:
        from reconcile.source.folder import FolderSource

        return FolderSource(directory, now=time.time)
    from reconcile.source.git import GitSource

    return GitSource(directory, revision)


def document_cache(settings: Settings) -> DocumentCache:
    """Parsed documents between runs."""
    from reconcile.source.document_cache import SqliteDocumentCache

    return SqliteDocumentCache(settings.cache_directory)


def secret_resolver(settings: Settings) -> SecretResolver:
    """`env:` and `file:` references."""
    from reconcile.secrets.resolver import Resolver

    return Resolver(settings.secrets_directory)


def sealer(settings: Settings, *, create: bool) -> Sealer:
    """What seals credentials at rest; `create` makes the default key file when it is missing."""
    from reconcile.secrets.envelope import Envelope
    from reconcile.secrets.key import load_key

    return Envelope(load_key(settings, create=create))


def environments(settings: Settings) -> list[str]:
    """Names of environments that have a store, sorted. Raises OSError for a state directory that may not be read."""
    if not settings.state_directory.is_dir():
        return []
    # Listed first: glob takes a folder that it may not read for an empty one, which is right only for those below.
    entries = [*settings.state_directory.iterdir()]
    return sorted(entry.name for entry in entries if any(entry.glob(STORE_FILE)))


def environment_name(settings: Settings, wanted: str | None) -> str:
    """The environment a command without desired state works on. Raises SettingsError when that is not clear."""
    known = environments(settings)
    if wanted is not None:
        # An answer about nothing would look like good news for a misspelt name.
        if not store_path(settings, wanted).exists():
            hint = f"Known here: {', '.join(known)}." if known else "Run `reconcile apply` first, or name the state with --state-dir."
            raise SettingsError(f"nothing was applied to environment {wanted}", hint=hint)
        return wanted
    if len(known) == 1:
        return known[0]
    if not known:
        raise SettingsError(
            f"nothing was applied yet: no store in {settings.state_directory}",
            hint="Run `reconcile apply` first, or name the estate with -C or the state with --state-dir.",
        )
    raise SettingsError(f"several environments have a store: {', '.join(known)}", hint="Choose one with -e NAME.")


def store_path(settings: Settings, environment: str) -> Path:
    """The SQLite file of an environment. Raises SettingsError for a name that no Environment can have, such as a path."""
    import re

    from reconcile.model.key import SLUG_PATTERN

    if not re.fullmatch(SLUG_PATTERN, environment):
        raise SettingsError(f"{environment!a} is no name of an environment", hint="Name it as its document does: -e NAME.")
    return settings.state_directory / environment / STORE_FILE


@contextmanager
def open_database(settings: Settings, environment: str, *, read_only: bool) -> Iterator[Database | None]:
    """The environment's store; None when it is missing and only reading is asked for (a missing store reads as empty)."""
    from reconcile.store.sqlite.database import Database

    path = store_path(settings, environment)
    if read_only and not Database.begun(path):
        yield None
        return
    with Database.open(path, read_only=read_only) as database:
        yield database


def target_reader(kind: str, database: Database | None) -> TargetReader:
    """What reads the target; it has no way to write. `kind` is `target.type` of the Environment."""
    _check_target(kind)
    from reconcile.store.sqlite.resources import SqliteResources
    from reconcile.targets.engine import EngineReader

    return EngineReader(SqliteResources(database))


def target_writer(kind: str, database: Database, settings: Settings) -> TargetWriter:
    """What reads and writes the target. Makes the key that seals credentials on first use."""
    _check_target(kind)
    from reconcile.store.sqlite.resources import SqliteResources
    from reconcile.targets.engine import EngineTarget

    resources = SqliteResources(database)
    # A new key opens nothing that was sealed before: where something is, the key that sealed it must be there.
    return EngineTarget(resources, sealer(settings, create=not resources.holds_sealed_values()))


def _check_target(kind: str) -> None:
    if kind != "engine":
        raise Unsupported(
            f"target type {kind} lives in one process only and is for tests", field="target.type", hint="Declare target: {type: engine}."
        )


def inventory_reader(database: Database | None) -> Inventory:
    """What is ours, and the audit trail; no way to write."""
    from reconcile.store.sqlite.configuration import InventoryReader

    return InventoryReader(database)


def apply_store(database: Database, clock: Clock) -> ApplyStore:
    """Inventory, journal, audit trail and lock."""
    from reconcile.store.sqlite.configuration import SqliteConfiguration

    return SqliteConfiguration(database, clock)


def mint() -> str:
    """A new token: an identity for what is created, a mark for what is written."""
    import uuid

    return str(uuid.uuid4())


@contextmanager
def writable_database(settings: Settings, environment: str) -> Iterator[Database]:
    """The store of an environment something was applied to. Raises SettingsError when there is none: only apply makes one."""
    from reconcile.store.sqlite.database import Database

    path = store_path(settings, environment)
    if not path.exists():
        raise SettingsError(f"nothing was applied to environment {environment}", hint="Run `reconcile apply` first.")
    with Database.open(path) as database:
        yield database


def applied_state(database: Database | None) -> AppliedState:
    """What sync works from. A missing store reads as empty."""
    from reconcile.store.sqlite.resources import SqliteResources

    return SqliteResources(database)


def credentials(database: Database, settings: Settings) -> Credentials:
    """Applied secrets; the key is read when the first one is opened."""
    from reconcile.secrets.stored import StoredCredentials
    from reconcile.store.sqlite.resources import SqliteResources

    return StoredCredentials(SqliteResources(database), lambda: sealer(settings, create=False))


def activity_reader(database: Database | None) -> ActivityReader:
    """Tracked e-mail and where each mailbox stands. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.mail import MemoryMailStore

        return MemoryMailStore()
    from reconcile.store.sqlite.mail import SqliteMailStore

    return SqliteMailStore(database, database.path.parent)


@contextmanager
def mail_store(database: Database) -> Iterator[MailStore]:
    """What receives mail: rows in the database, bytes in packs beside it."""
    from reconcile.store.sqlite.mail import SqliteMailStore

    store = SqliteMailStore(database, database.path.parent)
    try:
        yield store
    finally:
        store.close()


def inboxes(settings: Settings, known: Credentials, secrets: SecretResolver) -> Callable[[ReceivingMailbox], Inbox]:
    """Makes the inbox of a mailbox. Raises SettingsError when its password or its authority cannot be had."""
    authorities: dict[str, bytes] = {}

    def connect(mailbox: ReceivingMailbox) -> Inbox:
        from reconcile.mail.imap.connection import Endpoint
        from reconcile.mail.imap.inbox import ImapInbox
        from reconcile.model.secret import SecretRef

        if mailbox.authority and mailbox.authority not in authorities:
            authorities[mailbox.authority] = secrets.resolve(SecretRef.parse(mailbox.authority)).reveal()
        password = known.credential(*mailbox.password)
        if password is None:
            raise SettingsError(f"no password was applied for mailbox {mailbox.name}", hint="Run `reconcile apply` again.")
        silence = min(settings.silence_timeout, mailbox.silence or settings.silence_timeout)
        endpoint = Endpoint(
            host=mailbox.server,
            port=mailbox.port,
            tls=mailbox.tls,
            authority=authorities.get(mailbox.authority),
            connect_timeout=settings.connect_timeout,
            silence_timeout=silence,
        )
        return ImapInbox(endpoint, mailbox.username, password)

    return connect


def mailbox_statuses(settings: Settings, environment: str | None) -> tuple[str, Sequence[MailboxStatus]]:
    """(environment, how each applied mailbox is doing). Reads only."""
    from reconcile.sync.decide.eligible import receiving_mailboxes
    from reconcile.sync.status import mailbox_statuses as statuses

    name = environment_name(settings, environment)
    now = SystemClock().now()
    with open_database(settings, name, read_only=True) as database:
        found = receiving_mailboxes(applied_state(database).resources(), now=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        reader = activity_reader(database)
        return name, statuses(
            found,
            reader.states(),
            holders=reader.holders(mailbox.mailbox_id for mailbox in found),
            outbox=_outbox_counts(database),
            now=now,
        )


def idle_settings(database: Database | None, now: datetime) -> list[tuple[str, Condition]]:
    """What is applied but does nothing, with the name of who declares it: settings that are not built, mailboxes that cannot send."""
    from reconcile.sync.decide.submission import SilentMailbox, sending_setup
    from reconcile.sync.decide.unsupported import unsupported_settings

    resources, at = applied_state(database).resources(), now.strftime("%Y-%m-%dT%H:%M:%SZ")
    silent = [one for one in sending_setup(resources, now=at).mailboxes.values() if isinstance(one, SilentMailbox)]
    cannot = sorted(((one.name, one.condition) for one in silent if one.condition.type != "Off"), key=lambda pair: pair[0])
    return [*unsupported_settings(resources, now=at), *((f"Mailbox/{name}", condition) for name, condition in cannot)]


def _outbox_counts(database: Database | None) -> dict[str, dict[str, int]]:
    """Mails in the outbox by mailbox id and state."""
    if database is None:
        return {}
    from reconcile.store.sqlite.outbox import SqliteOutbox

    counts: dict[str, dict[str, int]] = {}
    for entry in SqliteOutbox(database).entries():
        mailbox = counts.setdefault(entry.mailbox_id, {})
        mailbox[str(entry.state)] = mailbox.get(str(entry.state), 0) + 1
    return counts


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


def outgoing(settings: Settings, database: Database, clock: Clock, stop: Callable[[], bool] = lambda: False) -> Outgoing:
    """Everything a pass over the outbox needs, under an owner of its own."""
    from reconcile.mail.smtp import SmtpSender
    from reconcile.sync.outgoing import Outgoing

    return Outgoing(
        applied=applied_state(database),
        outbox=outbox_store(database),
        sender=SmtpSender(connect_timeout=settings.connect_timeout, silence_timeout=settings.silence_timeout),
        credentials=credentials(database, settings),
        secrets=secret_resolver(settings),
        clock=clock,
        owner=mint(),
        parallel=settings.parallel_mailboxes,
        stop=stop,
        last_applied=lambda: _last_applied(database),
    )


def _last_applied(database: Database) -> datetime | None:
    """When a change took effect last, as far as the newest records tell."""
    records = inventory_reader(database).history(limit=200)
    return next((datetime.fromisoformat(record.at) for record in records if record.result == "applied"), None)
