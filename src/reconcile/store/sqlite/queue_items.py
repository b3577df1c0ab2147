"""Items of queues in the environment's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from reconcile.model.party import PartyRef, PartyType
from reconcile.model.queue_item import NewQueueItem, QueueCount, QueueItem, QueueItemReason
from reconcile.store.sqlite.database import Database


def keep_queue_items(connection: sqlite3.Connection, items: Iterable[tuple[int, NewQueueItem]], at: str) -> None:
    """(activity, item) in the caller's transaction; one a queue has already stays as it is.

    Those of an e-mail that is written in the same transaction are written before it: the feed then tells it once, as created.
    """
    connection.executemany(
        "INSERT OR IGNORE INTO queue_items (activity_id, queue_id, queue_name, why, at) VALUES (?, ?, ?, ?, ?)",
        ((activity_id, item.queue.id, item.queue.name, str(item.why), at) for activity_id, item in items),
    )


class SqliteQueueItems:
    """See `QueueItemReader`. `database` None reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def of_activities(self, activity_ids: Collection[int]) -> Mapping[int, Sequence[QueueItem]]:
        if self._database is None or not activity_ids:
            return {}
        found: dict[int, list[QueueItem]] = {}
        marks = ", ".join("?" * len(activity_ids))
        with self._database.snapshot() as connection:
            for row in connection.execute(f"SELECT * FROM queue_items WHERE activity_id IN ({marks}) ORDER BY id", tuple(activity_ids)):
                found.setdefault(row["activity_id"], []).append(_item(row))
        return found

    def items(self, *, queue: str = "", before: int | None = None, limit: int = 0) -> Sequence[QueueItem]:
        if self._database is None:
            return []
        conditions, values = ["1"], list[object]()
        if queue:
            conditions.append("(queue_id = ?1 OR queue_id IN (SELECT queue_id FROM queue_items WHERE queue_name = ?1))")
            values.append(queue)
        if before is not None:
            conditions.append("id < ?")
            values.append(before)
        with self._database.snapshot() as connection:
            rows = connection.execute(
                f"SELECT * FROM queue_items WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?", (*values, limit or -1)
            )
            return [_item(row) for row in rows]

    def queues(self) -> Sequence[QueueCount]:
        if self._database is None:
            return []
        with self._database.snapshot() as connection:
            # Of bare columns beside max() SQLite takes those of the row that has the maximum: the name the queue had last.
            rows = connection.execute("SELECT queue_id, queue_name, count(*), max(id), at FROM queue_items GROUP BY queue_id")
            found = [QueueCount(queue=PartyRef(type=PartyType.QUEUE, id=row[0], name=row[1]), items=row[2], newest=row[4]) for row in rows]
        return sorted(found, key=lambda each: (each.queue.name, each.queue.id))


def _item(row: sqlite3.Row) -> QueueItem:
    return QueueItem(
        id=row["id"],
        activity_id=row["activity_id"],
        queue=PartyRef(type=PartyType.QUEUE, id=row["queue_id"], name=row["queue_name"]),
        why=QueueItemReason(row["why"]),
        at=row["at"],
    )
