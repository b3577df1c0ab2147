"""What is kept of files between runs, in a SQLite file that may vanish at any moment.

Nothing here may ever be wrong: every value carries a digest of itself, a damaged file is thrown away, and any fault of the
database means "not cached". So it can afford `synchronous=OFF`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

FILE_NAME = "documents-v3.db"

# Pages of some 250 files, about 120 kB each. Beyond it everything is dropped and the next runs fill it again.
_MOST = 4_000
_BUSY_SECONDS = 0.5
_BATCH = 500


class SqliteDocumentCache:
    """One file in `directory`, opened at first use, shared by processes. Never raises.

    `program` tells one state of our own code from another: what another one kept counts as damaged.
    """

    def __init__(self, directory: Path, *, program: str = "", most: int = _MOST) -> None:
        self._path = directory / FILE_NAME
        self._program = program
        self._most = most
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._given_up = False

    def get(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Those that are there and undamaged."""
        found: dict[str, bytes] = {}
        with self._lock, self._forgiving():
            connection = self._open()
            for start in range(0, len(keys), _BATCH):
                batch = keys[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                rows = connection.execute(f"SELECT key, digest, documents FROM parsed WHERE key IN ({marks})", batch)
                found.update((key, documents) for key, digest, documents in rows if digest == self._digest(key, documents))
        return found

    def put(self, entries: Mapping[str, bytes]) -> None:
        """In one transaction, or not at all."""
        with self._lock, self._forgiving():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                (count,) = connection.execute("SELECT count(*) FROM parsed").fetchone()
                if count + len(entries) > self._most:
                    connection.execute("DELETE FROM parsed")
                rows = ((key, self._digest(key, documents), documents) for key, documents in entries.items())
                connection.executemany("INSERT OR REPLACE INTO parsed (key, digest, documents) VALUES (?, ?, ?)", rows)
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Further use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._given_up:
            raise sqlite3.OperationalError("given up")
        if self._connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Documents may hold what should not be there: nobody else reads the file.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                # For a new file: values of a hundred kilobytes in as few reads as can be.
                connection.execute("PRAGMA page_size=65536")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=OFF")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS parsed (key TEXT PRIMARY KEY, digest BLOB NOT NULL, documents BLOB NOT NULL) WITHOUT ROWID"
                )
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, TypeError, ValueError) as error:
            busy = isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
            if not busy and not self._given_up:
                self._given_up = True
                self._discard(damaged=isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError))

    def _discard(self, *, damaged: bool) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if damaged:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    Path(f"{self._path}{suffix}").unlink()

    def _digest(self, key: str, documents: bytes) -> bytes:
        """Over all, so that a value cannot stand under another's key."""
        digest = hashlib.sha256(hashlib.sha256(f"{self._program}\0{key}".encode()).digest())
        digest.update(documents)
        return digest.digest()
