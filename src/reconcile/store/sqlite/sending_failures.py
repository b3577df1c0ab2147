"""Failures to send in the environment's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from reconcile.ports.sending_failures import SendingFailures
from reconcile.store.sqlite.database import Database, translated


class SqliteSendingFailures:
    """See `SendingFailureStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sending_failures(self) -> Mapping[str, SendingFailures]:
        with translated(self._database.path):
            rows = self._database.reader().execute("SELECT mailbox_id, failures, counted_at, error FROM sending_mailboxes").fetchall()
        return {row[0]: SendingFailures(failures=row[1], counted_at=row[2], error=row[3]) for row in rows}

    def keep(self, changed: Mapping[str, SendingFailures | None]) -> None:
        if not changed:
            return

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM sending_mailboxes WHERE mailbox_id = ?", [(name,) for name in changed])
            connection.executemany(
                "INSERT INTO sending_mailboxes VALUES (?, ?, ?, ?)",
                [(name, one.failures, one.counted_at, one.error) for name, one in changed.items() if one is not None],
            )

        self._database.write(work)
