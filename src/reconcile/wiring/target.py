"""Factories of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.errors import Unsupported
from reconcile.settings import Settings
from reconcile.wiring.secrets import sealer

if TYPE_CHECKING:
    from reconcile.ports.target import TargetReader, TargetWriter
    from reconcile.store.sqlite.database import Database


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
