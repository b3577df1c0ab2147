"""The change feed in the environment's SQLite file. Migration 0021 has the triggers that write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity import Activity
from reconcile.model.feed import FeedAction, FeedCursor, FeedEntry, FeedKind, FeedPage, FeedRow, check_cursor, mark
from reconcile.model.item import ItemKind
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_record import Record
from reconcile.model.outgoing import OutboxEntry, OutboxEvent
from reconcile.store.sqlite import item_rows, mail_rows, outbox
from reconcile.store.sqlite.database import Database

_ITEMS = frozenset({FeedKind.APPOINTMENT, FeedKind.CONTACT, FeedKind.TASK})
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
            events = _events(connection, [row for row in rows if row["kind"] == FeedKind.OUTBOX and row["event"] is not None])
            items = _items(connection, {row["item"] for row in rows if row["kind"] in _ITEMS})
            conflicts = _conflicts(connection, {row["event"] for row in rows if row["kind"] in _ITEMS and row["event"] is not None})
            found = _Found(activities=activities, mails=mails, events=events, items=items, conflicts=conflicts)
            entries = tuple(_entry(after.epoch, row, found) for row in rows)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the entries of a page name, by numbers."""

    activities: dict[int, Activity]
    mails: dict[int, OutboxEntry]
    events: dict[tuple[int, int], OutboxEvent]
    items: dict[int, Record]
    conflicts: dict[int, ItemConflict]

    def row(self, kind: FeedKind, number: int) -> FeedRow:
        match kind:
            case FeedKind.EMAIL:
                return self.activities.get(number)
            case FeedKind.OUTBOX:
                return self.mails.get(number)
            case FeedKind.APPOINTMENT | FeedKind.CONTACT | FeedKind.TASK:
                return self.items.get(number)
            case _:
                assert_never(kind)


def _entry(epoch: str, row: sqlite3.Row, found: _Found) -> FeedEntry:
    sequence, kind, action, item, at, event, by = row
    return FeedEntry(
        cursor=FeedCursor(epoch, sequence, mark(sequence, kind, action, item, at)),
        kind=FeedKind(kind),
        action=FeedAction(action),
        id=item,
        at=at,
        row=found.row(FeedKind(kind), item),
        transition=found.events.get((item, event)) if kind == FeedKind.OUTBOX and event is not None else None,
        conflict=found.conflicts.get(event) if kind in _ITEMS and event is not None else None,
        by=by or "",
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


def _items(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, Record]:
    kinds = [ItemKind(row["kind"]) for row in _among(connection, "SELECT DISTINCT kind FROM item WHERE id IN (?)", ids)]
    where = "id IN (SELECT value FROM json_each(?))"
    return {one.id: one for one in item_rows.read_records(connection, where, (f"[{', '.join(map(str, ids))}]",), kinds)}


def _conflicts(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, ItemConflict]:
    return {row["id"]: item_rows.conflict(row) for row in _among(connection, "SELECT * FROM item_conflict WHERE id IN (?)", ids)}


def _among(connection: sqlite3.Connection, statement: str, ids: Collection[int]) -> Iterable[sqlite3.Row]:
    """Rows of a statement that asks for IN (?). One text for all of them, or the connection would keep a hundred long ones prepared."""
    numbers = f"[{', '.join(map(str, sorted(ids)))}]"
    return connection.execute(statement.replace("(?)", "(SELECT value FROM json_each(?))"), (numbers,)).fetchall() if ids else ()
