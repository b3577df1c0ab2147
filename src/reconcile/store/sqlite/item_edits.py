"""Edits of appointments, contacts and tasks in the environment's SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconcile.model import instant
from reconcile.model.item import ItemKind
from reconcile.model.item_edit import (
    AddItem,
    ItemDecision,
    ItemEdit,
    ItemEdited,
    ItemEditOutcome,
    ItemKeyTaken,
    RemoveItem,
    decided_item,
    digests,
    request_of,
)
from reconcile.model.item_record import Record
from reconcile.store.sqlite import item_rows
from reconcile.store.sqlite.database import Database


class SqliteItemEdits:
    """See `ItemEdits`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def edit(self, edits: Sequence[ItemEdit], *, at: datetime, by: str) -> Sequence[ItemEditOutcome]:
        return self._database.write(lambda connection: [_edit(connection, each, at, by) for each in edits])

    def resolve(self, conflict_id: int, *, at: datetime, by: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            moment = instant.text(at.replace(microsecond=0))
            statement = "UPDATE item_conflict SET resolved_at = ?, resolved_by = ? WHERE id = ? AND resolved_at = ''"
            found = connection.execute(statement, (moment, by, conflict_id))
            return bool(found.rowcount)

        return self._database.write(work)

    def keep_blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self._database.write(lambda connection: keep_blob(connection, digest, content))
        return digest

    def relink(self, item_id: int, *, anew: bool = False) -> int:
        def work(connection: sqlite3.Connection) -> int:
            found = connection.execute(
                "UPDATE item_link SET state = 'left', record_version = 0, why = 'to be linked again', anew = ?"
                " WHERE item_id = ? AND state <> 'linked'",
                (anew, item_id),
            )
            return found.rowcount

        return self._database.write(work)


def _edit(connection: sqlite3.Connection, edit: ItemEdit, at: datetime, by: str) -> ItemEditOutcome:
    before = None if isinstance(edit, AddItem) else one_record(connection, edit.item_id)
    decision = decided_item(edit, before, _taken(connection, edit.client_key), at=at, by=by)
    outcome = _written(connection, decision, {} if isinstance(edit, RemoveItem) else edit.files, by)
    if edit.client_key and isinstance(outcome, ItemEdited):
        connection.execute(
            "INSERT OR IGNORE INTO item_edit_key VALUES (?, ?, ?, ?, ?)",
            (edit.client_key, request_of(edit), outcome.id, outcome.version, instant.text(at.replace(microsecond=0))),
        )
    return outcome


def _written(connection: sqlite3.Connection, decision: ItemDecision, files: Mapping[str, bytes], by: str) -> ItemEditOutcome:
    found = decision.record
    if found is None or not isinstance(decision.outcome, ItemEdited):
        return decision.outcome
    if decision.removed:
        remove_record(connection, found.id, by)
        return decision.outcome
    for one in digests(found.item) & files.keys():
        keep_blob(connection, one, files[one])
    return replace(decision.outcome, id=write_record(connection, found))


def keep_blob(connection: sqlite3.Connection, digest: str, content: bytes) -> None:
    """Once, however many records have it; handed in again, it counts as new, so that it is not cleared away before something has it."""
    connection.execute(
        "INSERT INTO item_blob (digest, content, kept_at) VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))"
        " ON CONFLICT (digest) DO UPDATE SET kept_at = excluded.kept_at",
        (digest, content),
    )


def write_record(connection: sqlite3.Connection, found: Record) -> int:
    """New where its id is 0; its id."""
    values = (found.kind, found.owner, found.state, found.version, found.created_at, found.edited_at, found.edited_by)
    if found.id:
        number = found.id
        connection.execute(
            "UPDATE item SET kind = ?, owner = ?, state = ?, version = ?, created_at = ?, edited_at = ?, edited_by = ? WHERE id = ?",
            (*values, number),
        )
    else:
        inserted = connection.execute(
            "INSERT INTO item (kind, owner, state, version, created_at, edited_at, edited_by) VALUES (?, ?, ?, ?, ?, ?, ?)", values
        )
        number = inserted.lastrowid or 0
    item_rows.write_item(connection, number, found.item)
    return number


def remove_record(connection: sqlite3.Connection, item_id: int, by: str) -> None:
    """Conflicts about it are over; what ties it to mailboxes stays until their items are dealt with. The feed tells who did it."""
    connection.execute("UPDATE item SET version = 0, edited_by = ? WHERE id = ?", (by, item_id))
    connection.execute("DELETE FROM item WHERE id = ?", (item_id,))


def one_record(connection: sqlite3.Connection, item_id: int) -> Record | None:
    row = connection.execute("SELECT kind FROM item WHERE id = ?", (item_id,)).fetchone()
    return next(item_rows.read_records(connection, "id = ?", (item_id,), (ItemKind(row["kind"]),)), None) if row else None


def _taken(connection: sqlite3.Connection, key: str) -> ItemKeyTaken | None:
    row = connection.execute("SELECT request, item_id, version FROM item_edit_key WHERE client_key = ?", (key,)).fetchone()
    return ItemKeyTaken(request=row["request"], item_id=row["item_id"], version=row["version"]) if row else None
