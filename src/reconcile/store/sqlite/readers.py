"""Connections to one database for SELECT: a thread's own, and those that are lent for a moment."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable


class Readers:
    """`connect` opens one. For several threads. Whoever is given one that was used before finds its schema read and its statements
    compiled, which costs more than to ask a mailbox's few questions."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._own = threading.local()
        self._owned: list[sqlite3.Connection] = []
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._closed = False

    def own(self) -> sqlite3.Connection:
        """This thread's, until all are closed."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connect()
            with self._guard:
                self._owned.append(connection)
        return connection

    def lend(self) -> sqlite3.Connection:
        """One that nobody else has until `take_back`."""
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def take_back(self, connection: sqlite3.Connection) -> None:
        """What was lent; what it looked at together ends. Raises nothing."""
        try:
            if connection.in_transaction:
                connection.execute("COMMIT")
        except sqlite3.Error:
            connection.close()
            return
        with self._guard:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Those that are lent are closed when they come back."""
        with self._guard:
            self._closed = True
            connections, self._owned, self._idle = [*self._owned, *self._idle], [], []
        for connection in connections:
            connection.close()
