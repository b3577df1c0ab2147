"""What apply must not forget, in SQLite: inventory, journal, audit trail; and the lock of the environment."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import islice

from reconcile.model.audit_chain import Anchor, Verified, verify
from reconcile.model.audit_record import EVERY_RECORD, AuditQuery, AuditRecord
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.management import OnRemoval
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import Finished, Intent, LockHolder
from reconcile.store.sqlite import audit_trail
from reconcile.store.sqlite.apply_lock import ApplyLock
from reconcile.store.sqlite.database import Database, translated
from reconcile.store.sqlite.spec_text import UnreadSpec, from_text, to_text, words_from_text, words_to_text

_ENTRY = (
    "kind, name, external_id, applied, answered, source_file, source, revision, applied_at, adopted, depends_on,"
    " on_removal, protected, secrets"
)
#: Seconds; what `Settings.lease` says unless told otherwise.
DEFAULT_LEASE = 30.0
_INTENT = "token, apply_id, sequence, kind, name, action, change, opened_at, source, revision, secrets"


class InventoryReader:
    """Implements Inventory: no way to write. `database` is None for a store that is not there: it reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def entries(self) -> Mapping[Key, InventoryEntry]:
        if self._database is None:
            return {}
        with translated(self._database.path), self._database.snapshot() as connection:
            return {entry.key: entry for entry in map(_entry, connection.execute(f"SELECT {_ENTRY} FROM inventory"))}

    def history(self, *, limit: int | None, query: AuditQuery = EVERY_RECORD) -> Sequence[AuditRecord]:
        if self._database is None:
            return ()
        with translated(self._database.path), self._database.snapshot() as connection:
            found = (record for record in audit_trail.records(connection, newest_first=True) if query.takes(record))
            return list(islice(found, limit))

    def trail(self) -> Iterator[AuditRecord]:
        if self._database is not None:
            with translated(self._database.path), self._database.snapshot() as connection:
                yield from audit_trail.records(connection)

    def anchor(self) -> Anchor | None:
        if self._database is None:
            return None
        with translated(self._database.path), self._database.snapshot() as connection:
            return audit_trail.anchor(connection)

    def verified(self, *, expected: str = "") -> Verified:
        if self._database is None:
            return verify((), None, expected=expected)
        with translated(self._database.path), self._database.snapshot() as connection:
            return verify(audit_trail.records(connection), audit_trail.anchor(connection), expected=expected)


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
        f"INSERT OR REPLACE INTO inventory ({_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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


@lru_cache(maxsize=1024)
def _keys(text: str) -> tuple[Key, ...]:
    """Ten thousand mailboxes depend on a handful of profiles."""
    return tuple(Key.parse(one) for one in json.loads(text))


def _entry(row: sqlite3.Row) -> InventoryEntry:
    (
        kind,
        name,
        external_id,
        applied,
        answered,
        source_file,
        source,
        revision,
        applied_at,
        adopted,
        depends_on,
        removal,
        protected,
        secrets,
    ) = row
    return InventoryEntry(
        key=Key(kind, name),
        external_id=external_id,
        applied=UnreadSpec(applied),
        answered=from_text(answered) if answered != "{}" else {},
        source_file=source_file,
        source=source,
        revision=revision,
        applied_at=applied_at,
        adopted=bool(adopted),
        depends_on=_keys(depends_on),
        on_removal=OnRemoval(removal) if removal else None,
        protected=bool(protected),
        secrets=words_from_text(secrets) if secrets != "{}" else {},
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
