"""POP3 over a connection that breaks anywhere, a mailbox that changes meanwhile: then a quiet look, and every message is there once."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import given, settings

from reconcile.errors import TransientError
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.pop3 import bodies
from reconcile.mail.pop3.inbox import Pop3Inbox
from reconcile.mail.pop3.marks import Pop3Marks
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.mailbox_state import Attempt
from reconcile.model.removal import MarkAction
from reconcile.model.secret import Secret
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.incoming import Received, receive
from reconcile.sync.marking import carry_out_marks
from support.applied import StillClock
from support.pop3_server import CAPABLE, Maildrop, serving

BOX = "box"
FLOOR = datetime(2026, 1, 1, tzinfo=UTC)


def message(number: int) -> bytes:
    """Some without an id, some older than the floor, some without a date, one larger than a piece."""
    name = b"" if number % 5 == 0 else b"Message-ID: <%d@contoso.example>\r\n" % number
    year = 2025 if number % 7 == 3 else 2026
    received = b"" if number % 4 == 1 else b"Received: by mx; Thu, 01 Jan %d 00:%02d:00 +0000\r\n" % (year, number % 60)
    return received + name + b"Subject: %d\r\n\r\n.dots\r\n" % number + (b"z" * 70 + b"\r\n") * (number * 37 % 50)


def is_wanted(number: int) -> bool:
    return not (number % 7 == 3 and number % 4 != 1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 6), st.booleans()),
        st.tuples(st.just("delete"), st.integers(0, 20), st.just(False)),
        st.tuples(st.just("reverse"), st.just(0), st.just(False)),
        st.tuples(st.just("cut"), st.integers(0, 9000), st.booleans()),
        st.tuples(st.just("look"), st.just(0), st.booleans()),
    ),
    max_size=9,
)


@given(STEPS, st.booleans(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_whatever_breaks_every_message_is_there_once(steps: list[tuple[str, int, bool]], pipelining: bool, removing: bool) -> None:
    drop = Maildrop(capabilities=tuple(one for one in CAPABLE if pipelining or one != "PIPELINING"))
    store, clock, count = MemoryMailStore(), StillClock(), 0
    offered: dict[int, bytes] = {}
    deleted_unseen: set[int] = set()
    marks = frozenset({MarkAction.DELETE}) if removing else frozenset[MarkAction]()
    # Small batches, so that connections break between them, too.
    with serving(drop) as port, patch.object(bodies, "BATCH_MESSAGES", 2):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", silence_timeout=3)
        account = PasswordSignIn("sales", Secret(b"secret word"))

        def look() -> str:
            inbox = Pop3Inbox(endpoint, account)
            error, breaks = "", 0
            try:
                with store.receive(BOX) as receiving:
                    breaks = receiving.state.breaks
                    try:
                        receive(inbox, receiving, floor=FLOOR, clock=clock, progress=Received(), beside=False, marks=marks)
                    finally:
                        inbox.close()
                    carry_out_marks(store.decisions, receiving.state, lambda: Pop3Marks(endpoint, account), allowed=marks)
            except TransientError as broken:
                error = type(broken).__name__
            breaks = breaks + 1 if error else 0
            store.record([Attempt(mailbox_id=BOX, at="2026-03-01T08:00:00Z", fingerprint="f", error_kind=error, breaks=breaks)])
            return error

        def tracked() -> list[int]:
            found = [store_activity.header.subject for store_activity in store.activities(mailbox_id=None, since=None, limit=None)]
            return sorted(int(subject) for subject in found)

        for what, number, flag in steps:
            match what:
                case "deliver":
                    for _ in range(number):
                        count += 1
                        offered[count] = message(count)
                        drop.messages.insert(0 if flag else len(drop.messages), (f"u{count}", offered[count]))
                case "delete" if drop.messages:
                    uid, _ = drop.messages.pop(number % len(drop.messages))
                    if int(uid[1:]) not in tracked():
                        deleted_unseen.add(int(uid[1:]))
                case "reverse":
                    drop.messages.reverse()
                case "cut":
                    drop.cut_after = number
                    look()
                    drop.cut_after = None
                case "look":
                    look()
        drop.cut_after = None
        assert [look() for _ in range(2)] == ["", ""]
    wanted = [number for number in offered if is_wanted(number)]
    assert [*tracked()] == [number for number in wanted if number not in deleted_unseen or number in tracked()]
    for activity in store.activities(mailbox_id=None, since=None, limit=None):
        assert b"".join(store.raw(activity.id)) == offered[int(activity.header.subject)]
    if removing:
        # What was kept is gone from the server, and nothing else.
        assert {int(uid[1:]) for uid, _ in drop.messages} == {*offered} - {*tracked()} - deleted_unseen
