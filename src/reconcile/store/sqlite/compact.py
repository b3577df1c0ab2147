"""Rewriting packs without what was purged from them.

The mail that stays is copied into a new pack and synced; one transaction moves its rows and retires the old pack; then the old file goes.
If the process dies before the transaction, the new file holds nothing that a row names and is cut off when it is next opened; after it,
the old file waits to be taken away by whoever compacts next. Readers find a mail in either place (see `SqliteMailStore.raw`). A pack that
somebody writes to is locked, and left for later.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from reconcile.errors import PermanentError
from reconcile.model.purge import Erased
from reconcile.store.sqlite.backup import packs_stay
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.pack_rows import PackRows
from reconcile.store.sqlite.packs import Packs, sync_folder, translated

#: A pack is rewritten for the loop once this share of it was purged, or what was purged from it is this old.
WORTH_WHILE = 0.25
LONGEST = timedelta(days=1)
_CHUNK = 1 << 20
#: Whose rows name bytes in packs.
_TABLES = ("mail_activities", "mail_quarantine")
_STAYING = " UNION ALL ".join(f"SELECT '{table}', id, offset, size FROM {table} WHERE pack = :pack" for table in _TABLES) + " ORDER BY 3"


class Compactor:
    """`packs` is the folder of packs."""

    def __init__(self, database: Database, packs: Path) -> None:
        self._database = database
        self._folder = packs
        self._rows = PackRows(database)

    def next(self, *, now: str, at_once: bool) -> Erased:
        """Rewrite one pack that needs it. Raises PermanentError when the disk does not take it."""
        self._cut_tails()
        self._sweep()
        rows = self._database.reader().execute("SELECT id, committed, erase, erase_since FROM mail_packs WHERE erase > 0 AND retired = 0")
        due = [row for row in rows.fetchall() if at_once or _is_due(row, now)]
        waiting = 0
        for row in due:
            with self._alone(row["id"]) as descriptor:
                if descriptor is None:
                    waiting += 1
                    continue
                self._rewrite(row["id"], descriptor, now)
                self._sweep()
            return Erased(packs=1, octets=row["erase"], waiting=waiting)
        return Erased(waiting=waiting)

    @contextmanager
    def _alone(self, number: int) -> Iterator[int | None]:
        path = self._folder / f"{number:08d}.pack"
        with translated(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            # Whoever had it until now may have compacted it.
            still = self._database.reader().execute("SELECT 1 FROM mail_packs WHERE id = ? AND retired = 0 AND erase > 0", (number,))
            yield descriptor if still.fetchone() else None
        finally:
            os.close(descriptor)

    def _rewrite(self, number: int, descriptor: int, now: str) -> None:
        staying = self._database.reader().execute(_STAYING, {"pack": number}).fetchall()
        if not staying:
            self._database.write(lambda connection: _retire(connection, number))
            return
        packs = Packs(self._folder, self._rows.committed, highest=self._rows.highest)
        pack = packs.make()
        try:
            moves: dict[str, list[tuple[int, int, int, int]]] = {table: [] for table in _TABLES}
            for table, identifier, offset, size in staying:
                moves[table].append((pack.number, pack.end, identifier, number))
                self._copy(descriptor, offset, size, pack.write)
            pack.sync()
            end = pack.end
            self._database.write(lambda connection: _move(connection, number, pack.number, end, moves, now))
            pack.committed = end
        except BaseException:
            # Whether it was committed is for the database to say, when the pack is opened again.
            pack.committed = pack.end
            raise
        finally:
            pack.close()

    def _copy(self, descriptor: int, offset: int, size: int, write: object) -> None:
        assert callable(write)
        while size:
            chunk = os.pread(descriptor, min(size, _CHUNK), offset)
            if not chunk:
                raise PermanentError(
                    f"a pack of {self._folder} ends before a message that it should hold",
                    hint="Restore it from a backup, then purge again.",
                )
            write(chunk)
            offset, size = offset + len(chunk), size - len(chunk)

    def _cut_tails(self) -> None:
        """What a process that died wrote behind the last byte that a row names may be mail that was purged since."""
        with translated(self._folder):
            for path in self._folder.glob("*.pack"):
                if not path.stem.isdigit() or path.stat().st_size <= (self._rows.committed(int(path.stem)) or 0):
                    continue
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Only now: until the lock was ours its holder may have committed more. A retired one goes as a whole.
                    committed = self._rows.committed(int(path.stem))
                    if committed is not None and os.fstat(descriptor).st_size > committed:
                        os.ftruncate(descriptor, committed)
                        os.fsync(descriptor)
                except BlockingIOError:
                    continue
                finally:
                    os.close(descriptor)

    def _sweep(self) -> None:
        """Take away the files of retired packs, unless a backup is reading packs."""
        retired = [row[0] for row in self._database.reader().execute("SELECT id FROM mail_packs WHERE retired = 1")]
        if not retired:
            return
        with packs_stay(self._folder.parent, shared=False) as allowed:
            if not allowed:
                return
            with translated(self._folder):
                for number in retired:
                    (self._folder / f"{number:08d}.pack").unlink(missing_ok=True)
                sync_folder(self._folder)
            self._database.write(
                lambda connection: (
                    connection.executemany("UPDATE mail_packs SET retired = 2 WHERE id = ?", [(each,) for each in retired]) and None
                )
            )


def _is_due(row: sqlite3.Row, now: str) -> bool:
    old = row["erase_since"] and datetime.fromisoformat(now) - datetime.fromisoformat(row["erase_since"]) >= LONGEST
    return bool(old) or row["erase"] >= WORTH_WHILE * row["committed"]


def _retire(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("UPDATE mail_packs SET retired = 1, committed = 0, free = 0, erase = 0, erase_since = '' WHERE id = ?", (number,))


def _move(
    connection: sqlite3.Connection, old: int, new: int, end: int, moves: dict[str, list[tuple[int, int, int, int]]], now: str
) -> None:
    for table, rows in moves.items():
        connection.executemany(f"UPDATE {table} SET pack = ?, offset = ? WHERE id = ? AND pack = ?", rows)
    named = sum(row["size"] for row in connection.execute(_STAYING, {"pack": new}))
    # What was purged while it was being copied stands in the new pack, for the next round.
    connection.execute(
        "INSERT INTO mail_packs (id, committed, erase, erase_since) VALUES (?, ?, ?, ?)",
        (new, end, end - named, now if end > named else ""),
    )
    _retire(connection, old)
