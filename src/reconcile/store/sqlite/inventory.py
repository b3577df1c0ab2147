"""What is ours, read from SQLite: the inventory, which every plan reads, and the audit trail, which few commands do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from reconcile.model.canonical import Spec
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.management import OnRemoval
from reconcile.store.sqlite.database import Database, translated
from reconcile.store.sqlite.spec_text import UnreadSpec, from_text, words_from_text

if TYPE_CHECKING:
    from reconcile.model.audit_chain import Anchor, Verified
    from reconcile.model.audit_record import AuditQuery, AuditRecord

#: Its columns, in the order of `_entry`.
ENTRY = (
    "kind, name, external_id, applied, answered, source_file, source, revision, applied_at, adopted, depends_on,"
    " on_removal, protected, secrets"
)

_NOTHING: Spec = {}


class InventoryReader:
    """Implements Inventory: no way to write. `database` is None for a store that is not there: it reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def entries(self) -> Mapping[Key, InventoryEntry]:
        if self._database is None:
            return {}
        with translated(self._database.path), self._database.snapshot() as connection:
            return {entry.key: entry for entry in map(_entry, connection.execute(f"SELECT {ENTRY} FROM inventory"))}

    def history(self, *, limit: int | None, query: AuditQuery | None = None) -> Sequence[AuditRecord]:
        if self._database is None:
            return ()
        from reconcile.store.sqlite import audit_trail

        with translated(self._database.path), self._database.snapshot() as connection:
            found = (record for record in audit_trail.records(connection, newest_first=True) if query is None or query.takes(record))
            return list(islice(found, limit))

    def trail(self) -> Iterator[AuditRecord]:
        if self._database is not None:
            from reconcile.store.sqlite import audit_trail

            with translated(self._database.path), self._database.snapshot() as connection:
                yield from audit_trail.records(connection)

    def anchor(self) -> Anchor | None:
        if self._database is None:
            return None
        from reconcile.store.sqlite import audit_trail

        with translated(self._database.path), self._database.snapshot() as connection:
            return audit_trail.anchor(connection)

    def verified(self, *, expected: str = "") -> Verified:
        from reconcile.model.audit_chain import verify
        from reconcile.store.sqlite import audit_trail

        if self._database is None:
            return verify((), None, expected=expected)
        with translated(self._database.path), self._database.snapshot() as connection:
            return verify(audit_trail.records(connection), audit_trail.anchor(connection), expected=expected)


@lru_cache(maxsize=1024)
def _keys(text: str) -> tuple[Key, ...]:
    """Ten thousand mailboxes depend on a handful of profiles."""
    return tuple(Key.parse(one) for one in json.loads(text))


@lru_cache(maxsize=1024)
def _secrets(text: str) -> Mapping[str, str]:
    """So many passwords are one and the same reference."""
    return words_from_text(text)


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
    # By place: by name it takes twice as long, and every entry of a large estate comes through here.
    return InventoryEntry(
        Key(kind, name),
        external_id,
        UnreadSpec(applied),
        source_file,
        source,
        revision,
        applied_at,
        bool(adopted),
        _keys(depends_on),
        from_text(answered) if answered != "{}" else _NOTHING,
        OnRemoval(removal) if removal else None,
        bool(protected),
        _secrets(secrets),
    )
