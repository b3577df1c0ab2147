"""Factories of targets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.errors import SettingsError, Unsupported
from reconcile.lazy_dataclass import dataclass
from reconcile.settings import Settings
from reconcile.wiring.secrets import sealer

if TYPE_CHECKING:
    from reconcile.ports.target import TargetReader, TargetWriter
    from reconcile.store.sqlite.database import Database
    from reconcile.targets.snapshot.reader import SnapshotReader


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPath:
    """Where an export lies: `path` relative to `root`, the estate."""

    root: Path
    path: str


def target_reader(kind: str, database: Database | None, *, export: SnapshotPath | None = None) -> TargetReader:
    """What reads the target; it has no way to write. `kind` is `target.type` of the Environment, `export` where its snapshot lies."""
    if kind == "snapshot" and export is not None:
        return snapshot_reader(export)
    check_writable(kind)
    from reconcile.store.sqlite.resources import SqliteResources
    from reconcile.targets.engine import EngineReader

    return EngineReader(SqliteResources(database))


def target_writer(kind: str, database: Database, settings: Settings) -> TargetWriter:
    """What reads and writes the target. Makes the key that seals credentials on first use."""
    check_writable(kind)
    from reconcile.store.sqlite.resources import SqliteResources
    from reconcile.targets.engine import EngineTarget

    resources = SqliteResources(database)
    # A new key opens nothing that was sealed before: where something is, the key that sealed it must be there.
    return EngineTarget(resources, sealer(settings, create=not resources.holds_sealed_values()))


def snapshot_reader(export: SnapshotPath, *, shown: str = "") -> SnapshotReader:
    """What reads an export, known to people as `shown`. Raises SettingsError when its path leads out of the estate."""
    from reconcile.targets.snapshot.reader import SnapshotReader

    path = export.root / export.path
    if not path.resolve().is_relative_to(export.root.resolve()):
        raise SettingsError(
            f"{export.path} leads out of {export.root}", hint="Put the export itself into the estate: links out of it are not followed."
        )
    return SnapshotReader(path, shown=shown or export.path)


def check_writable(kind: str) -> None:
    """Asked before a store is opened, which makes it when it is not there. Raises Unsupported."""
    if kind == "snapshot":
        raise Unsupported(
            "a snapshot cannot be written; it is an export, to be read by lint, plan and drift",
            field="target.type",
            hint="Change the product itself, export it again, and run `reconcile drift`; or apply to target: {type: engine}.",
        )
    if kind != "engine":
        raise Unsupported(
            f"target type {kind} lives in one process only and is for tests", field="target.type", hint="Declare target: {type: engine}."
        )
