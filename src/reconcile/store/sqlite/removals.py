"""The journal of what is to be done at mail servers to messages that are decided here."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction
from reconcile.store.sqlite.database import Database


def journal_marks(
    connection: sqlite3.Connection, mailbox_id: str, generation: int, action: MarkAction, remote_ids: Sequence[RemoteId], *, at: str
) -> None:
    """In the transaction that keeps them."""
    connection.executemany(
        "INSERT OR IGNORE INTO mail_removals VALUES (?,?,?,?,?,?)",
        [(mailbox_id, generation, each.protocol, each.value, str(action), at) for each in remote_ids],
    )


class SqliteMarkJournal:
    """See `MarkJournal`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, mailbox_id: str, generation: int, action: MarkAction, *, limit: int) -> Sequence[RemoteId]:
        rows = self._database.reader().execute(
            "SELECT protocol, remote FROM mail_removals WHERE mailbox_id = ? AND generation = ? AND action = ? ORDER BY at, remote LIMIT ?",
            (mailbox_id, generation, str(action), limit),
        )
        return [RemoteId(row[0], row[1]) for row in rows]

    def done(self, mailbox_id: str, generation: int, action: MarkAction, remote_ids: Collection[RemoteId]) -> None:
        rows = [(mailbox_id, generation, each.value, str(action)) for each in remote_ids]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM mail_removals WHERE mailbox_id = ? AND generation = ? AND remote = ? AND action = ?", rows)
            # Numbers of an earlier history name other messages now.
            connection.execute("DELETE FROM mail_removals WHERE mailbox_id = ? AND generation < ?", (mailbox_id, generation))

        self._database.write(work)

    def counts(self) -> Mapping[str, int]:
        rows = self._database.reader().execute("SELECT mailbox_id, count(*) FROM mail_removals GROUP BY mailbox_id")
        return {row[0]: row[1] for row in rows}
