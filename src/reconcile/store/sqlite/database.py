"""One SQLite file: numbered migrations, one writer thread with group commit, readers beside it.

Durable means that neither process death nor power loss undoes what `write` returned: WAL with `synchronous=FULL`. Works that
wait at the same time share one commit, which makes that nearly free. Each work runs in a savepoint of its own, so one that
fails takes nothing else with it.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from reconcile.errors import PermanentError, ReconcileError, SettingsError, Superseded, Unavailable
from reconcile.store.disk_room import is_full
from reconcile.store.in_use import use
from reconcile.store.sqlite.readers import Readers
from reconcile.store.sqlite.schema import migrations, newest_migration, statements

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

#: "rcnl": tells our files from anybody else's (PRAGMA application_id).
APPLICATION_ID = 0x72636E6C
_BUSY_SECONDS = 30.0
#: At most this many works share one commit, so that a waiting one is not held up without bound.
_GROUP = 256


class translated:
    """sqlite3's errors as ours. Constraint errors stay: they are bugs. A class, because it stands around every query: a generator costs
    as much as a small one."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.OperationalError):
            raise _unusable(self._path, error) from error
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise PermanentError(f"{self._path} is damaged or no SQLite file: {error}", hint="Restore it from a backup.") from error


def _unusable(path: Path, error: sqlite3.OperationalError) -> ReconcileError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return Unavailable(f"the store {path} is busy", hint="Another process is writing to it; try again.")
    # Without room for the index of its log, SQLite knows no more than that the disk failed.
    if "full" in text or ("disk I/O" in text and is_full(path.parent)):
        # No mailbox's fault: all of them go on by themselves once there is space.
        hint = "Free space on that disk; nothing was lost, and it goes on by itself."
        return PermanentError(f"no space left for the store {path}", hint=hint, about="profile")
    hint = "Check its folder's permissions and disk."
    if "readonly" in text or "unable to open" in text:
        # A WAL store keeps an index of its log beside it, also for readers.
        hint = "Its folder must be writable even for reading: mend that, or copy it and name the copy with --state-dir."
    return PermanentError(f"the store {path} cannot be used: {text}", hint=hint)


