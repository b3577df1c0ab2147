"""Edits of tracked e-mail in the environment's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from reconcile.model import instant
from reconcile.model.activity_details import ActivityDetails
from reconcile.model.activity_edit import Edit, Edited, EditOutcome, KeyTaken, decided
from reconcile.store.sqlite import mail_rows
from reconcile.store.sqlite.database import Database


class SqliteEdits:
    """See `EditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def edit(self, edits: Sequence[Edit], *, at: datetime, by: str) -> Sequence[EditOutcome]:
        moment = instant.text(at.astimezone(UTC))
        return self._database.write(lambda connection: [_edit(connection, each, moment, by) for each in edits])


def _edit(connection: sqlite3.Connection, edit: Edit, at: str, by: str) -> EditOutcome:
    outcome, after = decided(edit, details_of(connection, edit.activity_id), _taken(connection, edit.client_key), at=at, by=by)
    if after is not None:
        write_details(connection, edit.activity_id, after)
    if edit.client_key and isinstance(outcome, Edited):
        connection.execute(
            "INSERT OR IGNORE INTO activity_edit_key VALUES (?, ?, ?, ?, ?)",
            (edit.client_key, edit.request, edit.activity_id, outcome.version, at),
        )
    return outcome


def details_of(connection: sqlite3.Connection, activity_id: int) -> ActivityDetails | None:
    """None where there is no such activity."""
    row = connection.execute(f"{mail_rows.SELECT_ACTIVITY} WHERE id = ?", (activity_id,)).fetchone()
    return mail_rows.details(row) if row else None


def _taken(connection: sqlite3.Connection, key: str) -> KeyTaken | None:
    row = connection.execute("SELECT request, activity_id, version FROM activity_edit_key WHERE client_key = ?", (key,)).fetchone()
    return KeyTaken(request=row["request"], activity_id=row["activity_id"], version=row["version"]) if row else None


def write_details(connection: sqlite3.Connection, activity_id: int, after: ActivityDetails) -> None:
    """As they are from now on; the change feed tells it."""
    about = after.regarding
    connection.execute(
        "INSERT INTO activity_details VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (activity_id) DO UPDATE SET"
        " version = ?2, regarding_type = ?3, regarding_id = ?4, regarding_name = ?5, owner = ?6, state = ?7, categories = ?8, note = ?9,"
        " edited_at = ?10, edited_by = ?11",
        (
            activity_id,
            after.version,
            about.type if about else "",
            about.id if about else "",
            about.name if about else "",
            after.owner,
            str(after.state),
            orjson.dumps(after.categories).decode(),
            after.note,
            after.edited_at,
            after.edited_by,
        ),
    )
