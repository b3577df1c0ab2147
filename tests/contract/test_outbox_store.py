"""What every outbox must do, in memory and in SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from reconcile.errors import PreconditionFailed, Throttled, UserError
from reconcile.model.activity_details import Regarding
from reconcile.model.outbox_step import Abandon, Begin, Claim, Confirm, GiveBack, RecipientResult, Reserve, Retry, Settle, Withdraw
from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient, RecipientState
from reconcile.model.sending_limits import SendingLimits
from reconcile.model.sent_folder import CopyState, SentFolder
from reconcile.ports.outbox_store import Added, Move, NewMail, OutboxStore, TokenNumbers
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from support.applied import START

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "sqlite"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OutboxStore]:
    if request.param == "memory":
        yield MemoryOutbox()
    else:
        with Database.open(tmp_path / "engine.db") as database:
            yield SqliteOutbox(database)


def mail(number: int = 1, *, key: str = "", request: str = "r", at: datetime = START) -> OutboxEntry:
    return OutboxEntry(
        id=0,
        message_id=f"<{number}@contoso.example>",
        client_key=key,
        request=request,
        mailbox_id="box1",
        mailbox_name="sales",
        sender="sales@contoso.example",
        recipients=(
            Recipient(address="a@contoso.example", field=Field.TO),
            Recipient(address="b@contoso.example", field=Field.BCC),
        ),
        subject="Grüße\u2028",
        size=5,
        added_at=at,
        state=OutgoingState.PENDING,
        next_try_at=at,
    )


def done(state: RecipientState, *addresses: str) -> dict[str, RecipientResult]:
    return {
        address: RecipientResult(state=state, reason=f"is {state}") for address in addresses or ("a@contoso.example", "b@contoso.example")
    }


def settle(owner: str, attempt: int, results: dict[str, RecipientResult], later: datetime | None = None) -> Settle:
    return Settle(owner=owner, attempt=attempt, results=results, next_try_at=later, why="said")


def sending(outbox: OutboxStore, number: int = 1, *, owner: str = "run-1", until: datetime = START + MINUTE) -> OutboxEntry:
    """A mail between Begin and Settle."""
    number = outbox.add(mail(number), b"bytes").entry.id
    outbox.hold_lease(owner, until=until)
    outbox.advance(number, Claim(owner=owner), at=START)
    return outbox.advance(number, Begin(owner=owner, recipients=("a@contoso.example", "b@contoso.example")), at=START)


def test_what_is_added_is_read_back_whole(outbox: OutboxStore) -> None:
    first, second = (outbox.add(mail(number), b"\0\xff%d" % number).entry for number in (1, 2))
    assert first == replace(mail(1), id=first.id)
    assert outbox.entry(first.id) == first
    assert list(outbox.entries()) == [first, second]
    assert list(outbox.entries(limit=1)) == [first]
    assert list(outbox.entries(states=[OutgoingState.SENT])) == []
    assert list(outbox.entries(states=[OutgoingState.SENT, OutgoingState.PENDING], mailbox_id="box1")) == [first, second]
    assert list(outbox.entries(mailbox_id="box2")) == []
    assert outbox.content(second.id) == b"\0\xff2"
    assert [(event.sequence, event.origin, event.state) for event in outbox.events(first.id)] == [(1, None, OutgoingState.PENDING)]
    assert outbox.entry(99) is None
    with pytest.raises(UserError):
        outbox.content(99)
    with pytest.raises(UserError):
        outbox.advance(99, Claim(owner="x"), at=START)


def test_a_key_names_one_mail_for_ever(outbox: OutboxStore) -> None:
    first = outbox.add(mail(1, key="order-7"), b"one")
    again = outbox.add(mail(2, key="order-7"), b"two")
    assert not first.existed
    assert again.existed
    assert again.entry == first.entry
    assert outbox.content(first.entry.id) == b"one"
    with pytest.raises(UserError, match="used for another mail"):
        outbox.add(mail(3, key="order-7", request="other"), b"three")
    with pytest.raises(UserError, match="already in the outbox"):
        outbox.add(mail(1), b"one")
    assert len(outbox.entries()) == 1


def test_two_runs_cannot_take_the_same_mail(outbox: OutboxStore) -> None:
    number = outbox.add(mail(), b"bytes").entry.id
    for owner in ("run-1", "run-2"):
        outbox.hold_lease(owner, until=START + MINUTE)
    taken = outbox.advance(number, Claim(owner="run-1"), at=START)
    assert (taken.owner, taken.attempts, taken.state) == ("run-1", 1, OutgoingState.PENDING)
    assert list(outbox.due(at=START)) == []
    with pytest.raises(PreconditionFailed):
        outbox.advance(number, Claim(owner="run-2"), at=START)
    with pytest.raises(PreconditionFailed):
        outbox.advance(number, Begin(owner="run-2", recipients=("a@contoso.example",)), at=START)
    # The first run dies before it hands anything over: the second may take the mail once the lease is over, the first no longer.
    later = START + 2 * MINUTE
    assert [entry.id for entry in outbox.due(at=later)] == [number]
    outbox.advance(number, Claim(owner="run-2"), at=later)
    with pytest.raises(PreconditionFailed):
        outbox.advance(number, Begin(owner="run-1", recipients=("a@contoso.example",)), at=later)


def test_many_threads_claim_each_mail_once(outbox: OutboxStore) -> None:
    numbers = [outbox.add(mail(number), b"").entry.id for number in range(20)]
    won: list[tuple[int, str]] = []

    def run(owner: str) -> None:
        outbox.hold_lease(owner, until=START + MINUTE)
        for number in numbers:
            try:
                outbox.advance(number, Claim(owner=owner), at=START)
                won.append((number, owner))
            except PreconditionFailed:
                continue

    threads = [threading.Thread(target=run, args=(f"run-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in won) == numbers


def test_due_means_pending_and_in_time_and_free(outbox: OutboxStore) -> None:
    early, late = outbox.add(mail(1), b"").entry, outbox.add(replace(mail(2), next_try_at=START + MINUTE), b"").entry
    assert [entry.id for entry in outbox.due(at=START)] == [early.id]
    assert [entry.id for entry in outbox.due(at=START + MINUTE)] == [early.id, late.id]
    outbox.hold_lease("run-1", until=START + 5 * MINUTE)
    outbox.advance(early.id, Claim(owner="run-1"), at=START)
    assert [entry.id for entry in outbox.due(at=START + MINUTE)] == [late.id]
    outbox.end_lease("run-1")
    assert [entry.id for entry in outbox.due(at=START + MINUTE)] == [early.id, late.id]


def test_a_definite_answer_ends_it_and_frees_the_rest(outbox: OutboxStore) -> None:
    entry = sending(outbox)
    assert entry.state is OutgoingState.SENDING
    later = START + 3 * MINUTE
    results = {**done(RecipientState.SENT, "a@contoso.example"), **done(RecipientState.PENDING, "b@contoso.example")}
    settled = outbox.advance(entry.id, settle("run-1", 1, results, later), at=START)
    assert (settled.state, settled.next_try_at, settled.owner) == (OutgoingState.PENDING, later, "")
    assert [one.address for one in settled.in_state(RecipientState.PENDING)] == ["b@contoso.example"]
    outbox.advance(entry.id, Claim(owner="run-1"), at=later)
    with pytest.raises(PreconditionFailed):  # only who still waits may be handed to
        outbox.advance(entry.id, Begin(owner="run-1", recipients=("a@contoso.example",)), at=later)
    assert [event.state for event in outbox.events(entry.id)] == [OutgoingState.PENDING, OutgoingState.SENDING, OutgoingState.PENDING]


def test_a_settlement_must_account_for_everybody_being_sent_to(outbox: OutboxStore) -> None:
    entry = sending(outbox)
    with pytest.raises(PreconditionFailed):
        outbox.advance(entry.id, settle("run-1", 1, done(RecipientState.SENT, "a@contoso.example")), at=START)
    assert outbox.entry(entry.id) == entry


def test_a_dead_sender_leaves_an_uncertain_mail_that_nobody_repeats(outbox: OutboxStore) -> None:
    entry = sending(outbox)
    assert list(outbox.orphans(at=START)) == []
    with pytest.raises(PreconditionFailed):
        outbox.advance(entry.id, Abandon(), at=START)
    later = START + 2 * MINUTE
    assert [one.id for one in outbox.orphans(at=later)] == [entry.id]
    lost = outbox.advance(entry.id, Abandon(), at=later)
    assert lost.state is OutgoingState.UNCERTAIN
    assert list(outbox.due(at=later + 1000 * MINUTE)) == []
    with pytest.raises(PreconditionFailed):
        outbox.advance(entry.id, Claim(owner="run-2"), at=later)
    with pytest.raises(UserError, match="not known whether"):
        outbox.advance(entry.id, Retry(by="admin"), at=later)
    again = outbox.advance(entry.id, Retry(by="admin", checked_not_sent=True), at=later)
    assert (again.state, again.attempts) == (OutgoingState.PENDING, 0)
    assert "admin checked that it was not sent" in outbox.events(entry.id)[-1].why
    assert [one.id for one in outbox.due(at=later)] == [entry.id]


def test_a_late_answer_still_counts_until_a_person_has_decided(outbox: OutboxStore) -> None:
    entry, later = sending(outbox), START + 2 * MINUTE
    outbox.advance(entry.id, Abandon(), at=later)
    settled = outbox.advance(entry.id, settle("run-1", 1, done(RecipientState.SENT)), at=later)
    assert settled.state is OutgoingState.SENT
    assert "late answer" in outbox.events(entry.id)[-1].why


def test_a_late_answer_does_not_speak_for_a_newer_try(outbox: OutboxStore) -> None:
    entry, later = sending(outbox), START + 2 * MINUTE
    outbox.advance(entry.id, Abandon(), at=later)
    outbox.advance(entry.id, Retry(by="admin", checked_not_sent=True), at=later)
    outbox.hold_lease("run-2", until=later + MINUTE)
    outbox.advance(entry.id, Claim(owner="run-2"), at=later)
    with pytest.raises(PreconditionFailed):
        outbox.advance(entry.id, settle("run-1", 1, done(RecipientState.SENT)), at=later)


def test_a_person_may_confirm_an_uncertain_mail_only(outbox: OutboxStore) -> None:
    entry = sending(outbox)
    with pytest.raises(UserError, match="not uncertain"):
        outbox.advance(entry.id, Confirm(by="admin"), at=START)
    outbox.advance(entry.id, Abandon(), at=START + 2 * MINUTE)
    assert outbox.advance(entry.id, Confirm(by="admin"), at=START + 2 * MINUTE).state is OutgoingState.SENT
    with pytest.raises(UserError, match="was sent"):
        outbox.advance(entry.id, Retry(by="admin", checked_not_sent=True), at=START + 3 * MINUTE)


def test_a_failed_mail_is_tried_again_on_request_for_those_who_did_not_get_it(outbox: OutboxStore) -> None:
    entry = sending(outbox)
    results = {**done(RecipientState.SENT, "a@contoso.example"), **done(RecipientState.FAILED, "b@contoso.example")}
    assert outbox.advance(entry.id, settle("run-1", 1, results), at=START).state is OutgoingState.FAILED
    again = outbox.advance(entry.id, Retry(by="admin"), at=START)
    assert [one.address for one in again.in_state(RecipientState.PENDING)] == ["b@contoso.example"]
    assert [one.address for one in again.in_state(RecipientState.SENT)] == ["a@contoso.example"]


def test_a_retry_by_hand_does_not_cross_a_run_that_has_the_mail(outbox: OutboxStore) -> None:
    number = outbox.add(mail(), b"bytes").entry.id
    outbox.hold_lease("run-1", until=START + MINUTE)
    outbox.advance(number, Claim(owner="run-1"), at=START)
    with pytest.raises(PreconditionFailed, match="being sent"):
        outbox.advance(number, Retry(by="admin"), at=START)
    later = START + 2 * MINUTE
    assert outbox.advance(number, Retry(by="admin"), at=later).owner == ""
    with pytest.raises(PreconditionFailed):
        outbox.advance(number, Begin(owner="run-1", recipients=("a@contoso.example",)), at=later)


def test_leases_of_dead_runs_do_not_pile_up(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        outbox = SqliteOutbox(database)
        for day in range(10):
            outbox.hold_lease(f"run-{day}", until=START + timedelta(days=day))
        assert database.reader().execute("SELECT count(*) FROM outbox_lease").fetchone()[0] == 2


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        outbox = SqliteOutbox(database)
        entry = sending(outbox)
        events = outbox.events(entry.id)
    with Database.open(tmp_path / "engine.db", read_only=True) as database:
        outbox = SqliteOutbox(database)
        assert outbox.entry(entry.id) == entry
        assert outbox.events(entry.id) == events


def test_the_table_of_events_numbers_without_gaps(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        outbox = SqliteOutbox(database)
        entry = sending(outbox)
        outbox.advance(entry.id, settle("run-1", 1, done(RecipientState.SENT)), at=START)
        rows: list[sqlite3.Row] = database.reader().execute("SELECT sequence, from_state, to_state FROM outbox_event").fetchall()
        assert [tuple(row) for row in rows] == [(1, None, "pending-send"), (2, "pending-send", "sending"), (3, "sending", "sent")]


def test_a_waiting_mail_can_be_withdrawn_and_brought_back(outbox: OutboxStore) -> None:
    entry = outbox.add(mail(), b"bytes").entry
    gone = outbox.advance(entry.id, Withdraw(by="admin"), at=START)
    assert (gone.state, {one.reason for one in gone.recipients}) == (OutgoingState.FAILED, {"admin withdrew it"})
    assert outbox.due(at=START + MINUTE) == []
    assert outbox.advance(entry.id, Retry(by="admin"), at=START + MINUTE).state is OutgoingState.PENDING


def test_what_a_living_run_has_taken_is_not_withdrawn_and_a_dead_run_cannot_begin_it(outbox: OutboxStore) -> None:
    entry = outbox.add(mail(), b"bytes").entry
    outbox.hold_lease("run", until=START + MINUTE)
    outbox.advance(entry.id, Claim(owner="run"), at=START)
    with pytest.raises(PreconditionFailed, match="being sent"):
        outbox.advance(entry.id, Withdraw(by="admin"), at=START)
    later = START + 2 * MINUTE
    assert outbox.advance(entry.id, Withdraw(by="admin"), at=later).state is OutgoingState.FAILED
    with pytest.raises(PreconditionFailed):
        outbox.advance(entry.id, Begin(owner="run", recipients=("a@contoso.example",)), at=later)


def test_a_mail_that_was_sent_is_not_withdrawn(outbox: OutboxStore) -> None:
    entry = outbox.add(mail(), b"bytes").entry
    outbox.hold_lease("run", until=START + MINUTE)
    outbox.advance(entry.id, Claim(owner="run"), at=START)
    outbox.advance(entry.id, Begin(owner="run", recipients=("a@contoso.example", "b@contoso.example")), at=START)
    outbox.advance(entry.id, Settle(owner="run", attempt=1, results=done(RecipientState.SENT), next_try_at=None, why="ok"), at=START)
    with pytest.raises(UserError, match="is sent"):
        outbox.advance(entry.id, Withdraw(by="admin"), at=START)


def test_many_are_added_together_each_with_its_own_outcome(outbox: OutboxStore) -> None:
    first = outbox.add(mail(1, key="k1"), b"1").entry
    outcomes = outbox.add_all(
        [
            NewMail(entry=mail(2, key="k2"), content=b"2"),
            NewMail(entry=mail(3, key="k1"), content=b"3"),
            NewMail(entry=mail(4, key="k1", request="other"), content=b"4"),
            NewMail(entry=mail(2, key="k5"), content=b"5"),
            NewMail(entry=mail(6, key="k2"), content=b"6"),
        ]
    )
    assert [getattr(one, "existed", type(one).__name__) for one in outcomes] == [False, True, "UserError", "UserError", True]
    assert [getattr(one, "entry", first).id for one in outcomes] == [2, 1, 1, 1, 2]
    assert [entry.id for entry in outbox.entries()] == [1, 2]
    assert outbox.content(2) == b"2"
    assert outbox.add_all([]) == []


def test_mails_are_found_by_their_keys(outbox: OutboxStore) -> None:
    entries = [outbox.add(mail(number, key=f"k{number}"), b"x").entry for number in (1, 2)]
    outbox.add(mail(3), b"x")
    assert outbox.keyed(["k1", "k2", "k3", ""]) == {"k1": entries[0], "k2": entries[1]}
    assert outbox.keyed([]) == {}


def test_what_is_postponed_is_due_when_its_time_has_come(outbox: OutboxStore) -> None:
    entry = outbox.add(replace(mail(), postponed_until=START + MINUTE), b"x").entry
    assert outbox.entry(entry.id) == entry
    assert list(outbox.due(at=START + MINUTE - timedelta(microseconds=1))) == []
    assert [one.id for one in outbox.due(at=START + MINUTE)] == [entry.id]


def test_numbers_of_tokens_are_given_out_once(outbox: OutboxStore) -> None:
    assert outbox.count_tokens({"box1": 2, "box2": 1}) == {
        "box1": TokenNumbers(ordinal=1, first=1),
        "box2": TokenNumbers(ordinal=2, first=1),
    }
    assert outbox.count_tokens({"box2": 5}) == {"box2": TokenNumbers(ordinal=2, first=2)}
    assert outbox.count_tokens({"box3": 1, "box1": 1}) == {
        "box3": TokenNumbers(ordinal=3, first=1),
        "box1": TokenNumbers(ordinal=1, first=3),
    }
    assert outbox.count_tokens({}) == {}


def test_what_a_mail_bears_is_read_back(outbox: OutboxStore) -> None:
    about = Regarding(type="order", id="7", name="Süd")
    folder = SentFolder(copy=CopyState.WANTED, tries=3, next_at=START + MINUTE, note="later")
    full = replace(
        mail(),
        tracking_token="CRM:0001001",
        submitter_id="box9",
        submitter_name="desk",
        regarding=about,
        tried_since=START,
        sent_folder=folder,
    )
    entry = outbox.add(full, b"x").entry
    assert outbox.entry(entry.id) == entry == replace(full, id=entry.id)
    assert list(outbox.copies_due(at=START + MINUTE)) == []  # owed only once it is sent


def test_several_steps_count_together_or_not_at_all(outbox: OutboxStore) -> None:
    number = outbox.add(mail(), b"bytes").entry.id
    outbox.hold_lease("run-1", until=START + MINUTE)
    begun = outbox.advance(number, Claim(owner="run-1"), Begin(owner="run-1", recipients=("a@contoso.example",)), at=START)
    assert (begun.state, begun.attempts, begun.owner) == (OutgoingState.SENDING, 1, "run-1")
    assert begun == outbox.entry(number)
    assert [event.state for event in outbox.events(number)] == [OutgoingState.PENDING, OutgoingState.SENDING]
    other = outbox.add(mail(2), b"bytes").entry
    with pytest.raises(PreconditionFailed):
        outbox.advance(other.id, Claim(owner="run-1"), Begin(owner="run-1", recipients=("stranger@contoso.example",)), at=START)
    assert outbox.entry(other.id) == other
    assert len(outbox.events(other.id)) == 1


def test_the_answer_to_a_mail_and_the_begin_of_the_next_are_written_together(outbox: OutboxStore) -> None:
    first, listed = sending(outbox), outbox.add(mail(2), b"bytes").entry
    taking = (Claim(owner="run-1", attempt=1), Begin(owner="run-1", recipients=("a@contoso.example",), copy=True))
    sent, begun = outbox.follow(
        [
            Move(known=first, steps=(settle("run-1", 1, done(RecipientState.SENT)),), at=START),
            Move(known=listed, steps=taking, at=START),
        ]
    )
    assert (sent, begun) == (outbox.entry(first.id), outbox.entry(listed.id))
    assert isinstance(sent, OutboxEntry)
    assert isinstance(begun, OutboxEntry)
    assert (sent.state, begun.state, begun.attempts, begun.owner) == (OutgoingState.SENT, OutgoingState.SENDING, 1, "run-1")
    assert [event.state for event in outbox.events(begun.id)] == [OutgoingState.PENDING, OutgoingState.SENDING]
    assert [event.sequence for event in outbox.events(first.id)] == [1, 2, 3]


@pytest.mark.parametrize("known", ["as it is", "as it was"])
def test_a_move_goes_from_what_is_there_whatever_was_known(outbox: OutboxStore, known: str) -> None:
    """Another run took the mail meanwhile; or a person let its tries count anew, which the claim must not overlook."""
    listed = outbox.add(mail(1), b"bytes").entry
    first = sending(outbox, 2)
    taken = outbox.advance(listed.id, Claim(owner="run-2"), at=START)
    outbox.hold_lease("run-2", until=START + MINUTE)
    claim = (Claim(owner="run-1", attempt=1), Begin(owner="run-1", recipients=("a@contoso.example",)))
    settled, refused = outbox.follow(
        [
            Move(known=first, steps=(settle("run-1", 1, done(RecipientState.SENT)),), at=START),
            Move(known=taken if known == "as it is" else listed, steps=claim, at=START),
        ]
    )
    assert isinstance(refused, PreconditionFailed)
    assert outbox.entry(listed.id) == taken
    assert isinstance(settled, OutboxEntry)
    assert settled.state is OutgoingState.SENT, "the answer counts, whatever becomes of the next mail"
    assert outbox.entry(first.id) == settled


def test_a_late_answer_follows_although_the_mail_was_given_up_meanwhile(outbox: OutboxStore) -> None:
    known = sending(outbox)
    outbox.end_lease("run-1")
    outbox.advance(known.id, Abandon(), at=START)
    (late,) = outbox.follow([Move(known=known, steps=(settle("run-1", 1, done(RecipientState.SENT)),), at=START)])
    assert isinstance(late, OutboxEntry)
    assert (late.state, outbox.events(known.id)[-1].why[:12]) == (OutgoingState.SENT, "late answer:")


def test_a_recipient_who_is_no_longer_as_known_is_not_overwritten(outbox: OutboxStore) -> None:
    known = sending(outbox)
    lying = replace(known, recipients=tuple(replace(one, state=RecipientState.PENDING) for one in known.recipients))
    (found,) = outbox.follow([Move(known=lying, steps=(settle("run-1", 1, done(RecipientState.SENT)),), at=START)])
    assert isinstance(found, OutboxEntry)
    assert found == outbox.entry(known.id)
    assert [event.sequence for event in outbox.events(known.id)] == [1, 2, 3]


def test_a_limit_that_is_reached_stops_the_begin_and_not_the_answer(outbox: OutboxStore) -> None:
    limits = SendingLimits(account="a", per_minute=1)
    listed, first = outbox.add(mail(1), b"bytes").entry, sending(outbox, 2)
    other = outbox.add(mail(3), b"bytes").entry
    begin = Begin(owner="run-1", recipients=("a@contoso.example",), limits=limits)
    settled, begun = outbox.follow(
        [
            Move(known=first, steps=(settle("run-1", 1, done(RecipientState.SENT)),), at=START),
            Move(known=listed, steps=(Claim(owner="run-1"), begin), at=START),
        ]
    )
    assert isinstance(settled, OutboxEntry)
    assert isinstance(begun, OutboxEntry)
    answered, throttled = outbox.follow(
        [
            Move(known=begun, steps=(settle("run-1", 1, done(RecipientState.SENT)),), at=START),
            Move(known=other, steps=(Claim(owner="run-1"), begin), at=START),
        ]
    )
    assert isinstance(answered, OutboxEntry)
    assert isinstance(throttled, Throttled)
    assert outbox.entry(other.id) == other


def test_what_is_given_back_is_not_counted_and_no_other_goes_uncounted(outbox: OutboxStore) -> None:
    limits = SendingLimits(account="a", per_day=9)
    moments = [START, START + MINUTE, START + MINUTE, START + 2 * MINUTE]
    for number, at in enumerate(moments, 1):
        entry = outbox.add(mail(number), b"bytes").entry
        outbox.advance(entry.id, Claim(owner="run-1"), Reserve(owner="run-1", limits=limits), at=at)
    back = GiveBack(owner="run-1", attempt=1, why="w", limits=limits, counted_at=START + MINUTE)
    outbox.advance(2, back, at=START + 3 * MINUTE)
    assert [outbox.handed_over("a", number) for number in (1, 2, 3, 4)] == [START + 2 * MINUTE, START + MINUTE, START, None]
    outbox.advance(3, replace(back, counted_at=START + 9 * MINUTE), at=START + 3 * MINUTE)
    outbox.advance(4, replace(back, counted_at=None), at=START + 3 * MINUTE)
    assert outbox.handed_over("a", 3) == START


def test_what_is_given_back_of_an_account_that_nobody_knows_is_taken_from_no_other(outbox: OutboxStore) -> None:
    for number, (account, at) in enumerate([("a", START), ("a", START), ("b", START + MINUTE), ("a", START + MINUTE)], 1):
        entry, limits = outbox.add(mail(number), b"bytes").entry, SendingLimits(account=account, per_day=9)
        outbox.advance(entry.id, Claim(owner="run-1"), Reserve(owner="run-1", limits=limits), at=at)
    for number, counted in ((1, START), (2, START + 9 * MINUTE), (3, START + MINUTE)):
        back = GiveBack(owner="run-1", attempt=1, why="w", limits=None, counted_at=counted)
        outbox.advance(number, back, at=START + 3 * MINUTE)
    assert [outbox.handed_over("a", number) for number in (1, 2, 3)] == [START + MINUTE, START, None]
    assert outbox.handed_over("b", 1) == START + MINUTE


def test_bytes_of_several_mails_are_read_up_to_so_many(outbox: OutboxStore) -> None:
    numbers = [outbox.add(mail(number), b"x" * 10).entry.id for number in (1, 2, 3)]
    assert outbox.contents(numbers, octets=1) == {numbers[0]: b"x" * 10}
    assert list(outbox.contents([numbers[0], 99, *numbers[1:]], octets=20)) == numbers[:2]
    assert len(outbox.contents(numbers, octets=1000)) == 3
    assert outbox.contents([], octets=1000) == {}


def test_what_is_tried_later_is_found_by_itself(outbox: OutboxStore) -> None:
    outbox.add(mail(1), b"bytes")
    later = outbox.add(mail(2, at=START + MINUTE), b"bytes").entry
    assert list(outbox.entries(next_after=START)) == [later]
    assert list(outbox.entries(next_after=START + MINUTE)) == []


def test_many_are_read_with_their_own_recipients(outbox: OutboxStore) -> None:
    """More than are read with one statement."""
    added = outbox.add_all([NewMail(entry=mail(number), content=b"x") for number in range(1, 602)])
    found = outbox.entries()
    assert [entry.id for entry in found] == [one.entry.id for one in added if isinstance(one, Added)]
    assert {tuple(one.address for one in entry.recipients) for entry in found} == {("a@contoso.example", "b@contoso.example")}