class Database:
    """Open with `Database.open`; close when done (or use as a context manager)."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._readers = Readers(self._connect_reader)
        self._guard = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        #: Whoever holds it writes, over the one connection for that.
        self._turn = threading.Lock()
        self._writing: sqlite3.Connection | None = None
        self._closed = False
        self._use: int | None = None
        self._schema = 0
        #: Called inside every transaction, with the write lock held and before any work of it; what it raises undoes them all.
        self.guard: Callable[[sqlite3.Connection], None] | None = None

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Database:
        """Open `path`; when writing is allowed, create it and bring it to this version's schema.

        Raises Superseded when the file was written by a newer version, SettingsError when it is to be read only and must be brought to
        this version first, or is none of ours; PermanentError when it is damaged.
        """
        database = cls(path, read_only=read_only)
        with translated(path):
            if read_only:
                connection = database._connect()
                try:
                    version = database._check(connection)
                    if version < newest_migration():
                        raise SettingsError(
                            f"{path} was written by an older version of reconcile (schema {version}, this one reads {newest_migration()})",
                            hint="Any command that writes brings it up to date: `reconcile apply` or `reconcile sync`.",
                        )
                finally:
                    connection.close()
            else:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # By default this lies inside the estate's repository, where `git add .` must not find tracked mail.
                with suppress(FileExistsError), (path.parent / ".gitignore").open("x") as ignore:
                    ignore.write("*\n")
                database._use = use(path)
                try:
                    database._schema = newest_migration()
                    database._migrate()
                except BaseException:
                    database.close()
                    raise
        return database

    @staticmethod
    def begun(path: Path) -> bool:
        """Whether `path` has a schema: a process that died while making the store leaves a file that holds nothing yet."""
        if not path.exists():
            return False
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        try:
            with translated(path):
                return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rwc"
        # The name of the folder may contain ? or #: quote it for the URI.
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys=ON")
        if not self.read_only:
            connection.execute("PRAGMA synchronous=FULL")
            # What is deleted is overwritten: a mail that was purged must not stand in free pages.
            connection.execute("PRAGMA secure_delete=ON")
        return connection

    def _check(self, connection: sqlite3.Connection) -> int:
        application: int = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        # Ours are marked in the transaction that makes their tables.
        foreign = application == 0 and (version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if application not in (0, APPLICATION_ID) or foreign:
            raise SettingsError(f"{self.path} is not a store of reconcile", hint="Point --state-dir at another folder.")
        newest = newest_migration()
        if version > newest:
            raise Superseded(
                f"{self.path} was written by a newer version of reconcile (schema {version}, this one knows {newest})",
                hint="Use that version or newer; nothing was changed.",
            )
        return version

    def _migrate(self) -> None:
        connection = self._connect()
        try:
            fresh = connection.execute("PRAGMA user_version").fetchone()[0] == 0
            if fresh and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                connection.execute("PRAGMA page_size=8192")
            connection.execute("PRAGMA journal_mode=WAL")
            # Only the owner may read mail and sealed credentials.
            with suppress(OSError):
                self.path.chmod(0o600)
            if self._check(connection) == newest_migration():
                return
            connection.execute("BEGIN IMMEDIATE")
            version = self._check(connection)
            for number, _, script in migrations():
                if version < number <= self._schema:
                    for statement in statements(script):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version={number:d}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _connect_reader(self) -> sqlite3.Connection:
        with translated(self.path):
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
        return connection

    def reader(self) -> sqlite3.Connection:
        """This thread's own connection for SELECT. Rows are sqlite3.Row."""
        return self._readers.own()

    def lent_reader(self) -> sqlite3.Connection:
        """A connection for SELECT whose holder gives it back with `take_back`."""
        return self._readers.lend()

    def take_back(self, connection: sqlite3.Connection) -> None:
        """What `lent_reader` gave. Raises nothing."""
        self._readers.take_back(connection)

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """`lent_reader` for a few SELECTs, each of which sees its own moment. Threads that come and go take this one: each `reader` that is
        opened reads the whole schema."""
        connection = self.lent_reader()
        try:
            yield connection
        finally:
            self.take_back(connection)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several SELECTs that see one moment."""
        with translated(self.path), self.lent() as connection:
            connection.execute("BEGIN")
            yield connection

    def write(self, work: Work[T]) -> T:
        """Run `work` in the writer thread; returns its result once it is durable, or raises what it raised."""
        return self.submit(work).result()

    def submit(self, work: Work[T]) -> Future[T]:
        """As `write`, without waiting. The future is resolved after the commit."""
        if self.read_only:
            raise PermissionError(f"{self.path} was opened for reading only")
        future: Future[T] = Future()
        with self._guard:
            if self._closed:
                raise RuntimeError("the store is closed")
            if self._writer is None:
                self._writer = threading.Thread(target=self._run, name=f"writer {self.path.name}", daemon=True)
                self._writer.start()
            self._queue.put((work, future))
        return future

    def write_here(self, work: Work[T]) -> T:
        """As `write`, in this thread where nobody else writes now: handing over to another thread and back costs more than the commit
        of a few rows. What this thread submitted and did not wait for may come after it."""
        if not self._queue.empty() or not self._turn.acquire(blocking=False):
            return self.write(work)
        try:
            if self.read_only or self._closed:
                return self.write(work)  # which refuses it
            future: Future[T] = Future()
            self._commit(self._write_connection(), [(work, future)])
        finally:
            self._turn.release()
        return future.result()

    def _write_connection(self) -> sqlite3.Connection:
        """For whoever has the turn."""
        if self._writing is None:
            with translated(self.path):
                self._writing = self._connect()
                # A statement that writes several rows keeps the pages it changes until it ends, by default in files of the system's
                # temporary folder: more was written there than here, and what stands in the store stood outside of the state folder.
                self._writing.execute("PRAGMA temp_store=MEMORY")
        return self._writing

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            with self._turn:
                group, last = [first], False
                while len(group) < _GROUP:
                    try:
                        following = self._queue.get_nowait()
                    except queue.Empty:
                        break
                    if following is None:
                        last = True
                        break
                    group.append(following)
                try:
                    connection = self._write_connection()
                except BaseException as error:  # noqa: BLE001  whoever waits for the future must not wait for ever
                    for _, future in group:
                        future.set_exception(error)
                else:
                    self._commit(connection, group)
            if last:
                break

    def _commit(self, connection: sqlite3.Connection, group: list[tuple[Work[Any], Future[Any]]]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        failed: list[tuple[Future[Any], BaseException]] = []
        try:
            with translated(self.path):
                connection.execute("BEGIN IMMEDIATE")
                self._check_schema(connection)
                if self.guard is not None:
                    self.guard(connection)
                # One by itself is taken back with the whole.
                several = len(group) > 1
                for work, future in group:
                    if several:
                        connection.execute("SAVEPOINT work")
                    try:
                        with translated(self.path):
                            done.append((future, work(connection)))
                    except BaseException as error:  # noqa: BLE001  it belongs to whoever waits for the future
                        if several and connection.in_transaction:
                            connection.execute("ROLLBACK TO work")
                            failed.append((future, error))
                        else:
                            # Alone; or a disk is full or fails, and SQLite has taken back everything, also what others of the group did:
                            # what is left of it must not begin a transaction of its own, which would be kept and reported as failed.
                            if connection.in_transaction:
                                connection.execute("ROLLBACK")
                            for _, each in group:
                                each.set_exception(error)
                            return
                    if several:
                        connection.execute("RELEASE work")
                connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001  likewise, and the next work must find no transaction of this one
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            for _, future in group:
                future.set_exception(error)
            return
        for future, result in done:
            future.set_result(result)
        for future, reason in failed:
            future.set_exception(reason)

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        """Whoever has the store open while a newer version brings it to its schema must not go on writing as it knows it."""
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != self._schema:
            raise Superseded(
                f"{self.path} was brought to schema {version} by another version of reconcile since this process opened it "
                f"(this one writes schema {self._schema})",
                hint="Nothing of this was written. Start that version.",
            )

    def close(self) -> None:
        """Waits for works already submitted."""
        with self._guard:
            self._closed = True
            writer, self._writer = self._writer, None
            if writer is not None:
                self._queue.put(None)
        if writer is not None:
            writer.join()
        with self._turn:
            writing, self._writing = self._writing, None
        if writing is not None:
            writing.close()
        self._readers.close()
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def empty_log(self) -> bool:
        """Bring the write-ahead log into the database and cut it off, so that it has no page as it was before. False when somebody
        still reads from it: try again later."""
        connection = self._connect()
        try:
            connection.execute("PRAGMA busy_timeout=2000")
            with translated(self.path):
                return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.close()

    def copy(self, target: Path) -> None:
        """Everything as of one moment into the empty file `target`, without what was deleted. Others read and write meanwhile."""
        connection = self._connect()
        try:
            with translated(target):
                connection.execute("VACUUM INTO ?", (str(target),))
        finally:
            connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
