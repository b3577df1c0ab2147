"""Mails that are taken together: what others see meanwhile, and what brings them back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.errors import PreconditionFailed, Unavailable
from reconcile.mail.memory_sender import Drop, Fault, MemoryServer
from reconcile.model.outbox_step import GiveBack, Retry, Settle, Step, Withdraw
from reconcile.model.outgoing import OutgoingState
from reconcile.ports.outbox_store import Move
from reconcile.ports.settled_notes import SettledNotes
from reconcile.store.memory.settled_notes import MemorySettledNotes
from reconcile.store.settled_notes import SettledNoteFiles
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.outgoing import send_due
from reconcile.sync.settling import recover
from support.applied import sending_estate
from unit.sync.test_send_due import Office


class Watched(MemoryServer):
    """Something happens when a mail reaches a step for the n-th time."""

    def __init__(self, step: str, visit: int, happening: Callable[[], object]) -> None:
        super().__init__()
        self.at, self.left, self.happening = step, visit, happening

    def next_fault(self, step: str) -> Fault | None:
        if step == self.at:
            self.left -= 1
            if self.left == 0:
                self.happening()
        return super().next_fault(step)


def office_with(number: int) -> Office:
    office = Office()
    office.add(number)
    return office


def send(office: Office, notes: SettledNotes | None = None, **changes: object) -> None:
    send_due(replace(office.outgoing(), notes=notes or MemorySettledNotes(), **changes))  # type: ignore[arg-type]


def test_one_commit_takes_many() -> None:
    office, commits = office_with(9), list[int]()

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def follow(self, moves):  # type: ignore[no-untyped-def]
            commits.append(len(moves))
            return office.outbox.follow(moves)

    send(office, outbox=Counting())
    assert office.states() == ["sent"] * 9
    assert commits == [1, 9, 8], "the first; its answer and the others; their answers"
    whys = [event.why for event in office.outbox.events(5)]
    assert whys == ["added", "try 1: its turn to be handed over comes", "try 1: 1 sent: 250 kept in memory"]


@pytest.mark.parametrize("step", [Withdraw(by="admin"), Retry(by="admin")])
def test_a_person_is_told_that_its_turn_is_near(step: Step) -> None:
    office = office_with(4)

    def ask() -> None:
        with pytest.raises(PreconditionFailed, match="mail 4 is being sent"):
            office.outbox.advance(4, step, at=office.clock.now())

    office.server = Watched("mail", 2, ask)
    send(office)
    assert office.server.left <= 0
    assert office.states() == ["sent"] * 4


def test_who_waits_behind_a_slow_mail_is_given_back_and_answers_are_told() -> None:
    office = office_with(5)
    seen: list[list[str]] = []

    def wait() -> None:
        # As a server that thinks for long about the third mail.
        for _ in range(500):
            if office.states()[3] == "pending-send":
                break
            threading.Event().wait(0.01)
        seen.append(office.states())
        office.outbox.advance(5, Withdraw(by="admin"), at=office.clock.now())

    class Passing:
        """Time goes on for the pass."""

        def __getattr__(self, name: str) -> object:
            return getattr(office.clock, name)

        def monotonic(self) -> float:
            import time

            return time.monotonic()

    office.server = Watched("body", 3, wait)
    send(office, clock=Passing(), moment=600.0, patience=0.02)
    assert seen == [["sent", "sent", "sending", "pending-send", "pending-send"]]
    assert office.states() == ["sent", "sent", "sent", "sent", "failed"]
    assert [one.attempts for one in office.outbox.entries()] == [1, 1, 1, 1, 0]
    assert len(office.server.taken) == 4


@pytest.mark.parametrize("fault", ["drop", "stop"])
def test_what_is_not_reached_waits_as_before_and_counts_for_no_limit(fault: str) -> None:
    office = office_with(5)
    office.applied.change("EmailServerProfile", outgoing__messagesPerDay=10)
    stopped: list[bool] = []
    office.server = Watched("mail", 3, lambda: stopped.append(True))
    if fault == "drop":
        office.server.plan("body", Drop())
    send(office, stop=lambda: bool(stopped) and fault == "stop")
    if fault == "stop":
        assert office.states() == ["sent", "sent", "sent", "pending-send", "pending-send"]
        assert [one.attempts for one in office.outbox.entries()] == [1, 1, 1, 0, 0]
        assert [one.owner for one in office.outbox.entries()][3:] == ["", ""]
    office.clock.pass_by(hours=1)
    send(office)
    assert office.states() == ["sent"] * 5
    account = next(iter(office.outbox._handed))
    assert len(office.outbox._handed[account]) == (5 if fault == "stop" else 6), "a mail whose bytes were cut off counts"


def test_a_limit_is_met_exactly_and_the_others_wait() -> None:
    office = office_with(6)
    office.applied.change("EmailServerProfile", outgoing__messagesPerMinute=4)
    send(office)
    assert office.states() == ["sent"] * 4 + ["pending-send"] * 2
    assert "the limit of" in office.outbox.entries()[5].reason


def test_what_is_applied_meanwhile_holds_for_those_whose_turn_is_near() -> None:
    office = office_with(4)

    def narrow() -> None:
        office.applied.change("Environment", allowedRecipients=())
        office.clock.pass_by(seconds=2)

    office.server = Watched("body", 2, narrow)
    send(office)
    assert office.states() == ["sent", "sent", "failed", "failed"]
    assert "allowedRecipients" in office.outbox.entries()[3].reason


def test_a_run_that_stands_still_keeps_what_it_has_not_begun() -> None:
    """Its lease is over and its process lives: it may wake up and hand the mail over, so nobody else may."""
    office, notes = office_with(4), MemorySettledNotes()
    found: list[tuple[list[str], list[str]]] = []

    def stand_still() -> None:
        office.clock.pass_by(minutes=5)
        abandoned = recover(office.outbox, now=office.clock.now(), notes=notes)
        found.append(([str(entry.state) for entry in abandoned], office.states()))

    office.server = Watched("mail", 2, stand_still)
    send(office, notes)
    assert found == [([], ["sent", "sending", "sending", "sending"])]
    assert office.states() == ["sent"] * 4
    assert len(office.server.taken) == 4


def test_without_trust_in_the_notes_all_that_was_taken_is_uncertain() -> None:
    office, notes = office_with(3), MemorySettledNotes()

    class Gone(Exception):
        pass

    def die() -> None:
        raise Gone

    class Dead:
        dead = False

        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def follow(self, moves):  # type: ignore[no-untyped-def]
            return [] if office.server.left <= 0 else office.outbox.follow(moves)  # type: ignore[attr-defined]

    office.server = Watched("mail", 2, die)
    with pytest.raises(Gone):
        send(office, notes, outbox=Dead())
    assert office.states() == ["sent", "sending", "sending"]
    notes.forget("run-1")
    recover(office.outbox, now=office.clock.now(), notes=notes)
    assert office.states() == ["sent", "uncertain", "uncertain"]
    assert all(one.in_state(one.recipients[0].state) for one in office.outbox.entries(states=[OutgoingState.UNCERTAIN]))


def test_one_that_is_withdrawn_between_others_leaves_them_their_turns() -> None:
    office = office_with(6)
    office.server = Watched("mail", 1, lambda: office.outbox.advance(3, Withdraw(by="admin"), at=office.clock.now()))
    send(office)
    assert office.states() == ["sent", "sent", "failed", "sent", "sent", "sent"]
    assert len(office.server.taken) == 5


def test_one_that_goes_out_in_turns_leaves_the_others_theirs() -> None:
    office = office_with(1)
    office.server.recipients_limit = 2
    office.add(1, to=("a@contoso.example", "b@contoso.example", "c@contoso.example"))
    office.add(4)
    send(office)
    assert office.states() == ["sent"] * 6
    assert len(office.server.taken) == 7


def test_one_whose_begin_is_too_long_for_a_note_begins_by_itself(tmp_path: Path) -> None:
    office = office_with(2)
    office.applied.change("Environment", allowedRecipients=("@contoso.example", "@subsidiary-with-a-long-name.contoso.example"))
    office.add(1, to=tuple(f"somebody-with-a-long-name-{n}@subsidiary-with-a-long-name.contoso.example" for n in range(12)))
    office.add(2)
    send(office, SettledNoteFiles(tmp_path / "settled"))
    assert office.states() == ["sent"] * 5


class Unwritable:
    """An outbox that does not take what ends with a step of this kind, so many times."""

    def __init__(self, office: Office, ending: type[Step], times: int) -> None:
        self.office, self.ending, self.times = office, ending, times

    def __getattr__(self, name: str) -> object:
        return getattr(self.office.outbox, name)

    def follow(self, moves: list[Move]) -> object:
        if self.times and all(isinstance(move.steps[-1], self.ending) for move in moves):
            self.times -= 1
            raise Unavailable("the disk is full")
        return self.office.outbox.follow(moves)


def test_answers_that_could_not_be_written_are_not_noted_over_by_the_next_mailbox(tmp_path: Path) -> None:
    office, notes = Office(applied=sending_estate(mailboxes=2)), SettledNoteFiles(tmp_path / "settled")
    office.add(4, box="box1")
    office.add(4, box="box2")
    outbox = Unwritable(office, Settle, 2)
    with pytest.raises(Unavailable):
        send(office, notes, outbox=outbox, parallel=1)
    assert (outbox.times, office.states()[:4]) == (0, ["sent", "sending", "sending", "sending"])
    send(office, notes, owner="run-2")
    assert office.states() == ["sent"] * 8
    assert len(office.server.taken) == 8, "none goes out twice"


def test_what_could_not_be_given_back_is_given_back_by_the_next_run(tmp_path: Path) -> None:
    office, notes = office_with(5), SettledNoteFiles(tmp_path / "settled")
    stopped: list[bool] = []
    office.server = Watched("mail", 3, lambda: stopped.append(True))
    outbox = Unwritable(office, GiveBack, 2)
    send(office, notes, outbox=outbox, stop=lambda: bool(stopped))
    assert (outbox.times, office.states()) == (0, ["sent", "sent", "sent", "sending", "sending"])
    send(office, notes, owner="run-2")
    assert office.states() == ["sent"] * 5
    assert len(office.server.taken) == 5


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("change", [{"outgoing__protocol": "none"}, {"outgoing__server": "other.contoso.example"}])
def test_what_is_given_back_does_not_count_though_its_mailbox_sends_no_more_or_elsewhere(
    kind: str, change: dict[str, str], tmp_path: Path
) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        office, notes = Office(), SettledNoteFiles(tmp_path / "settled")
        office.outbox = office.outbox if kind == "memory" else SqliteOutbox(database)  # type: ignore[assignment]
        office.applied.change("EmailServerProfile", outgoing__messagesPerDay=20)
        office.add(5)
        stopped: list[bool] = []
        office.server = Watched("mail", 3, lambda: stopped.append(True))
        send(office, notes, outbox=Unwritable(office, GiveBack, 2), stop=lambda: bool(stopped))
        assert office.states().count("sending") == 2
        account = "localhost sales@contoso.example"
        assert [office.outbox.handed_over(account, number) is not None for number in (5, 6)] == [True, False]
        office.applied.change("EmailServerProfile", **change)
        office.clock.pass_by(seconds=1)
        send(office, notes, owner="run-2", stop=lambda: True)
        assert office.states().count("pending-send") == 2
        assert [office.outbox.handed_over(account, number) is not None for number in (3, 4)] == [True, False]


def test_a_run_that_stood_still_sends_nothing_that_others_have_sent_since() -> None:
    """Also where its notes are lost, so that the others could not tell that it had not begun."""
    office, notes = office_with(4), MemorySettledNotes()

    def stand_still() -> None:
        office.clock.pass_by(minutes=5)
        recover(office.outbox, now=office.clock.now(), notes=MemorySettledNotes())
        for number in (3, 4):
            office.outbox.advance(number, Retry(by="admin", checked_not_sent=True), at=office.clock.now())
        send(office, owner="run-2")

    office.server = Watched("end", 2, stand_still)
    send(office, notes)
    assert office.states() == ["sent"] * 4
    assert len(office.server.taken) == 4


def test_a_run_that_stood_still_keeps_to_the_limits() -> None:
    office, notes = office_with(6), MemorySettledNotes()
    office.applied.change("EmailServerProfile", outgoing__messagesPerMinute=6)

    def stand_still() -> None:
        office.clock.pass_by(minutes=2)
        office.add(6)
        send(office, notes, owner="run-2")

    office.server = Watched("end", 2, stand_still)
    send(office, notes)
    assert len(office.server.taken) == 2 + 6
    assert office.states() == ["sent"] * 2 + ["pending-send"] * 4 + ["sent"] * 6


def test_where_sending_is_switched_off_none_keeps_its_turn() -> None:
    office = office_with(5)

    def switch_off() -> None:
        office.applied.change("Mailbox", outgoing="none")
        office.clock.pass_by(seconds=2)

    office.server = Watched("body", 2, switch_off)
    send(office)
    assert office.states() == ["sent"] * 2 + ["pending-send"] * 3
    assert len(office.server.taken) == 2


def test_what_a_dead_run_had_not_begun_counts_for_no_limit() -> None:
    office, notes = office_with(6), MemorySettledNotes()
    office.applied.change("EmailServerProfile", outgoing__messagesPerDay=6)

    class Gone(Exception):
        pass

    def die() -> None:
        raise Gone

    class Dead:
        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def follow(self, moves: list[Move]) -> object:
            return [] if office.server.left <= 0 else office.outbox.follow(moves)  # type: ignore[attr-defined]

    office.server = Watched("mail", 3, die)
    with pytest.raises(Gone):
        send(office, notes, outbox=Dead())
    assert office.states() == ["sent"] + ["sending"] * 5
    office.clock.pass_by(hours=1)
    send(office, notes, owner="run-2")
    assert office.states() == ["sent"] * 6
    assert len(office.server.taken) == 6
