"""What a try means, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, Throttled, Unavailable
from reconcile.model.outbox_step import Postpone
from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient, RecipientState, derived_state
from reconcile.ports.sender import Broken, Delivery, End, Refused, Reply, Taken, Unanswered
from reconcile.sync.decide.outgoing import RetryPolicy, after_no_connection, after_try
from support.applied import START

A, B = "a@contoso.example", "b@contoso.example"
OK, LATER, NO = Reply(code=250, text="ok"), Reply(code=450, text="greylisted"), Reply(code=550, text="no")
TAKEN = Taken(reply=OK)
POLICY = RetryPolicy(attempts=5)
P, S, F, U = RecipientState.PENDING, RecipientState.SENT, RecipientState.FAILED, RecipientState.UNCERTAIN


def entry(attempts: int = 1) -> OutboxEntry:
    return OutboxEntry(
        id=1,
        message_id="<1@contoso.example>",
        client_key="",
        request="",
        mailbox_id="box1",
        mailbox_name="sales",
        sender="sales@contoso.example",
        recipients=(Recipient(address=A, field=Field.TO), Recipient(address=B, field=Field.TO)),
        subject="",
        size=1,
        added_at=START,
        state=OutgoingState.PENDING,
        attempts=attempts,
        owner="run",
    )


@pytest.mark.parametrize(
    ("replies", "end", "expected"),
    [
        ({A: OK, B: OK}, TAKEN, (S, S)),
        ({A: OK, B: LATER}, TAKEN, (S, P)),
        ({A: OK, B: NO}, TAKEN, (S, F)),
        ({A: OK, B: Reply(code=552, text="too many recipients")}, TAKEN, (S, P)),
        ({A: LATER, B: LATER}, None, (P, P)),
        ({A: NO, B: LATER}, None, (F, P)),
        ({A: NO, B: NO}, None, (F, F)),
        ({}, Refused(step="MAIL", permanent=True, why="553"), (F, F)),
        ({}, Refused(step="MAIL", permanent=False, why="451"), (P, P)),
        ({A: OK, B: NO}, Refused(step="DATA", permanent=False, why="451"), (P, F)),
        ({A: OK, B: LATER}, Refused(step="end of data", permanent=True, why="554"), (F, P)),
        ({}, Broken(step="MAIL", why="gone"), (P, P)),
        ({A: NO}, Broken(step="RCPT", why="gone"), (F, P)),
        ({A: OK, B: OK}, Broken(step="DATA", why="gone"), (P, P)),
        ({A: OK, B: OK}, Unanswered(why="gone"), (U, U)),
        ({A: OK, B: LATER}, Unanswered(why="gone"), (U, P)),
        ({A: NO, B: OK}, Unanswered(why="gone"), (F, U)),
    ],
)
def test_each_recipient_gets_the_state_its_answers_mean(
    replies: dict[str, Reply], end: End | None, expected: tuple[RecipientState, RecipientState]
) -> None:
    step = after_try(entry(), "run", Delivery(recipients=replies, end=end), now=START, policy=POLICY)
    assert (step.results[A].state, step.results[B].state) == expected
    assert (step.next_try_at is not None) is (P in expected)
    assert all(result.reason for result in step.results.values())


def test_the_last_try_gives_up_what_waits_and_nothing_else() -> None:
    step = after_try(entry(5), "run", Delivery(recipients={A: OK, B: LATER}, end=Unanswered(why="gone")), now=START, policy=POLICY)
    assert (step.results[A].state, step.results[B].state) == (U, F)
    assert "given up after 5 tries" in step.results[B].reason
    assert step.next_try_at is None


@pytest.mark.parametrize(("attempt", "minutes"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (10_000, 60)])
def test_waits(attempt: int, minutes: int) -> None:
    assert RetryPolicy().wait(attempt) == timedelta(minutes=minutes)


def postponed(error: ReconcileError | None, *, since: timedelta | None = None, tries: int = 0) -> Postpone:
    waits = replace(entry(tries), owner="", tried_since=START - since if since is not None else None)
    return after_no_connection(waits, "why", now=START, error=error, policy=RetryPolicy())


@pytest.mark.parametrize(
    ("error", "minutes"),
    [
        (AuthenticationRejected("wrong password"), 60),
        (PermanentError("its certificate is out of date", about="server"), 60),
        (None, 60),
        (Throttled("left alone", retry_after=720), 12),
        (Throttled("a pause", retry_after=0), 1 / 60),
        (Throttled("for ever", retry_after=1e12), 24 * 60),
    ],
)
@pytest.mark.parametrize("tries", [0, 1000])
def test_a_mail_that_nobody_was_asked_about_waits_however_long_that_takes(error: ReconcileError | None, minutes: float, tries: int) -> None:
    step = postponed(error, since=timedelta(days=400), tries=tries)
    assert (step.give_up, step.asked, step.next_try_at) == (False, False, START + timedelta(minutes=minutes))


@pytest.mark.parametrize("error", [Unavailable("nobody answers", about="server"), Unavailable("not now", about="account")])
def test_a_server_that_stays_away_is_asked_ever_more_seldom_and_ends_it_after_days(error: ReconcileError) -> None:
    waits = [postponed(error, since=since).next_try_at - START for since in (None, *map(timedelta, (0, 0.01, 1)))]
    assert waits == [timedelta(minutes=1), timedelta(minutes=1), timedelta(days=0.01), timedelta(hours=1)]
    assert not postponed(error, since=timedelta(days=4.9), tries=1000).give_up
    last = postponed(error, since=timedelta(days=5))
    assert (last.give_up, last.why) == (True, "given up after 5 days: why")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((S, S), OutgoingState.SENT),
        ((S, F), OutgoingState.FAILED),
        ((F, P), OutgoingState.PENDING),
        ((U, P), OutgoingState.UNCERTAIN),
        ((U, F), OutgoingState.UNCERTAIN),
        ((RecipientState.SENDING, U), OutgoingState.SENDING),
    ],
)
def test_the_state_of_a_mail_asks_for_most_attention(states: tuple[RecipientState, RecipientState], expected: OutgoingState) -> None:
    assert derived_state(Recipient(address=str(n), field=Field.TO, state=state) for n, state in enumerate(states)) is expected


def test_the_products_numbers() -> None:
    numbers = {state.value: state.number for state in OutgoingState}
    assert numbers == {"draft": 1, "sent": 3, "pending-send": 6, "sending": 7, "failed": 8, "uncertain": None}


@pytest.mark.parametrize("replies", [{A: LATER, B: OK}, {A: NO, B: OK}, {A: OK, B: LATER}])
def test_the_reason_is_that_of_the_recipient_who_most_wants_a_person(replies: dict[str, Reply]) -> None:
    settled = after_try(entry(), "run", Delivery(recipients=replies, end=Unanswered(why="gone")), now=START, policy=POLICY)
    assert "may or may not have been sent" in settled.why
