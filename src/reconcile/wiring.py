"""The composition root: the only file that names implementations. Holds factories, not instances.

Everything is imported inside the factory that needs it, so that a command pays only for what it uses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.errors import SettingsError, Unsupported
from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.ports.clock import Clock
    from reconcile.ports.configuration_store import ApplyStore, Inventory
    from reconcile.ports.credentials import Sealer
    from reconcile.ports.secrets import SecretResolver
    from reconcile.ports.source import Source
    from reconcile.ports.target import TargetReader, TargetWriter
    from reconcile.store.sqlite.database import Database

STORE_FILE = "engine.db"


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

        return FolderSource(directory)
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
    """Names of environments that have a store, sorted."""
    if not settings.state_directory.is_dir():
        return []
    return sorted(entry.parent.name for entry in settings.state_directory.glob(f"*/{STORE_FILE}"))


def environment_name(settings: Settings, wanted: str | None) -> str:
    """The environment a command without desired state works on. Raises SettingsError when that is not clear."""
    known = environments(settings)
    if wanted is not None:
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
    """The SQLite file of an environment."""
    return settings.state_directory / environment / STORE_FILE


@contextmanager
def open_database(settings: Settings, environment: str, *, read_only: bool) -> Iterator[Database | None]:
    """The environment's store; None when it is missing and only reading is asked for (a missing store reads as empty)."""
    from reconcile.store.sqlite.database import Database

    path = store_path(settings, environment)
    if read_only and not path.exists():
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

    return EngineTarget(SqliteResources(database), sealer(settings, create=True))


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
