"""What every store remembers of decisions: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import reconcile.store.memory.decisions as memory_decisions
import reconcile.store.sqlite.decisions as sqlite_decisions
from reconcile.model.cursor import Cursor
from reconcile.model.party import PartyRef, PartyType
from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction
from reconcile.model.tracking import Correlation, CorrelationMethod, Decision, MailRef, Outcome, ResolvedAddress, Tracking
from reconcile.ports.decisions import DecisionReader
from reconcile.ports.mail_store import Arrival, Failure, MailStore, ReceivedBatch, Receiving, Unprocessed
from reconcile.ports.mark_journal import MarkJournal
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.decisions import SqliteDecisions
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.removals import SqliteMarkJournal
from support.described import described

AT = "2026-03-01T08:00:00Z"
BOX = "box"
USER = PartyRef(type=PartyType.USER, id="u", name="Robin")
QUEUE = PartyRef(type=PartyType.QUEUE, id="q", name="Sales")


@dataclass
class Stores:
    """One store by its three sides."""

    mail: MailStore
    decisions: DecisionReader
    journal: MarkJournal


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "memory":
        store = MemoryMailStore()
        yield Stores(store, store.decisions, store.decisions)
        return
    with Database.open(tmp_path / "engine.db") as database:
        kept = SqliteMailStore(database, tmp_path)
        yield Stores(kept, SqliteDecisions(database), SqliteMarkJournal(database))
        kept.close()


def mail(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\nFrom: A <a@contoso.example>\r\n\r\nbody" % (number, number)


def decision(number: int, outcome: Outcome = Outcome.IGNORED, reason: str = "unknown-sender") -> Decision:
    return Decision(
        mailbox_id=BOX,
        generation=0,
        remote_id=RemoteId("imap", str(number)),
        outcome=outcome,
        reason=reason,
        facts=(("mailbox", "sales, filter replies"), ("sender", "nobody \u2603")),
        message_id=f"<{number}@contoso.example>",
        sender="a@contoso.example",
        subject=str(number),
        received=AT,
        at=AT,
    )


def arrive(receiving: Receiving, number: int, **more: object) -> Arrival:
    raw = mail(number)
    found = described(raw)
    receiving.begin()
    receiving.write(raw)
    return Arrival(
        remote_id=RemoteId("imap", str(number)),
        received=AT,
        size=found.size,
        raw=found.raw,
        content=found.content,
        header=found.header,
        header_length=found.header_length,
        place=receiving.end(),
        **more,  # type: ignore[arg-type]
    )


def commit(receiving: Receiving, *arrivals: Arrival, **more: object) -> None:
    receiving.commit(ReceivedBatch(arrivals=arrivals, cursor=Cursor("imap", "9"), messages=9, at=AT, **more))  # type: ignore[arg-type]


def test_an_ignored_message_is_found_by_id_and_place(stores: Stores) -> None:
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, decisions=[decision(1), decision(2)], declined=2)
    assert stores.decisions.of_message_id("<1@contoso.example>") == [decision(1)]
    assert stores.decisions.of_place(BOX, "2") == [decision(2)]
    assert stores.decisions.of_place("other", "2") == []
    assert stores.decisions.of_message_id("") == []
    assert stores.mail.states()[BOX].ignored == 2


def test_a_tracked_one_goes_with_its_activity(stores: Stores) -> None:
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, arrive(receiving, 1, decision=decision(1, Outcome.TRACKED, "reply")), arrive(receiving, 2))
    (found,) = stores.decisions.of_message_id("<1@contoso.example>")
    assert (found.outcome, found.activity_id) == (Outcome.TRACKED, 1)
    assert stores.decisions.of_activity(1) == [found]
    assert stores.decisions.of_activity(2) == []
    assert [(each[0], each[2]) for each in stores.decisions.placed(BOX, "2")] == [(0, 2)]


def test_the_newest_decision_on_a_message_counts(stores: Stores) -> None:
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, decisions=[decision(1), decision(2)])
        commit(receiving, decisions=[decision(1, reason="filter-none")])
        commit(receiving, arrive(receiving, 2))
    assert [each.reason for each in stores.decisions.of_place(BOX, "1")] == ["filter-none"]
    # Tracked after all, because the mailbox takes all mail now: there is nothing to remember.
    assert stores.decisions.of_place(BOX, "2") == []


def test_a_new_history_has_decisions_of_its_own(stores: Stores) -> None:
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, decisions=[decision(1)])
        commit(receiving, decisions=[decision(1, reason="filter-none")], restart=True)
    assert [(each.generation, each.reason) for each in stores.decisions.of_place(BOX, "1")] == [(1, "filter-none"), (0, "unknown-sender")]


def test_ignored_ones_are_bounded_and_others_are_not(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_decisions, "MOST_IGNORED", 5)
    monkeypatch.setattr(sqlite_decisions, "MOST_IGNORED", 5)
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, arrive(receiving, 100, decision=decision(100, Outcome.TRACKED, "reply")))
        for number in range(12):
            commit(receiving, decisions=[decision(number)])
    left = [number for number in range(12) if stores.decisions.of_place(BOX, str(number))]
    assert left == [7, 8, 9, 10, 11]
    assert stores.decisions.of_place(BOX, "100")


TRACKING = Tracking(
    accepted_by=USER,
    owner=USER,
    correlation=Correlation(
        method=CorrelationMethod.IN_REPLY_TO,
        correlated=MailRef(kind="email", id=0),
        parent=MailRef(kind="email", id=0),
        clue="<1@contoso.example>",
        message_id="<1@contoso.example>",
    ),
    addresses=(ResolvedAddress(field="to", address="a@contoso.example", rows=(USER, QUEUE)),),
    queue_items=(QUEUE,),
    forwarded_by="forward",
)


def test_what_it_is_attached_to_is_kept_whole_and_numbered(stores: Stores) -> None:
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, arrive(receiving, 1), arrive(receiving, 2, tracking=TRACKING))
    mail_ = MailRef(kind="email", id=1)
    assert TRACKING.correlation is not None
    expected = replace(TRACKING, correlation=replace(TRACKING.correlation, correlated=mail_, parent=mail_))
    assert stores.decisions.tracking(2) == expected
    activity = stores.mail.activity(2)
    assert activity is not None
    assert activity.tracking == expected
    assert stores.decisions.tracking(1) is None


def test_the_mailbox_that_brought_it_first_decides(stores: Stores) -> None:
    other = PartyRef(type=PartyType.QUEUE, id="q2")
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, arrive(receiving, 1, tracking=Tracking(accepted_by=USER, queue_items=(QUEUE,))))
    with stores.mail.receive("b") as receiving:
        commit(receiving, arrive(receiving, 1, tracking=Tracking(accepted_by=QUEUE, queue_items=(other, QUEUE))))
    # Further queue items have rows of their own.
    assert stores.decisions.tracking(1) == Tracking(accepted_by=USER, queue_items=(QUEUE,))


def test_a_correlated_mail_that_never_came_is_none(stores: Stores) -> None:
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, arrive(receiving, 2, tracking=TRACKING))
    found = stores.decisions.tracking(1)
    assert found is not None
    assert found.correlation is None


def test_failures_are_remembered_until_they_are_given_up(stores: Stores) -> None:
    failure = Failure(remote_id=RemoteId("imap", "1"), words="KeyError: x", next_at="2026-03-01T08:15:00Z")
    with stores.mail.receive(BOX) as receiving:
        commit(receiving, failed=[failure])
        (missing,) = receiving.state.missing
        assert (missing.attempts, missing.failure, missing.next_at, missing.reported) == (1, failure.words, failure.next_at, False)
        commit(receiving, missing=[failure.remote_id])
        commit(receiving, failed=[failure])
        assert receiving.state.missing[0].attempts == 2
        receiving.begin()
        receiving.write(b"bytes")
        given_up = Unprocessed(decision=decision(1, Outcome.QUARANTINED, "unreadable"), raw=b"r" * 32, place=receiving.end())
        commit(receiving, given_up=[given_up])
        assert receiving.state.missing == ()
        assert receiving.state.decided == 1
    assert [each.outcome for each in stores.decisions.of_place(BOX, "1")] == [Outcome.QUARANTINED]


def test_what_is_to_be_done_at_the_server_is_journalled_with_the_mail(stores: Stores) -> None:
    every = frozenset(MarkAction)
    with stores.mail.receive(BOX) as receiving:
        held = Unprocessed(decision=decision(3, Outcome.UNDELIVERABLE, "tracking-failed"), raw=b"r" * 32, place=None)
        commit(receiving, arrive(receiving, 1), arrive(receiving, 2), decisions=[decision(4)], given_up=[held], marks=every)

    def waiting(action: MarkAction, generation: int = 0) -> list[str]:
        return [each.value for each in stores.journal.waiting(BOX, generation, action, limit=10)]

    assert {action: waiting(action) for action in MarkAction} == {
        MarkAction.DELETE: ["1", "2"],
        MarkAction.TRACKED: ["1", "2"],
        MarkAction.UNDELIVERABLE: ["3"],
        MarkAction.MOVE: ["3"],
    }
    assert dict(stores.journal.counts()) == {BOX: 6}
    stores.journal.done(BOX, 0, MarkAction.DELETE, [RemoteId("imap", "1")])
    assert waiting(MarkAction.DELETE) == ["2"]
    assert waiting(MarkAction.DELETE, generation=1) == []
    # A later history: what waited for an earlier one names other messages now.
    stores.journal.done(BOX, 1, MarkAction.DELETE, [])
    assert dict(stores.journal.counts()) == {}
