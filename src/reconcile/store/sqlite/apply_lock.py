"""Who may apply to an environment: a lease with a heartbeat and a fence, in the environment's own database.

Two things tell what became of a holder. Its liveness file says whether its process is there: when it is not, the next one takes over at
once, so that nobody waits for the dead. The lease says whether it still works: a process that is there but was stopped for longer than
its lease may be overtaken. Neither is needed for safety. Whoever takes over raises the fence, and every transaction of a holder compares
the fence after it has the write lock of the database, so one that was overtaken can write nothing more, whenever it wakes.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from reconcile.errors import Locked, ReconcileError, Unavailable
from reconcile.model import instant
from reconcile.model.audit_record import AuditRecord
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import LockHolder, LockState
from reconcile.store.liveness import clear_away, is_living, living
from reconcile.store.sqlite.audit_trail import append
from reconcile.store.sqlite.database import Database, translated

_NAME = "apply"
_PAUSE = 0.05
_COLUMNS = "fence, holder, owner, purpose, host, process, since, until, tick, length"


class ApplyLock:
    """The lock of one environment. `lease` is its length in seconds; it is renewed at a third of that."""

    def __init__(self, database: Database, clock: Clock, lease: float) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease

    @contextmanager
    def hold(self, *, owner: str, purpose: str, patience: float) -> Iterator[None]:
        """See `ApplyStore.lock`. Fences every write through this `Database` until the context ends."""
        holder = uuid.uuid4().hex
        with living(self._file(holder)):
            fence = self._acquire(holder, owner, purpose, patience)
            self._database.guard = lambda connection: _check(connection, fence, holder)
            stop = threading.Event()
            heart = threading.Thread(target=self._beat, args=(fence, holder, stop), name="lease", daemon=True)
            heart.start()
            try:
                yield
            finally:
                stop.set()
                heart.join()
                # Where it cannot be given back it ends with this process's liveness file; where it was taken there is nothing to give.
                with suppress(ReconcileError):
                    self._database.write(lambda connection: connection.execute("UPDATE lease SET holder = '' WHERE name = ?", (_NAME,)))
                self._database.guard = None

    def holder(self) -> LockHolder | None:
        """Who holds it now, and whether the next one would take over."""
        with translated(self._database.path), self._database.snapshot() as connection:
            row = _read(connection)
        return None if row is None or not row["holder"] else self._seen(row)

    def break_(self, *, actor: str, reason: str) -> LockHolder | None:
        """Fence off whoever holds it, and record that. Returns who it was; None when nobody held it."""

        def work(connection: sqlite3.Connection) -> LockHolder | None:
            row = _read(connection)
            if row is None or not row["holder"]:
                return None
            was = self._seen(row)
            self._put(connection, row["fence"] + 1, "", actor, f"lock break: {reason}")
            append(connection, self._record(actor, "break-lock", was, reason))
            return was

        return self._database.write(work)

    def _file(self, holder: str) -> Path:
        return self._database.path.with_suffix(f".{holder}.alive")

    def _acquire(self, holder: str, owner: str, purpose: str, patience: float) -> int:
        deadline = self._clock.monotonic() + patience
        while True:
            # Looked at before it is claimed: a claim takes the write lock that mail needs too.
            seen = self.holder()
            if seen is None or seen.state is not LockState.WORKING:
                claimed = self._claimed(seen, holder, owner, purpose)
                if isinstance(claimed, int):
                    clear_away(self._database.path.parent, self._file("*").name)
                    return claimed
                seen = claimed
            if self._clock.monotonic() >= deadline:
                raise Locked(self._words(seen), hint=_BUSY_HINT)
            self._clock.sleep(_PAUSE)

    def _claimed(self, seen: LockHolder | None, holder: str, owner: str, purpose: str) -> int | LockHolder:
        try:
            return self._database.write(lambda connection: self._claim(connection, holder, owner, purpose))
        except Unavailable as error:
            if seen is None or seen.state is LockState.DEAD:
                raise
            # SQLite lets nobody in while a process stands still inside a commit.
            words = f"{self._words(seen)}; it stands still inside a write"
            raise Locked(words, hint=f"End process {seen.process} (even kill -9 is safe), then run this again.") from error

    def _claim(self, connection: sqlite3.Connection, holder: str, owner: str, purpose: str) -> int | LockHolder:
        """The new fence, or who was faster."""
        row = _read(connection)
        fence = 1 if row is None else int(row["fence"]) + 1
        if row is not None and row["holder"]:
            seen = self._seen(row)
            if seen.state is LockState.WORKING:
                return seen
            if seen.state is LockState.OVERDUE:
                append(connection, self._record(owner, "take-over-lock", seen, f"not renewed since its lease ended at {seen.until}"))
        self._put(connection, fence, holder, owner, purpose)
        return fence

    def _put(self, connection: sqlite3.Connection, fence: int, holder: str, owner: str, purpose: str) -> None:
        now = self._clock.now()
        until = instant.text(now + timedelta(seconds=self._lease))
        connection.execute(
            f"INSERT OR REPLACE INTO lease (name, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _NAME,
                fence,
                holder,
                owner,
                purpose,
                socket.gethostname(),
                os.getpid(),
                instant.text(now),
                until,
                self._clock.monotonic(),
                self._lease,
            ),
        )

    def _beat(self, fence: int, holder: str, stop: threading.Event) -> None:
        def renew(connection: sqlite3.Connection) -> None:
            until = instant.text(self._clock.now() + timedelta(seconds=self._lease))
            connection.execute("UPDATE lease SET until = ?, tick = ? WHERE name = ?", (until, self._clock.monotonic(), _NAME))

        while not stop.wait(self._lease / 3):
            try:
                self._database.write(renew)
            except Locked:
                return
            except ReconcileError:
                # A disk that is full or slow for a while: the lease may run out meanwhile, and then the fence holds.
                continue

    def _seen(self, row: sqlite3.Row) -> LockHolder:
        if not is_living(self._file(row["holder"])):
            state = LockState.DEAD
        else:
            state = LockState.OVERDUE if self._clock.monotonic() - row["tick"] > row["length"] else LockState.WORKING
        return LockHolder(
            owner=row["owner"],
            purpose=row["purpose"],
            host=row["host"],
            process=row["process"],
            since=row["since"],
            until=row["until"],
            fence=row["fence"],
            state=state,
        )

    def _words(self, seen: LockHolder) -> str:
        where = f"{seen.purpose} since {seen.since}, process {seen.process} on {seen.host}"
        return f"{seen.owner} works on this environment ({self._database.path.parent.name}): {where}"

    def _record(self, actor: str, action: str, was: LockHolder, reason: str) -> AuditRecord:
        held = {"owner": was.owner, "purpose": was.purpose, "host": was.host, "process": was.process, "since": was.since}
        return AuditRecord(
            at=instant.text(self._clock.now()),
            actor=actor,
            apply_id="",
            action=action,
            key=f"Environment/{self._database.path.parent.name}",
            result="done",
            source="",
            revision="",
            detail=json.dumps({"reason": reason, "heldBy": held}, ensure_ascii=False, separators=(",", ":")),
        )


_BUSY_HINT = "Wait until it is done, or pass --wait-lock SECONDS; if it hangs, `reconcile lock break --reason TEXT` fences it off."
_FENCED_HINT = "What was applied until then is recorded: see `reconcile history`, then run it again."


def _read(connection: sqlite3.Connection) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(f"SELECT {_COLUMNS} FROM lease WHERE name = ?", (_NAME,)).fetchone()
    return row


def _check(connection: sqlite3.Connection, fence: int, holder: str) -> None:
    """Raises Locked when the lock is no longer ours. Called inside each transaction, before anything else in it."""
    row = _read(connection)
    if row is None:
        raise Locked("the lock of this environment is gone from its store", hint=_FENCED_HINT)
    if (row["fence"], row["holder"]) != (fence, holder):
        raise Locked(f"the lock was taken over by {row['owner']} ({row['purpose']}) at {row['since']}", hint=_FENCED_HINT)
