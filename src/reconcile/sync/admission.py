"""Hands out mailboxes so that no account and no server has more connections than it may, and none runs twice.

Taking one costs the same with ten that wait and with ten thousand: by server, and there by account, in the order they came.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from typing import Final

from reconcile.errors import HeldBack, ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.servers import Servers

#: How often it is asked again whether a circuit or a pause lets somebody through (seconds).
_ASK_AGAIN: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Mailboxes at the same time: over all, and per server. Each account's own limit comes with its mailbox."""

    parallel: int
    per_server: int


def server_of(mailbox: ReceivingMailbox) -> str:
    """As circuits are keyed."""
    return f"{mailbox.server.lower()}:{mailbox.port}"


@dataclass(slots=True)
class _Lane:
    """What waits at one server: groups that share an account, those whose account is full or rests apart."""

    open: OrderedDict[str, deque[ReceivingMailbox]] = field(default_factory=OrderedDict)
    full: dict[str, deque[ReceivingMailbox]] = field(default_factory=dict)
    running: int = 0


class Admission:
    """For several threads. A `closed` one gets no more than it has: then `next` ends when nothing is left that may start."""

    def __init__(self, limits: Limits, servers: Servers, *, closed: bool = False) -> None:
        self._limits = limits
        self._servers = servers
        self._closed = closed
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._busy: dict[str, int] = {}
        self._running: set[str] = set()
        self._waiting: set[str] = set()
        guard = threading.Lock()
        self._changed = threading.Condition(guard)
        self._ended = threading.Condition(guard)

    def renew(self, mailboxes: Iterable[ReceivingMailbox]) -> None:
        """Exactly these wait from now on, but for those that run. What ran on goes on."""
        with self._changed:
            for lane in self._lanes.values():
                lane.open.clear()
                lane.full.clear()
            self._waiting.clear()
            for mailbox in mailboxes:
                self._add(mailbox)
            self._lanes = OrderedDict((name, lane) for name, lane in self._lanes.items() if lane.open or lane.full or lane.running)
            self._changed.notify_all()

    def offer(self, mailbox: ReceivingMailbox) -> bool:
        """One more; False where it waits or runs already."""
        with self._changed:
            added = self._add(mailbox)
            if added:
                self._changed.notify()
            return added

    def _add(self, mailbox: ReceivingMailbox) -> bool:
        if mailbox.mailbox_id in self._waiting or mailbox.mailbox_id in self._running:
            return False
        self._waiting.add(mailbox.mailbox_id)
        self._servers.meets(mailbox.account_group, mailbox.mailbox_id, mailbox.fingerprint)
        lane = self._lanes.setdefault(server_of(mailbox), _Lane())
        group = mailbox.account_group
        place = lane.full if group in lane.full else lane.open
        place.setdefault(group, deque()).append(mailbox)
        return True

    def next(self, stopping: Callable[[], bool]) -> ReceivingMailbox | None:
        """Waits until one may start; None when none will."""
        with self._changed:
            while not stopping():
                found = self._take()
                if found is not None:
                    return found
                if self._closed and not self._running:
                    # Whoever waits now waits for a server or an account that may not be asked.
                    return None
                if self._closed and not self._waiting:
                    return None
                self._changed.wait(_ASK_AGAIN if self._waiting else 1.0)
            return None

    def _take(self) -> ReceivingMailbox | None:
        for name in list(self._lanes):
            lane = self._lanes[name]
            if not (lane.open or lane.full) or lane.running >= self._limits.per_server:
                continue
            if not self._servers.admits(name, running=lane.running):
                continue
            self._freed(lane)
            while lane.open:
                group, waiting = next(iter(lane.open.items()))
                if self._busy.get(group, 0) >= self._room(waiting[0]) or self._servers.rests(group):
                    lane.full[group] = lane.open.pop(group)
                    continue
                mailbox = waiting.popleft()
                del lane.open[group]
                if waiting:
                    lane.open[group] = waiting
                # The next one is of another server where there is one.
                self._lanes.move_to_end(name)
                self._begin(name, lane, mailbox)
                return mailbox
        return None

    def _freed(self, lane: _Lane) -> None:
        if lane.full and not lane.open:
            for group in [group for group, waiting in lane.full.items() if self._busy.get(group, 0) < self._room(waiting[0])]:
                lane.open[group] = lane.full.pop(group)

    def _room(self, mailbox: ReceivingMailbox) -> int:
        """How many of its account may run at once."""
        return mailbox.connections if self._servers.proven(mailbox.account_group) else 1

    def _begin(self, name: str, lane: _Lane, mailbox: ReceivingMailbox) -> None:
        self._waiting.discard(mailbox.mailbox_id)
        self._running.add(mailbox.mailbox_id)
        lane.running += 1
        self._busy[mailbox.account_group] = self._busy.get(mailbox.account_group, 0) + 1
        self._servers.started(name)

    def done(self, mailbox: ReceivingMailbox, error: ReconcileError | None = None, *, asked: bool = True) -> None:
        """It ended so; `asked`: whether its server was asked anything."""
        name, group = server_of(mailbox), mailbox.account_group
        with self._changed:
            lane = self._lanes[name]
            lane.running -= 1
            self._running.discard(mailbox.mailbox_id)
            left = self._busy.get(group, 1) - 1
            if left:
                self._busy[group] = left
            else:
                self._busy.pop(group, None)
            if group in lane.full:
                lane.open[group] = lane.full.pop(group)
            self._servers.ended(name, group, error, asked=asked)
            if isinstance(error, HeldBack):
                for held in (mailbox, *lane.open.get(group, ()), *lane.full.get(group, ())):
                    self._servers.meets(group, held.mailbox_id, held.fingerprint)
            # Whoever ended takes the place that is free; one more, where a server that came back takes one more.
            self._changed.notify()
            self._ended.notify_all()

    def close(self) -> None:
        """Nobody is admitted any more, and nothing comes."""
        with self._changed:
            self._closed = True
            for lane in self._lanes.values():
                lane.open.clear()
                lane.full.clear()
            self._waiting.clear()
            self._changed.notify_all()

    @property
    def idle(self) -> bool:
        """Whether nothing runs, and nothing waits that may start."""
        with self._changed:
            return not self._running and not self._waiting

    def wait_idle(self, seconds: float, stopping: Callable[[], bool]) -> bool:
        """Until nothing runs and whoever waits may not start, `seconds` at most; whether that came about."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._running or any(self._servers.admits(name, running=0) and lane.open for name, lane in self._lanes.items()):
                left = until - time.monotonic()
                if left <= 0 or stopping():
                    return False
                self._ended.wait(min(left, _ASK_AGAIN))
            return True

    def waiting(self) -> dict[str, int]:
        """How many wait, by server."""
        with self._changed:
            return {
                name: sum(map(len, lane.open.values())) + sum(map(len, lane.full.values()))
                for name, lane in self._lanes.items()
                if lane.open or lane.full
            }

    def left(self) -> Sequence[ReceivingMailbox]:
        """Those that wait."""
        with self._changed:
            return [one for lane in self._lanes.values() for place in (lane.open, lane.full) for group in place.values() for one in group]
