"""A floor that moves: forward it leaves out, back it reads what was passed over, and nothing twice."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconcile.errors import CursorInvalid
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.incoming import Received, receive
from support.applied import START, StillClock

BOX = "box"


class Crash(BaseException):
    """The process ends here."""


def mailbox() -> MemoryMailbox:
    """Five messages, one a day, the last one on START; one has no Message-ID."""
    server = MemoryMailbox()
    for days in (4, 3, 2, 1, 0):
        head = b"" if days == 3 else b"Message-ID: <%d@contoso.example>\r\n" % days
        server.deliver(head + b"From: a@contoso.example\r\n\r\nday %d" % days, START - timedelta(days=days))
    return server


def look(server: MemoryMailbox, store: MemoryMailStore, floor: datetime | None) -> Received:
    progress = Received()
    with store.receive(BOX) as receiving:
        receive(MemoryInbox(server), receiving, floor=floor, clock=StillClock(), progress=progress, beside=False)
    return progress


def kept(store: MemoryMailStore) -> list[str]:
    bodies = (b"".join(store.raw(each.id)) for each in store.activities(mailbox_id=BOX, since=None, limit=None))
    return sorted(body.rpartition(b"\r\n")[2].decode() for body in bodies)


def days_ago(days: int) -> datetime:
    return START - timedelta(days=days)


def test_moved_back_reads_what_was_passed_over_and_nothing_twice() -> None:
    server, store = mailbox(), MemoryMailStore()
    first = look(server, store, days_ago(1))
    assert (kept(store), first.tracked, first.ignored) == (["day 0", "day 1"], 2, 3)
    again = look(server, store, days_ago(3))
    assert kept(store) == ["day 0", "day 1", "day 2", "day 3"]
    assert (again.reread, again.read, again.tracked, again.duplicates, again.ignored) == (True, 2, 2, 0, 1)
    state = store.states()[BOX]
    assert (state.tracked, state.duplicates, state.ignored, state.decided, state.generation) == (4, 0, 1, 5, 1)
    assert look(server, store, days_ago(3)).read == 0


def test_removed_reads_everything() -> None:
    server, store = mailbox(), MemoryMailStore()
    look(server, store, days_ago(0))
    look(server, store, None)
    assert len(kept(store)) == 5


def test_moved_forward_leaves_out_only_what_comes_later_and_back_again_finds_it() -> None:
    server, store = mailbox(), MemoryMailStore()
    look(server, store, days_ago(3))
    server.deliver(b"From: a@contoso.example\r\n\r\nlate", days_ago(2))
    assert look(server, store, days_ago(1)).tracked == 0
    assert len(kept(store)) == 4
    back = look(server, store, days_ago(3))
    assert (back.reread, back.tracked) == (True, 1)
    assert "late" in kept(store)


@pytest.mark.parametrize("step", range(14))
def test_a_crash_while_reading_again_loses_nothing(step: int) -> None:
    server, store = mailbox(), MemoryMailStore()
    look(server, store, days_ago(0))
    left = [step]

    def count(_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    store.interrupt = server.step = count
    try:
        look(server, store, None)
    except Crash:
        pass
    finally:
        store.interrupt = server.step = lambda _: None
    look(server, store, None)
    assert kept(store) == ["day 0", "day 1", "day 2", "day 3", "day 4"]


def test_asking_again_for_a_message_without_content_forgets_no_floor() -> None:
    server, store = mailbox(), MemoryMailStore()
    server.hollow.add(max(server.messages))
    look(server, store, days_ago(1))

    def broken(step: str) -> None:
        raise Crash(step)

    # It dies right after the attempt was counted, before anything else is written.
    store.interrupt = lambda step: broken(step) if step == "after commit" else None
    with pytest.raises(Crash):
        look(server, store, days_ago(1))
    store.interrupt = lambda _: None
    assert store.states()[BOX].floor == days_ago(1).strftime("%Y-%m-%dT%H:%M:%SZ")
    server.hollow.clear()
    look(server, store, None)
    assert len(kept(store)) == 5


def test_a_message_without_content_that_is_too_old_by_now_is_no_longer_missing() -> None:
    server, store = mailbox(), MemoryMailStore()
    server.hollow.add(min(server.messages))
    look(server, store, None)
    assert len(store.states()[BOX].missing) == 1
    look(server, store, days_ago(1))
    assert store.states()[BOX].missing == ()


def advancing(server: MemoryMailbox, store: MemoryMailStore, *, on: bool = True, hours: int = 0) -> None:
    clock = StillClock(START + timedelta(hours=hours))
    with store.receive(BOX) as receiving:
        receive(MemoryInbox(server), receiving, floor=days_ago(2), clock=clock, progress=Received(), beside=False, advancing=on)


def test_a_date_that_moves_with_the_mail_loses_what_is_late_until_it_is_turned_off() -> None:
    server, store = mailbox(), MemoryMailStore()
    advancing(server, store)
    assert kept(store) == ["day 0", "day 1", "day 2"]
    server.deliver(b"Message-ID: <late@contoso.example>\r\n\r\nlate", days_ago(1))
    server.deliver(b"Message-ID: <new@contoso.example>\r\n\r\nnew", START + timedelta(hours=1))
    advancing(server, store, hours=2)
    assert kept(store) == ["day 0", "day 1", "day 2", "new"]
    advancing(server, store, on=False, hours=2)
    assert kept(store) == ["day 0", "day 1", "day 2", "late", "new"]


def again(server: MemoryMailbox, store: MemoryMailStore, since: datetime) -> Received:
    progress = Received()
    with store.receive(BOX) as receiving:
        receive(
            MemoryInbox(server),
            receiving,
            floor=days_ago(4),
            clock=StillClock(),
            progress=progress,
            beside=False,
            again_from=since,
        )
    return progress


def test_going_back_on_purpose_brings_nothing_twice_and_moves_no_floor() -> None:
    server, store = mailbox(), MemoryMailStore()
    look(server, store, days_ago(4))
    before = store.states()[BOX]
    assert again(server, store, days_ago(2)).tracked == 0
    after = store.states()[BOX]
    assert (kept(store), after.floor, after.cursor) == ([f"day {day}" for day in range(5)], before.floor, before.cursor)
    assert look(server, store, days_ago(4)).read == 0


def test_going_back_needs_a_known_history() -> None:
    server, store = mailbox(), MemoryMailStore()
    look(server, store, None)
    server.renumber(8)
    with pytest.raises(CursorInvalid, match="anew"):
        again(server, store, days_ago(2))


def test_a_date_that_moves_leaves_out_nothing_that_is_asked_for_again() -> None:
    """It was in time when it came; that the server gave nothing of it then does not make it late."""
    server, store = mailbox(), MemoryMailStore()
    hollow = server.deliver(b"Message-ID: <slow@contoso.example>\r\n\r\nslow", START + timedelta(minutes=1))
    server.hollow.add(hollow)
    server.deliver(b"Message-ID: <new@contoso.example>\r\n\r\nnew", START + timedelta(hours=1))
    advancing(server, store, hours=2)
    server.hollow.clear()
    advancing(server, store, hours=2)
    assert kept(store) == ["day 0", "day 1", "day 2", "new", "slow"]


@pytest.mark.parametrize("step", range(20))
def test_a_date_that_moves_waits_until_everything_was_read(step: int) -> None:
    """A server may list the newest first, so what an interrupted look has kept tells nothing of what it has not read."""
    server, store = MemoryMailbox(), MemoryMailStore()
    for number in range(8):
        server.deliver(b"Message-ID: <%d@contoso.example>\r\n\r\n%d" % (number, number), START - timedelta(minutes=number))
    left = [step]

    def count(_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    store.interrupt = server.step = count
    with suppress(Crash):
        advancing(server, store)
    store.interrupt = server.step = lambda _: None
    advancing(server, store)
    assert kept(store) == [str(number) for number in range(8)]


def test_a_date_in_the_future_moves_nothing() -> None:
    server, store = mailbox(), MemoryMailStore()
    server.deliver(b"Message-ID: <wrong@contoso.example>\r\n\r\nwrong", START + timedelta(days=9000))
    advancing(server, store)
    server.deliver(b"Message-ID: <right@contoso.example>\r\n\r\nright", START + timedelta(minutes=1))
    advancing(server, store)
    assert kept(store) == ["day 0", "day 1", "day 2", "right", "wrong"]


def test_a_date_in_the_future_that_was_reached_before_holds_up_nothing() -> None:
    server, store = mailbox(), MemoryMailStore()
    advancing(server, store)
    store._states[BOX] = replace(store._states[BOX], latest="2199-01-01T00:00:00Z", floor="2199-01-01T00:00:00Z")
    server.deliver(b"Message-ID: <right@contoso.example>\r\n\r\nright", START + timedelta(minutes=1))
    advancing(server, store, hours=1)
    assert kept(store) == ["day 0", "day 1", "day 2", "right"]
    assert store.states()[BOX].latest == (START + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
