"""A message that cannot be kept holds up no other: it is tried five times, then given up with its bytes, and people take it out."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import reconcile.sync.decide.describe as describing
from reconcile.errors import PermanentError, Unavailable, UserError
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.model.tracking import Outcome
from reconcile.store.sqlite import mail_commit
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.decisions import SqliteDecisions
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.purge import SqlitePurge
from reconcile.store.sqlite.quarantine import SqliteQuarantine
from reconcile.sync.incoming import Received, receive
from reconcile.sync.reading import TRIES
from reconcile.sync.releasing import release
from support.applied import START, StillClock

BOX = "box"


def mail(number: int, text: bytes = b"body") -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\nFrom: a@contoso.example\r\n\r\n%s" % (number, number, text)


@dataclass
class World:
    """One mailbox at a server, and the store."""

    server: MemoryMailbox
    database: Database
    store: SqliteMailStore
    clock: StillClock

    def look(self) -> Received:
        progress = Received()
        with self.store.receive(BOX) as receiving:
            receive(MemoryInbox(self.server), receiving, floor=None, clock=self.clock, progress=progress, beside=False)
        return progress

    def looks(self, count: int) -> list[Received]:
        found = []
        for _ in range(count):
            found.append(self.look())
            self.clock.at += timedelta(minutes=15)
        return found

    def kept(self) -> list[bytes]:
        return sorted(b"".join(self.store.raw(each.id)) for each in self.store.activities(mailbox_id=None, since=None, limit=None))

    @property
    def quarantine(self) -> SqliteQuarantine:
        return SqliteQuarantine(self.database, self.database.path.parent)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        yield World(MemoryMailbox(), database, store, StillClock())
        store.close()


@contextmanager
def parser_that_fails(monkeypatch: pytest.MonkeyPatch, on: bytes) -> Iterator[None]:
    scan = describing.scan

    def failing(block: bytes, *, complete: bool = True) -> object:
        if on in block:
            raise KeyError("a bug")
        return scan(block, complete=complete)

    with monkeypatch.context() as patch:
        patch.setattr(describing, "scan", failing)
        yield


@contextmanager
def store_that_refuses(world: World, subject: str) -> Iterator[None]:
    name = f"CREATE TRIGGER no BEFORE INSERT ON mail_activities WHEN NEW.subject = '{subject}' BEGIN SELECT RAISE(ABORT, 'a rule'); END"
    world.database.write(lambda connection: connection.execute(name) and None)
    yield
    world.database.write(lambda connection: connection.execute("DROP TRIGGER no") and None)


@pytest.fixture(params=["parser", "parser-of-large", "store"])
def fault(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    large = request.param == "parser-of-large"
    body = b"x" * (200_000 if large else 10)
    for number in range(1, 8):
        world.server.deliver(mail(number, body if number == 4 else b"body"), START)
    if request.param == "store":
        return lambda: store_that_refuses(world, "4")
    return lambda: parser_that_fails(monkeypatch, b"Subject: 4\r\n")


def bad(world: World) -> bytes:
    return world.server.messages[4][0]


def test_one_bad_message_holds_up_no_other(world: World, fault: Callable[[], object]) -> None:
    with fault():  # type: ignore[attr-defined]
        first, second = world.look(), world.look()
    assert (first.tracked, first.failed) == (6, 1)
    # Not before its time.
    assert (second.tracked, second.failed) == (0, 0)
    (missing,) = world.store.states()[BOX].missing
    assert (missing.attempts, missing.reported) == (1, False)
    assert missing.failure
    assert len(world.kept()) == 6


def test_what_works_again_is_tracked_later(world: World, fault: Callable[[], object]) -> None:
    with fault():  # type: ignore[attr-defined]
        world.looks(2)
    assert world.looks(1)[0].tracked == 1
    assert bad(world) in world.kept()
    assert world.store.states()[BOX].missing == ()
    assert world.quarantine.entries() == []
    assert world.quarantine.counts() == {}


def test_after_five_tries_its_bytes_are_held_with_the_reason(world: World, fault: Callable[[], object]) -> None:
    with fault():  # type: ignore[attr-defined]
        counts = [(each.failed, each.given_up) for each in world.looks(TRIES + 2)]
        assert counts == [(1, 0)] * (TRIES - 1) + [(0, 1), (0, 0), (0, 0)]
        (held,) = world.quarantine.entries()
        assert world.quarantine.counts() == {held.mailbox_id: 1}
        assert b"".join(world.quarantine.raw(held.id)) == bad(world)
        assert "bug" in held.error or "rule" in held.error
        (decision,) = SqliteDecisions(world.database).of_place(BOX, "4")
        assert decision.outcome is (Outcome.UNDELIVERABLE if "rule" in held.error else Outcome.QUARANTINED)
        # It fails again, and stays.
        with pytest.raises(PermanentError, match="failed again"):
            release(world.store, world.quarantine, held, decider=None, clock=world.clock)
    before = world.store.states()[BOX]
    done = release(world.store, world.quarantine, world.quarantine.entries()[0], decider=None, clock=world.clock)
    assert (done.tracked, world.quarantine.entries()) == (True, [])
    assert bad(world) in world.kept()
    after = world.store.states()[BOX]
    assert (after.cursor, after.decided, after.ignored) == (before.cursor, before.decided, before.ignored)
    # And it does not come again, also when everything is listed anew.
    world.server.renumber(9)
    assert world.look().tracked == 0
    assert len(world.kept()) == 7


def test_two_that_are_tried_again_alone_are_held_with_their_bytes_too(world: World) -> None:
    """Nothing else comes with them by which it showed that the store takes other messages; that showed when they came first."""
    for number in range(1, 8):
        world.server.deliver(mail(number), START)
    rule = "CREATE TRIGGER no BEFORE INSERT ON mail_activities WHEN NEW.subject IN ('4', '5') BEGIN SELECT RAISE(ABORT, 'a rule'); END"
    world.database.write(lambda connection: connection.execute(rule) and None)
    counts = [(each.failed, each.given_up) for each in world.looks(TRIES + 1)]
    assert counts == [(2, 0)] * (TRIES - 1) + [(0, 2), (0, 0)]
    held = [b"".join(world.quarantine.raw(each.id)) for each in world.quarantine.entries()]
    assert sorted(held) == [world.server.messages[number][0] for number in (4, 5)]
    assert world.store.states()[BOX].missing == ()


def test_a_store_that_refuses_everything_gives_nothing_up(world: World) -> None:
    for number in range(1, 4):
        world.server.deliver(mail(number), START)
    rule = "CREATE TRIGGER no BEFORE INSERT ON mail_activities BEGIN SELECT RAISE(ABORT, 'a rule'); END"
    world.database.write(lambda connection: connection.execute(rule) and None)
    for _ in range(TRIES + 2):
        with pytest.raises(sqlite3.IntegrityError):
            world.look()
        world.clock.at += timedelta(minutes=15)
    assert world.quarantine.entries() == []
    world.database.write(lambda connection: connection.execute("DROP TRIGGER no") and None)
    assert world.look().tracked == 3


def test_bytes_in_quarantine_outlive_a_purge_of_others_and_go_with_their_own(
    world: World, fault: Callable[[], object], tmp_path: Path
) -> None:
    from reconcile.model.audit_record import AuditRecord
    from reconcile.model.purge import PurgeSelection

    with fault():  # type: ignore[attr-defined]
        world.looks(TRIES)
    world.store.close()
    record = AuditRecord(
        at="2026-03-02T08:00:00Z", actor="a", apply_id="", action="purge", key="k", result="done", source="", revision="", detail="{}"
    )
    purge = SqlitePurge(world.database, tmp_path)
    first = next(iter(world.store.activities(mailbox_id=None, since=None, limit=1)))
    purge.purge(PurgeSelection(activity_id=first.id, outgoing=False), limit=10, record=record)
    assert purge.erase(now=record.at, at_once=True).packs == 1
    (held,) = world.quarantine.entries()
    assert b"".join(world.quarantine.raw(held.id)) == bad(world)
    assert world.quarantine.delete(held.id, at=record.at)
    assert purge.erase(now=record.at, at_once=True).packs == 1
    assert not any(bad(world) in path.read_bytes() for path in (tmp_path / "packs").glob("*.pack"))
    assert len(world.kept()) == 5


def test_a_try_counts_only_once_its_turn_has_come(world: World) -> None:
    """Connections that break earlier say nothing about a message that nobody asked for again."""
    hollow = world.server.deliver(mail(1), START)
    world.server.hollow.add(hollow)
    world.look()
    world.server.hollow.clear()
    for number in range(2, 2 + 2 * TRIES):
        world.server.deliver(mail(number), START)
        world.server.faults = [None, Unavailable("the connection broke")]
        with pytest.raises(Unavailable):
            world.look()
    assert [(each.attempts, each.reported) for each in world.store.states()[BOX].missing] == [(1, False)]
    world.server.faults = []
    world.look()
    assert len(world.kept()) == 1 + 2 * TRIES
    assert world.store.states()[BOX].missing == ()


def test_a_new_history_brings_back_nothing_a_person_decided_about(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (4, 5, 6):
        world.server.deliver(mail(number).replace(b"Subject: ", b"Subject: bad "), START)
    with parser_that_fails(monkeypatch, b"Subject: bad "):
        world.looks(TRIES + 1)
        first, second, third = reversed(world.quarantine.entries())
    release(world.store, world.quarantine, first, decider=None, clock=world.clock)
    assert world.quarantine.delete(second.id, at="2026-03-02T00:00:00Z")
    world.server.renumber(9)
    world.clock.at += timedelta(days=1)
    with parser_that_fails(monkeypatch, b"Subject: bad "):
        world.looks(TRIES + 1)
    (held,) = world.quarantine.entries()
    assert (held.id, held.at, held.raw) == (third.id, third.at, third.raw)
    assert held.generation > third.generation
    assert b"".join(world.quarantine.raw(held.id)) == world.server.messages[3][0]
    assert len(world.kept()) == 1


def test_it_is_remembered_that_a_person_released_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.server.deliver(mail(4), START)
    with parser_that_fails(monkeypatch, b"Subject: 4\r\n"):
        world.looks(TRIES + 1)
    (held,) = world.quarantine.entries()
    release(world.store, world.quarantine, held, decider=None, clock=world.clock, by="postmaster@contoso.example")
    (activity,) = world.store.activities(mailbox_id=None, since=None, limit=None)
    (why,) = SqliteDecisions(world.database).of_activity(activity.id)
    assert (why.outcome, why.reason) == (Outcome.TRACKED, "released")
    assert dict(why.facts)["released by"] == "postmaster@contoso.example"


@pytest.mark.parametrize("named", [True, False])
def test_what_is_read_again_and_kept_leaves_the_quarantine(world: World, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    """Else a release would make a second e-mail of one that bears no Message-ID."""
    bad = mail(4) if named else mail(4).partition(b"\r\n")[2]
    for number in range(1, 4):
        world.server.deliver(mail(number), START)
    world.server.deliver(bad, START)
    with parser_that_fails(monkeypatch, b"Subject: 4\r\n"):
        world.looks(TRIES + 1)
    (held,) = world.quarantine.entries()
    with world.store.receive(BOX) as receiving:
        receive(MemoryInbox(world.server), receiving, floor=None, clock=world.clock, progress=Received(), beside=False, again_from=START)
    assert world.kept().count(bad) == 1
    assert world.quarantine.entries() == []
    # One that was asked for before finds nothing to release any more.
    with pytest.raises(UserError):
        release(world.store, world.quarantine, held, decider=None, clock=world.clock)
    assert world.kept().count(bad) == 1


@pytest.mark.parametrize("where", ["before", "behind"])
def test_killed_between_the_batch_that_is_refused_and_its_rest_the_next_look_keeps_the_rest_once(
    world: World, tmp_path: Path, where: str
) -> None:
    for number in range(1, 8):
        world.server.deliver(mail(number), START)
    with store_that_refuses(world, "4"):
        if (child := os.fork()) == 0:
            # In a process of its own, killed before the second transaction begins its work, or when all but its COMMIT is done.
            try:
                real = mail_commit.keep_the_rest

                def killed(*args: object) -> object:
                    if where == "behind":
                        real(*args)  # type: ignore[arg-type]
                    os.kill(os.getpid(), signal.SIGKILL)
                    return None

                mail_commit.keep_the_rest = killed  # type: ignore[assignment]
                with Database.open(tmp_path / "engine.db") as database:
                    World(world.server, database, SqliteMailStore(database, tmp_path), world.clock).look()
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert world.kept() == [mail(number) for number in (1, 2, 3)], "the batch before, and nothing of the refused one"
        world.look()
        assert world.kept() == [mail(number) for number in (1, 2, 3, 5, 6, 7)]
    world.looks(2)
    assert world.kept() == [mail(number) for number in range(1, 8)]
