"""What is done at the server: only to what is kept, only after the commit, and again where it is not known to be done."""

from __future__ import annotations

from contextlib import suppress

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.mail.memory_marks import MemoryMarks
from reconcile.model.removal import KEYWORDS, MarkAction
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.incoming import Received, receive
from reconcile.sync.marking import carry_out_marks
from support.applied import START, StillClock

BOX = "box"
DELETE = frozenset({MarkAction.DELETE})


class Death(BaseException):
    """The process ends here."""


def world(count: int = 5) -> tuple[MemoryMailbox, MemoryMailStore]:
    server, store = MemoryMailbox(), MemoryMailStore()
    for number in range(count):
        server.deliver(b"Message-ID: <%d@contoso.example>\r\n\r\nbody" % number, START)
    return server, store


def look(server: MemoryMailbox, store: MemoryMailStore, marks: frozenset[MarkAction] = DELETE) -> None:
    with store.receive(BOX) as receiving:
        receive(MemoryInbox(server), receiving, floor=None, clock=StillClock(), progress=Received(), beside=False, marks=marks)
        carry_out_marks(store.decisions, receiving.state, lambda: MemoryMarks(server), allowed=marks)


def kept(store: MemoryMailStore) -> int:
    return len(list(store.activities(mailbox_id=None, since=None, limit=None)))


def test_what_is_kept_is_deleted_and_forgotten() -> None:
    server, store = world()
    look(server, store)
    assert (server.messages, kept(store), dict(store.decisions.counts())) == ({}, 5, {})


def test_nothing_is_deleted_where_it_is_not_asked_for() -> None:
    server, store = world()
    look(server, store, frozenset())
    assert (len(server.messages), kept(store)) == (5, 5)


def test_what_is_not_asked_for_any_more_stays() -> None:
    server, store = world()
    with store.receive(BOX) as receiving:
        receive(MemoryInbox(server), receiving, floor=None, clock=StillClock(), progress=Received(), beside=False, marks=DELETE)
    look(server, store, frozenset())
    assert (len(server.messages), dict(store.decisions.counts())) == (5, {})


def test_numbers_of_an_earlier_history_delete_nothing() -> None:
    server, store = world()
    with store.receive(BOX) as receiving:
        receive(MemoryInbox(server), receiving, floor=None, clock=StillClock(), progress=Received(), beside=False, marks=DELETE)
    server.renumber(7)
    server.messages.pop(1)
    server.deliver(b"Message-ID: <new@contoso.example>\r\n\r\nnever read", START)
    with store.receive(BOX) as receiving:
        carry_out_marks(store.decisions, receiving.state, lambda: MemoryMarks(server), allowed=DELETE)
    assert len(server.messages) == 5
    look(server, store)
    assert (server.messages, kept(store)) == ({}, 6)


def test_keywords_are_set() -> None:
    server, store = world(2)
    look(server, store, frozenset({MarkAction.TRACKED}))
    assert server.keywords == {1: {KEYWORDS[MarkAction.TRACKED]}, 2: {KEYWORDS[MarkAction.TRACKED]}}


@pytest.mark.parametrize("dead", range(40))
def test_at_whatever_step_the_process_dies(dead: int) -> None:
    """Never gone at the server before it is kept; afterwards everything is kept once, and the server is empty."""
    server, store = world()
    left = [dead]

    def step(_: str) -> None:
        assert kept(store) + len(server.messages) >= 5
        left[0] -= 1
        if left[0] < 0:
            raise Death

    server.step = store.interrupt = step
    with suppress(Death):
        look(server, store)
    bodies = {b"".join(store.raw(each.id)) for each in store.activities(mailbox_id=None, since=None, limit=None)}
    there = {message for message, _ in server.messages.values()}
    assert len(bodies | there) == 5
    server.step = store.interrupt = lambda _: None
    look(server, store)
    assert (server.messages, kept(store)) == ({}, 5)


def test_a_server_that_breaks_is_asked_again() -> None:
    server, store = world()
    with store.receive(BOX) as receiving:
        receive(MemoryInbox(server), receiving, floor=None, clock=StillClock(), progress=Received(), beside=False, marks=DELETE)
        server.faults = [None, None, Unavailable("broken")]
        with pytest.raises(Unavailable):
            carry_out_marks(store.decisions, receiving.state, lambda: MemoryMarks(server), allowed=DELETE)
    server.faults = []
    assert len(server.messages) == 3
    look(server, store)
    assert (server.messages, kept(store)) == ({}, 5)
