"""Mails that are taken together because their turns come in a moment: one commit for all of them, and for the answers before.

Whoever looks at the outbox meanwhile sees them as being sent, so as many are taken as the last ones were quick. Where one of them takes
its time nevertheless, the others are given back, and the answers so far are written.

If the process dies here, the next run finds in the notes which of them were begun (sync/settling.py): the others wait as before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from reconcile.errors import ReconcileError
from reconcile.model.outbox_step import Claim, GiveBack, Reserve
from reconcile.model.outgoing import OutboxEntry
from reconcile.ports.outbox_store import Move
from reconcile.sync.decide.submission import SendingMailbox
from reconcile.sync.sending import Outgoing
from reconcile.sync.settling import Settling


class Reserved:
    """The mails that one connection has taken, and the pace at which it sends. One thread sends; `relax` belongs to another one."""

    def __init__(self, outgoing: Outgoing, settling: Settling, mailbox: SendingMailbox) -> None:
        self._outgoing = outgoing
        self._settling = settling
        self._mailbox = mailbox
        self._guard = threading.Lock()
        self._waiting: dict[int, OutboxEntry] = {}
        self._counted_at: datetime | None = None
        #: Given back, as they are since.
        self._returned: dict[int, OutboxEntry] = {}
        self._taken_at = 0.0
        self._pace: float | None = None
        self._since: float | None = None

    def known(self, listed: OutboxEntry) -> OutboxEntry:
        """The mail as it is where this connection has given it back, or else as it was listed."""
        with self._guard:
            return self._returned.get(listed.id, listed)

    def holds(self, entry_id: int) -> bool:
        with self._guard:
            return entry_id in self._waiting

    def is_stale(self) -> bool:
        """Whether this process stood still since they were taken: others may know better by now what is to become of them, and limits
        counted them when they would have gone out."""
        return self._outgoing.clock.monotonic() - self._taken_at >= self._outgoing.lease.total_seconds() / 4

    def room(self) -> int:
        """How many may be taken now."""
        if self._pace is None:
            return 0
        return min(int(self._outgoing.moment / max(self._pace, 1e-6)), self._outgoing.notes.room(self._outgoing.owner))

    def reserve(self, mails: Sequence[OutboxEntry]) -> None:
        """Take them, as far as nobody else has them and the limits of the account allow. Durable when this returns. A single one is not
        taken: it begins by itself, and so does one that comes between others that are taken already."""
        with self._guard:
            if len(mails) < 2 or self._waiting:
                return
        outgoing, at = self._outgoing, self._outgoing.clock.now()
        self._taken_at, self._counted_at = outgoing.clock.monotonic(), at
        step = Reserve(owner=outgoing.owner, limits=self._mailbox.limits, copy=self._mailbox.sent_copy)
        moves = [Move(known=one, steps=(Claim(owner=outgoing.owner, attempt=one.attempts + 1), step), at=at) for one in mails]
        outcomes = self._settling.follow(moves)
        with self._guard:
            self._waiting = {one.id: one for one in outcomes if isinstance(one, OutboxEntry)}

    def take(self, entry_id: int) -> OutboxEntry | None:
        """It is this mail's turn. None when it is not reserved (any more)."""
        with self._guard:
            return self._waiting.pop(entry_id, None)

    def unused(self, one: OutboxEntry, why: str) -> GiveBack:
        """The step of one that was reserved and is not handed over."""
        return GiveBack(owner=one.owner, attempt=one.attempts, why=why, limits=self._mailbox.limits, counted_at=self._counted_at)

    def give_back(self, why: str) -> None:
        """All whose turn has not come."""
        with self._guard:
            if not self._waiting:
                return
            outgoing, at = self._outgoing, self._outgoing.clock.now()
            moves = [Move(known=one, steps=(self.unused(one, why),), at=at) for one in self._waiting.values()]
            for one in outgoing.outbox.follow(moves):
                if isinstance(one, OutboxEntry):
                    self._returned[one.id] = one
            self._waiting.clear()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """While one mail is sent."""
        clock = self._outgoing.clock
        self._since = began = clock.monotonic()
        try:
            yield
        finally:
            self._since = None
            self._pace = clock.monotonic() - began

    def relax(self) -> None:
        """Give back what waits behind a mail that takes its time."""
        since = self._since
        if since is not None and self._outgoing.clock.monotonic() - since >= self._outgoing.patience:
            self.give_back("another mail takes its time; it waits for its turn")
            self._settling.flush()


class Relaxing:
    """Looks after all connections of a pass, from a thread of its own once there is something to look after."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._guard = threading.Lock()
        self._reserved: list[Reserved] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watched(self, reserved: Reserved) -> Iterator[None]:
        """While a connection sends. What it took and did not get to goes back."""
        with self._guard:
            self._reserved.append(reserved)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox turns", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._guard:
                self._reserved.remove(reserved)
            reserved.give_back("it is no longer its turn")

    def end(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._patience / 4):
            with self._guard:
                reserved = list(self._reserved)
            for one in reserved:
                # It is tried again soon; whoever sends meets the same error.
                with suppress(ReconcileError):
                    one.relax()
