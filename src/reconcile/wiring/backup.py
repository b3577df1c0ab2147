"""Backups of an environment's store, written and restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.errors import SettingsError, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.settings import Settings
from reconcile.wiring.audit import record
from reconcile.wiring.keys import key_ids, reseal_store, ring, sealed_records
from reconcile.wiring.state import open_database, store_path
from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from reconcile.model.secret import Secret
    from reconcile.store.sqlite.backup import BackupFacts, Written
    from reconcile.store.sqlite.database import Database
    from reconcile.store.sqlite.restore import Restored
    from reconcile.store.sqlite.unpack import Unpacked

_DOUBT = "restored from a backup of {at}: it may have been sent since then"


def write_backup(settings: Settings, environment: str, target: Path) -> Written:
    """Raises UserError for a file that is there, and as the store does."""
    from reconcile import __version__
    from reconcile.model import instant
    from reconcile.secrets.reseal import count_by_key
    from reconcile.store.sqlite import backup
    from reconcile.store.sqlite.schema import newest_migration

    with open_database(settings, environment, read_only=False) as database:
        assert database is not None
        facts = backup.BackupFacts(
            environment=environment,
            created_at=instant.text(SystemClock().now().replace(microsecond=0)),
            program=__version__,
            schema=newest_migration(),
            keys=dict(count_by_key(sealed_records(database))),
        )
        return backup.write_backup(database, target, facts)


def backup_facts(path: Path) -> BackupFacts:
    """What a backup file says about itself. Raises PermanentError for a file that is none."""
    from reconcile.store.sqlite.unpack import read_facts

    return read_facts(path)


@dataclass(slots=True)
class KeysOfBackup:
    """What became of the sealed values: how many moved to this host's key, and which (resource, path) no key here opens."""

    moved: int = 0
    unopened: list[tuple[str, str]] = field(default_factory=list)


def would_replace(settings: Settings, environment: str) -> bool:
    """Whether there is a store that a restore would lay aside."""
    from reconcile.store.sqlite.restore import is_empty

    return not is_empty(store_path(settings, environment).parent)


def restore_backup(
    settings: Settings, path: Path, facts: BackupFacts, *, actor: str, replace: bool, keep_outbox: bool, old_key: str | None
) -> tuple[Restored, KeysOfBackup]:
    """Put a backup in the place of its environment's store. Raises as `store.sqlite.restore.restore`."""
    from reconcile.store.sqlite.restore import restore

    opening = _opening(settings, old_key)
    keys = KeysOfBackup()

    def finish(database: Database, unpacked: Unpacked) -> None:
        _match_keys(settings, database, opening, keys)
        detail = {
            "reason": f"as it was at {unpacked.facts.created_at}",
            "createdAt": unpacked.facts.created_at,
            "file": path.name.encode("utf-8", "backslashreplace").decode(),
            "outbox": "kept" if keep_outbox else "uncertain",
            "resealed": keys.moved,
            "notOpened": len(keys.unopened),
        }
        record(database, actor=actor, action="restore", key=f"Environment/{facts.environment}", detail=detail)

    restored = restore(
        path,
        store_path(settings, facts.environment).parent,
        at=SystemClock().now(),
        why_doubt=None if keep_outbox else _DOUBT.format(at=facts.created_at),
        replace=replace,
        finish=finish,
    )
    return restored, keys


def _opening(settings: Settings, old_key: str | None) -> Sequence[Secret]:
    from reconcile.secrets.key import parse_reference, resolve_ring

    return () if old_key is None else resolve_ring(settings, parse_reference(old_key, "--old-key"))


def _match_keys(settings: Settings, database: Database, opening: Sequence[Secret], found: KeysOfBackup) -> None:
    """Seal anew with this host's key what only the old one opens; name what nothing opens."""
    from reconcile.secrets.key import load_ring
    from reconcile.secrets.reseal import count_by_key

    sealed = sealed_records(database)
    if not count_by_key(sealed):
        return
    if opening:
        resealed = reseal_store(database, load_ring(settings, create=True), tuple(opening))
        found.moved = resealed.moved
        found.unopened = [(f"{record.kind}/{record.name}", record.path) for record, _ in resealed.unopened]
        return
    try:
        known = set(key_ids(ring(settings)))
    except SettingsError:
        # No key is here. A new one would open nothing, and hide that the right one is missing.
        known = set()
    from reconcile.secrets.envelope import sealing_key

    found.unopened = [(f"{one.kind}/{one.name}", one.path) for one in sealed.records() if sealing_key(one.value) not in known]


def check_environment(facts: BackupFacts, wanted: str | None) -> None:
    """Raises UserError when the backup is of another environment than the one asked for."""
    if wanted not in (None, facts.environment):
        raise UserError(
            f"the backup is of environment {facts.environment}, not of {wanted}",
            hint=f"Leave -e out, or name {facts.environment}: a store goes back to the environment it came from.",
        )
