"""Many small looks at the store that share one snapshot, at most a moment old.

Each commit of another thread makes SQLite forget what it had read, so a look by itself reads the same pages once more (0.05 ms instead
of 0.01). Only for questions whose answer may be a moment old, because the transaction that acts on it asks again.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from reconcile.store.sqlite.database import Database

#: A snapshot keeps the write-ahead log from being cut off, so none is held for long.
_OLDEST_SECONDS: Final = 0.1
_MOST_LOOKS: Final = 256


class RecentView:
    """One thread at a time; `stale` may be set by any: the next look sees what is there then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._looks = 0
        self._until = 0.0
        self.stale = False

    def connection(self) -> sqlite3.Connection:
        """For one look, now."""
        connection = self._connection
        if connection is None:
            connection = self._connection = self._database.lent_reader()
        now = time.monotonic()
        if self.stale or not self._looks or self._looks >= _MOST_LOOKS or now >= self._until:
            self.stale = False
            self._end()
            connection.execute("BEGIN")
            self._until = now + _OLDEST_SECONDS
        self._looks += 1
        return connection

    def _end(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._looks = 0

    def close(self) -> None:
        """Raises nothing."""
        connection, self._connection = self._connection, None
        self._looks = 0
        if connection is not None:
            self._database.take_back(connection)
