"""Looks that go on over passes: stragglers, kept connections, servers that are away and come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from reconcile.errors import PermanentError, Unavailable, Unsupported
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.model.mailbox_state import Attempt
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.admission import Limits
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.kept import Kept
from reconcile.sync.look import LookTools, MailboxRun
from reconcile.sync.receivers import Receivers
from reconcile.sync.servers import Servers
from reconcile.sync.watching import Watching
from support.mail_fleet import Fleet, fleet_mailbox


@contextmanager
def receiving(fleet: Fleet, *, parallel: int = 4, per_server: int = 4, kept: int = 0) -> Iterator[Receivers]:
    made = Receivers(
        store=fleet.store,
        clock=fleet.clock,
        limits=Limits(parallel=parallel, per_server=per_server),
        servers=Servers(clock=fleet.clock, full=per_server),
        kept=Kept(most=kept),
    )
    try:
        yield made
    finally:
        made.close()


def a_pass(made: Receivers, fleet: Fleet, mailboxes: Sequence[ReceivingMailbox], seconds: float = 5.0) -> list[MailboxRun]:
    states = fleet.store.states()
    due = [one for one in mailboxes if made.is_recorded(one.mailbox_id, states.get(one.mailbox_id)) and fleet.is_due(one)]
    made.look(due, LookTools(store=fleet.store, connect=fleet.connect, clock=fleet.clock))
    return made.collect(seconds)


def test_a_slow_mailbox_delays_nobody_and_runs_once() -> None:
    go_on = threading.Event()

    def failing(mailbox: ReceivingMailbox) -> None:
        if mailbox.name == "slow":
            go_on.wait(10)

    fleet = Fleet(failing=failing)
    boxes = [fleet_mailbox(name) for name in ("slow", "a", "b")]
    with receiving(fleet) as made:
        for _ in range(3):
            runs = a_pass(made, fleet, boxes, seconds=0.3)
            assert sorted(run.mailbox.name for run in runs) == ["a", "b"]
            fleet.clock.pass_by(minutes=6)
        assert fleet.connected.count("slow") == 1
        go_on.set()
        assert "slow" in {run.mailbox.name for run in a_pass(made, fleet, boxes)}
    assert fleet.connected.count("a") == 4


def test_who_was_looked_at_is_not_due_again_before_it_is_recorded() -> None:
    fleet = Fleet()
    with receiving(fleet) as made:
        a_pass(made, fleet, [fleet_mailbox("a")])
        assert a_pass(made, fleet, [fleet_mailbox("a")]) == []
    assert fleet.connected == ["a"]


class _FullDisk:
    """A store that cannot record, while `full`."""

    def __init__(self, store: MemoryMailStore) -> None:
        self.store, self.full = store, True

    def record(self, attempts: Sequence[Attempt]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.store.record(attempts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_what_the_store_refuses_is_told_and_recorded_later() -> None:
    fleet = Fleet()
    disk = _FullDisk(fleet.store)
    fleet.store = disk  # type: ignore[assignment]
    with receiving(fleet) as made:
        with pytest.raises(OSError, match="No space"):
            a_pass(made, fleet, [fleet_mailbox("a")])
        disk.full = False
        assert len(a_pass(made, fleet, [fleet_mailbox("a"), fleet_mailbox("b")])) == 1
        fleet.clock.pass_by(minutes=6)
        assert len(a_pass(made, fleet, [fleet_mailbox("a"), fleet_mailbox("b")])) == 2
    assert {name: state.looks for name, state in fleet.store.states().items()} == {"a": 2, "b": 2}


def test_ten_thousand_do_not_storm_a_server_that_comes_back() -> None:
    """While it is away one tries at a time, ever more seldom; when it is back there are one, then two, then three at a time."""
    away, running, most = [True], [0], [0]
    guard = threading.Lock()

    def failing(_: ReceivingMailbox) -> None:
        if away[0]:
            raise Unavailable("no route", about="server")
        with guard:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.001)
        with guard:
            running[0] -= 1

    fleet = Fleet(failing=failing)
    boxes = [fleet_mailbox(f"m{number}") for number in range(200)]
    with receiving(fleet, parallel=16, per_server=8) as made:
        for _ in range(120):
            a_pass(made, fleet, boxes)
            fleet.clock.pass_by(seconds=15)
        # Half an hour: the eight that ran at once when it went away, and probes after 30, 60, 120, 240, 480 seconds, then every 15 minutes.
        assert 5 <= len(fleet.connected) <= 8 + 7
        assert made.waiting() == {"imap.contoso.example:993": 200 - len({*fleet.connected}) + _due_again(fleet, boxes)}
        (outage,) = made.servers.outages().values()
        assert (outage.server, outage.error) == ("imap.contoso.example:993", "no route")
        away[0] = False
        for _ in range(200):
            a_pass(made, fleet, boxes)
            fleet.clock.pass_by(seconds=15)
            if made.servers.outages() == {} and made.waiting() == {}:
                break
        states = fleet.store.states()
        assert len(states) == 200
        assert {state.error_kind for state in states.values()} == {""}
        assert {state.failures for state in states.values()} == {0}
        assert most[0] <= 8
    assert fleet.enablements.enablements() == {}


def _due_again(fleet: Fleet, boxes: Sequence[ReceivingMailbox]) -> int:
    known = fleet.store.states()
    return sum(box.mailbox_id in known and fleet.is_due(box) for box in boxes)


def test_a_kept_connection_is_looked_at_again_and_put_away_when_it_must() -> None:
    fleet, box = Fleet(), fleet_mailbox("a")
    with receiving(fleet, kept=2) as made:
        for _ in range(3):
            a_pass(made, fleet, [box])
            fleet.clock.pass_by(minutes=6)
        assert fleet.connected == ["a"]
        made.kept.retain({"a": "changed"})
        a_pass(made, fleet, [box])
        assert fleet.connected == ["a", "a"]
        fleet.clock.pass_by(minutes=6)
        fleet.servers["a"].faults = [Unavailable("gone")]
        a_pass(made, fleet, [box])
        fleet.clock.pass_by(minutes=6)
        a_pass(made, fleet, [box])
        # What failed is not kept.
        assert fleet.connected == ["a", "a", "a"]


def test_no_more_are_kept_than_may_be_and_none_that_lock_the_mailbox() -> None:
    kept = Kept(most=2)
    inboxes = {name: MemoryInbox(MemoryMailbox()) for name in "abcde"}
    for name in "abc":
        kept.give(fleet_mailbox(name), inboxes[name], True)
    kept.give(fleet_mailbox("d", protocol="pop3"), inboxes["d"], True)
    kept.give(fleet_mailbox("e", connections=1), inboxes["e"], True)
    assert {name: inbox.closed for name, inbox in inboxes.items()} == {"a": True, "b": False, "c": False, "d": True, "e": True}
    kept.close()
    assert all(inbox.closed for inbox in inboxes.values())


@dataclass
class _Watcher:
    waits: Callable[[], bool]
    closed: threading.Event

    def wait(self, timeout: float) -> bool:
        return self.waits()

    def close(self) -> None:
        self.closed.set()


def test_news_make_a_mailbox_due_at_once() -> None:
    fleet, box = Fleet(), fleet_mailbox("a", idle=True)
    news, closed = threading.Semaphore(0), threading.Event()

    def waits() -> bool:
        return news.acquire(timeout=0.05)

    with receiving(fleet) as made:
        a_pass(made, fleet, [box])
        watching = Watching(most=1, servers=made.servers, connect=lambda _: _Watcher(waits, closed), news=made.offer)
        watching.want([box, fleet_mailbox("b", idle=True)])
        for number in (2, 3):
            news.release()
            deadline = time.monotonic() + 5
            while len(fleet.connected) < number and time.monotonic() < deadline:
                time.sleep(0.01)
            made.collect(5)
            assert fleet.connected == ["a"] * number
        watching.want([])
        assert closed.wait(5)
        watching.close()


@pytest.mark.parametrize("error", [Unsupported("no IDLE", field="incoming.idle"), PermanentError("wrong password")])
def test_who_cannot_be_watched_is_not_tried_again(error: PermanentError) -> None:
    tries: list[str] = []

    def connect(mailbox: ReceivingMailbox) -> _Watcher:
        tries.append(mailbox.fingerprint)
        raise error

    fleet = Fleet()
    watching = Watching(most=5, servers=Servers(clock=fleet.clock, full=4), connect=connect, news=lambda _: None)
    for fingerprint in ("f", "f", "g"):
        watching.want([fleet_mailbox("a", idle=True, fingerprint=fingerprint)])
        time.sleep(0.05)
    watching.close()
    assert tries == ["f", "g"]


def test_another_watch_begins_where_other_folders_are_to_be_watched() -> None:
    """They follow from the organization, too, which the fingerprint does not show."""
    made: list[tuple[tuple[str, ...], bool]] = []

    def connect(mailbox: ReceivingMailbox) -> _Watcher:
        made.append((mailbox.folders, mailbox.items))
        raise PermanentError("not now")

    fleet = Fleet()
    watching = Watching(most=5, servers=Servers(clock=fleet.clock, full=4), connect=connect, news=lambda _: None)
    for more in ({}, {}, {"items": True}, {"items": True, "folders": ("Projects",)}):
        watching.want([replace(fleet_mailbox("a", idle=True), **more)])
        time.sleep(0.05)
    watching.close()
    assert made == [((), False), ((), True), (("Projects",), True)]
