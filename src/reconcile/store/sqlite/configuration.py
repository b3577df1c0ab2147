"""What apply must not forget, in SQLite: inventory, journal, audit trail; and the lock of the environment."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager

from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import Finished, Intent, LockHolder
from reconcile.store.sqlite import audit_trail
from reconcile.store.sqlite.apply_lock import ApplyLock
from reconcile.store.sqlite.database import Database, translated
from reconcile.store.sqlite.inventory import ENTRY, InventoryReader
from reconcile.store.sqlite.spec_text import to_text, words_from_text, words_to_text

#: Seconds; what `Settings.lease` says unless told otherwise.
DEFAULT_LEASE = 30.0
_INTENT = "token, apply_id, sequence, kind, name, action, change, opened_at, source, revision, secrets"


class SqliteConfiguration(InventoryReader):
    """Implements ApplyStore."""

    def __init__(self, database: Database, clock: Clock, lease: float = DEFAULT_LEASE) -> None:
        super().__init__(database)
        self._store = database
        self._lock = ApplyLock(database, clock, lease)

    def lock(self, *, owner: str, purpose: str, patience: float) -> AbstractContextManager[None]:
        return self._lock.hold(owner=owner, purpose=purpose, patience=patience)

    def holder(self) -> LockHolder | None:
        return self._lock.holder()

    def break_lock(self, *, actor: str, reason: str) -> LockHolder | None:
        return self._lock.break_(actor=actor, reason=reason)

    def open_intents(self) -> Sequence[Intent]:
        with translated(self._store.path), self._store.snapshot() as connection:
            rows = connection.execute(f"SELECT {_INTENT} FROM intent ORDER BY opened_at, apply_id, sequence")
            return [_intent(row) for row in rows]

    def begin(self, intents: Sequence[Intent]) -> None:
        rows = [
            (
                intent.token,
                intent.apply_id,
                intent.sequence,
                intent.key.kind,
                intent.key.name,
                intent.action,
                intent.change,
                intent.opened_at,
                intent.source,
                intent.revision,
                words_to_text(intent.secrets),
            )
            for intent in intents
        ]
        self._store.write(
            lambda connection: connection.executemany(f"INSERT INTO intent ({_INTENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        )

    def finish(self, results: Sequence[Finished]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            for result in results:
                _finish(connection, result)

        self._store.write(work)


def _finish(connection: sqlite3.Connection, result: Finished) -> None:
    if result.token:
        connection.execute("DELETE FROM intent WHERE token = ?", (result.token,))
    if result.removed is not None:
        removed, entry = result.removed, result.entry
        external_id = None if entry is None else entry.external_id
        connection.execute(
            "DELETE FROM inventory WHERE kind = ? AND name = ? AND (? IS NULL OR external_id = ?)",
            (removed.kind, removed.name, external_id, external_id),
        )
    if result.entry is not None:
        _put(connection, result.entry)
    audit_trail.append(connection, result.audit)


def _put(connection: sqlite3.Connection, entry: InventoryEntry) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO inventory ({ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.key.kind,
            entry.key.name,
            entry.external_id,
            to_text(entry.applied),
            to_text(entry.answered),
            entry.source_file,
            entry.source,
            entry.revision,
            entry.applied_at,
            int(entry.adopted),
            json.dumps([str(key) for key in entry.depends_on]),
            "" if entry.on_removal is None else entry.on_removal.value,
            int(entry.protected),
            json.dumps(dict(entry.secrets)) if entry.secrets else "{}",
        ),
    )


def _intent(row: sqlite3.Row) -> Intent:
    token, apply_id, sequence, kind, name, action, change, opened_at, source, revision, secrets = row
    return Intent(
        token=token,
        apply_id=apply_id,
        sequence=sequence,
        key=Key(kind, name),
        action=action,
        change=change,
        opened_at=opened_at,
        source=source,
        revision=revision,
        secrets=words_from_text(secrets),
    )
