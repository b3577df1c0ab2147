"""The change feed in the environment's SQLite file. Migration 0007 has the triggers that write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from reconcile.model.activity import Activity
from reconcile.model.feed import FeedAction, FeedCursor, FeedEntry, FeedKind, FeedPage, check_cursor, mark
from reconcile.model.outgoing import OutboxEntry, OutboxEvent
from reconcile.store.sqlite import mail_rows, outbox
from reconcile.store.sqlite.database import Database

_EPOCH = "SELECT value FROM meta WHERE name = 'feed-epoch'"


def begin_epoch(connection: sqlite3.Connection) -> None:
    """From here on every cursor that was given before is refused. For whoever restores a store, in its transaction."""
    connection.execute("UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'feed-epoch'")


class SqliteFeed:
    """See `FeedReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beginning(self) -> FeedCursor:
        with self._database.snapshot() as connection:
            return FeedCursor(connection.execute(_EPOCH).fetchone()[0])

    def page(self, after: FeedCursor, *, limit: int, kinds: Collection[FeedKind]) -> FeedPage:
        with self._database.snapshot() as connection:
            newest = _checked(connection, after)
            chosen = sorted(kinds)
            rows = connection.execute(
                f"SELECT * FROM feed WHERE sequence > ? AND kind IN ({', '.join('?' * len(chosen))}) ORDER BY sequence LIMIT ?",
                (after.sequence, *chosen, limit),
            ).fetchall()
            activities = _activities(connection, {row["item"] for row in rows if row["kind"] == FeedKind.EMAIL})
            mails = _mails(connection, {row["item"] for row in rows if row["kind"] == FeedKind.OUTBOX})
            events = _events(connection, [row for row in rows if row["event"] is not None])
            entries = tuple(_entry(after.epoch, row, activities, mails, events) for row in rows)
            # Fewer than asked for: everything up to the newest was looked at.
            end = entries[-1].cursor if len(entries) == limit else _cursor(connection, after, newest)
            return FeedPage(entries=entries, end=end, more=end.sequence < newest)


def _checked(connection: sqlite3.Connection, cursor: FeedCursor) -> int:
    """The newest sequence. Raises CursorInvalid."""
    newest = connection.execute("SELECT coalesce(max(sequence), 0) FROM feed").fetchone()[0]
    check_cursor(cursor, epoch=connection.execute(_EPOCH).fetchone()[0], newest=newest, found=_mark(connection, cursor.sequence))
    return int(newest)


def _cursor(connection: sqlite3.Connection, after: FeedCursor, sequence: int) -> FeedCursor:
    found = _mark(connection, sequence)
    return FeedCursor(after.epoch, sequence, found) if found is not None else after


def _mark(connection: sqlite3.Connection, sequence: int) -> bytes | None:
    row = connection.execute("SELECT * FROM feed WHERE sequence = ?", (sequence,)).fetchone()
    return mark(row["sequence"], row["kind"], row["action"], row["item"], row["at"]) if row else None


def _entry(
    epoch: str,
    row: sqlite3.Row,
    activities: dict[int, Activity],
    mails: dict[int, OutboxEntry],
    events: dict[tuple[int, int], OutboxEvent],
) -> FeedEntry:
    sequence, kind, action, item, at, event = row
    return FeedEntry(
        cursor=FeedCursor(epoch, sequence, mark(sequence, kind, action, item, at)),
        kind=FeedKind(kind),
        action=FeedAction(action),
        id=item,
        at=at,
        row=activities.get(item) if kind == FeedKind.EMAIL else mails.get(item),
        transition=events.get((item, event)) if event is not None else None,
    )


def _activities(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, Activity]:
    mailboxes: dict[int, list[str]] = {}
    for number, mailbox_id in _among(
        connection, "SELECT DISTINCT activity_id, mailbox_id FROM mail_locations WHERE activity_id IN (?) ORDER BY mailbox_id", ids
    ):
        mailboxes.setdefault(number, []).append(mailbox_id)
    found = _among(connection, f"{mail_rows.SELECT_ACTIVITY} WHERE id IN (?)", ids)
    return {row["id"]: mail_rows.activity(row, mailboxes.get(row["id"], ())) for row in found}


def _mails(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, OutboxEntry]:
    return {entry.id: entry for entry in outbox.read(connection, _among(connection, "SELECT * FROM outbox WHERE id IN (?)", ids))}


def _events(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> dict[tuple[int, int], OutboxEvent]:
    found = _among(connection, "SELECT * FROM outbox_event WHERE entry IN (?)", {row["item"] for row in rows})
    return {(row["entry"], row["sequence"]): outbox.event(row) for row in found}


def _among(connection: sqlite3.Connection, statement: str, ids: Collection[int]) -> Iterable[sqlite3.Row]:
    """Rows of a statement that asks for IN (?). One text for all of them, or the connection would keep a hundred long ones prepared."""
    numbers = f"[{', '.join(map(str, sorted(ids)))}]"
    return connection.execute(statement.replace("(?)", "(SELECT value FROM json_each(?))"), (numbers,)).fetchall() if ids else ()
