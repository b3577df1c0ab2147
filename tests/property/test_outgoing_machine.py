"""Whatever breaks and whoever dies: each mail reaches each recipient at most once unless it was shown as uncertain, and none is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.errors import PreconditionFailed, UserError
from reconcile.mail.memory_inbox import MemoryMailbox
from reconcile.mail.memory_marks import MemoryMarks
from reconcile.mail.memory_sender import Answer, Crash, Die, Drop, Fault, MemorySender, MemoryServer
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.model.outbox_step import Settle, Withdraw, is_reserved
from reconcile.model.outgoing import OutboxEntry, OutgoingState, RecipientState
from reconcile.model.sending_limits import MINUTE
from reconcile.model.sent_folder import CopyState
from reconcile.ports.outbox_store import OutboxStore
from reconcile.ports.settled_notes import Noted
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.memory.settled_notes import MemorySettledNotes
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.outgoing import RetryPolicy
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import START, Passwords, References, StillClock, sending_estate

T = TypeVar("T")
PEOPLE = ("a@contoso.example", "b@contoso.example", "c@contoso.example")
#: So many, and so long, that nothing is given up during a test.
PATIENT = RetryPolicy(attempts=1000, age=timedelta(days=1000))
PER_MINUTE = 3

early = st.sampled_from([Drop(), Die(), Answer(421), Answer(451)])
fault = st.one_of(
    st.tuples(st.just("connect"), st.sampled_from([Drop(), Die(), Answer(421)])),
    st.tuples(st.sampled_from(["mail", "rcpt", "data", "body"]), early),
    st.tuples(st.just("end"), st.sampled_from([Drop(kept=True), Drop(kept=False), Die(kept=True), Die(kept=False), Answer(451)])),
)
action = st.one_of(
    st.tuples(st.just("add"), st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("fault"), fault),
    # So many that some are taken together.
    st.tuples(st.just("burst"), st.none()),
    st.tuples(st.just("send"), st.none()),
    st.tuples(st.just("die"), st.tuples(st.sampled_from(["follow", "begin", "keep", "written"]), st.booleans(), st.integers(1, 5))),
    st.tuples(st.just("withdraw"), st.integers(min_value=0, max_value=3)),
    st.tuples(st.just("postpone"), st.integers(min_value=1, max_value=7200)),
    st.tuples(st.just("filing"), st.booleans()),
    st.tuples(st.just("folder"), st.integers(min_value=0, max_value=3)),
    st.tuples(st.just("wait"), st.integers(min_value=1, max_value=7200)),
)


class Post:
    """An outbox, a server, and processes that come and go."""

    def __init__(self, outbox: OutboxStore) -> None:
        self.outbox = outbox
        self.server = MemoryServer()
        self.clock = StillClock()
        self.applied = sending_estate()
        self.notes = MemorySettledNotes()
        self.journal = Deaths()
        self.runs = 0
        self.added: dict[str, tuple[str, ...]] = {}
        self.not_before: dict[str, datetime] = {}
        #: The folder for sent mail: whether the provider files by itself, and how many of the next calls end in a death after the deed.
        self.filing, self.deaths = False, 0
        self.folder = MemoryMailbox(sent=[])
        self.applied.change(
            "EmailServerProfile", outgoing__sentCopy="append", outgoing__messagesPerMinute=PER_MINUTE, outgoing__recipientsPerMessage=2
        )
        self.handed: list[datetime] = []

    def add(self, people: list[str], postponed: int = 0) -> None:
        mailbox = sending_setup(self.applied.resources(), now="").mailboxes["box1"]
        assert isinstance(mailbox, SendingMailbox)
        token = f"token{len(self.added)}"
        later = self.clock.now() + timedelta(seconds=postponed) if postponed else None
        composed = compose(Draft(to=tuple(people), text="x", postponed_until=later), mailbox, key="", token=token, now=self.clock.now())
        self.outbox.add(composed.entry, composed.content)
        self.added[composed.entry.message_id] = tuple(people)
        if later is not None:
            self.not_before[composed.entry.message_id] = later

    def send(self) -> None:
        """One process: it may die on the way, and then its lease stays behind."""
        self.runs += 1
        dies: list[bool] = []
        outbox: OutboxStore = _Deserted(self.outbox, dies, self.journal)  # type: ignore[assignment]
        outgoing = Outgoing(
            applied=self.applied,
            outbox=outbox,
            sender=_Watched(MemorySender(server=self.server), dies),
            sign_ins=ConfiguredSignIns(Passwords()),
            secrets=References({"file:ca.pem": b""}),
            clock=self.clock,
            owner=f"run-{self.runs}",
            policy=PATIENT,
            renew=False,
            marks=lambda _: _Folder(self, dies),
            notes=_Left(self.notes, dies, self.journal),
        )
        before = len(self.server.taken)
        with suppress(Crash):
            send_due(outgoing)
        if dies:
            self.notes.died.add(f"run-{self.runs}")
        for mail in self.server.taken[before:]:
            self.handed.append(self.clock.now())
            assert self.clock.now() >= self.not_before.get(identifier_of(mail.content), START), "sent before its time"
            if self.filing and self.folder.sent is not None:
                self.folder.sent.append(mail.content)

    def check_folder(self) -> None:
        """Ours are there once at most, and what we say is there is there."""
        there = Counter(map(identifier_of, self.folder.sent or ()))
        for entry in self.outbox.entries():
            if entry.sent_folder.copy is CopyState.KEPT:
                assert there[entry.message_id] >= 1, entry
        if not self.filing:
            assert not [one for one in there if there[one] > 1]

    def copies(self) -> Counter[tuple[str, str]]:
        """(Message-ID, recipient) → how often the server has it."""
        found: Counter[tuple[str, str]] = Counter()
        for mail in self.server.taken:
            identifier = identifier_of(mail.content)
            found.update((identifier, recipient) for recipient in mail.recipients)
        return found

    def check(self, entries: list[OutboxEntry] | None = None) -> None:
        copies = self.copies()
        for entry in entries if entries is not None else list(self.outbox.entries()):
            assert tuple(one.address for one in entry.recipients) == self.added[entry.message_id]
            for one in entry.recipients:
                number = copies[entry.message_id, one.address]
                match one.state:
                    case RecipientState.SENT:
                        assert number == 1, (entry, number)
                    case RecipientState.UNCERTAIN | RecipientState.SENDING:
                        assert number <= 1, (entry, number)
                    case RecipientState.PENDING if is_reserved(entry):
                        # Only the notes know whether its turn came.
                        assert number <= 1, (entry, number)
                    case RecipientState.PENDING | RecipientState.FAILED:
                        assert number == 0, (entry, number)
        assert all(identifier in self.added for identifier, _ in copies)
        for moment in self.handed:
            assert sum(moment - MINUTE < one <= moment for one in self.handed) <= PER_MINUTE
        self.check_folder()


def identifier_of(content: bytes) -> str:
    return next(line for line in content.decode().split("\r\n") if line.startswith("Message-ID:")).split()[1]


class _Folder(MemoryMarks):
    """The process may die after it has put a copy there, before it has written that down."""

    def __init__(self, post: Post, dies: list[bool]) -> None:
        super().__init__(post.folder)
        self._post, self._dies = post, dies

    def keep_sent(self, content: bytes, *, message_id: str, at: datetime) -> bool:
        kept = super().keep_sent(content, message_id=message_id, at=at)
        if self._post.deaths:
            self._post.deaths -= 1
            self._dies.append(True)
            raise Crash
        return kept


class _Watched:
    """Notes that the process died, so that nothing is tidied up on its way out."""

    def __init__(self, sender: MemorySender, dies: list[bool]) -> None:
        self._sender = sender
        self._dies = dies

    def open(self, account):  # type: ignore[no-untyped-def]
        from contextlib import contextmanager

        @contextmanager
        def watched():  # type: ignore[no-untyped-def]
            try:
                with self._sender.open(account) as session:
                    yield session
            except Crash:
                self._dies.append(True)
                raise

        return watched()


class _Deserted:
    """The store as a dying process leaves it: after the death nothing more is written."""

    def __init__(self, outbox: OutboxStore, dies: list[bool], deaths: Deaths) -> None:
        self._outbox = outbox
        self._dies = dies
        self._deaths = deaths

    def __getattr__(self, name: str) -> object:
        if self._dies and name == "follow":
            return lambda *_: []
        if self._dies and name in ("advance", "end_lease", "hold_lease", "add"):
            return lambda *_, **__: None
        if name == "follow":
            return lambda moves: self._deaths.around("follow", self._dies, lambda: self._outbox.follow(moves))
        return getattr(self._outbox, name)


class Deaths:
    """When the process dies: at which line of the journal, before or after it is written, at which visit from now."""

    def __init__(self) -> None:
        self.line, self.after, self.visits = "", False, 0

    def plan(self, line: str, after: bool, visits: int) -> None:
        self.line, self.after, self.visits = line, after, visits

    def around(self, line: str, dies: list[bool], write: Callable[[], T]) -> T:
        its_time = line == self.line and not dies
        if its_time:
            self.visits -= 1
            its_time = self.visits == 0
        if its_time and not self.after:
            dies.append(True)
            raise Crash
        written = write()
        if its_time:
            dies.append(True)
            raise Crash
        return written


class _Left:
    """Notes as a dying process leaves them."""

    def __init__(self, notes: MemorySettledNotes, dies: list[bool], deaths: Deaths) -> None:
        self._notes = notes
        self._dies = dies
        self._deaths = deaths

    def room(self, owner: str) -> int:
        return self._notes.room(owner)

    def fits(self, recipients: Collection[str]) -> bool:
        return self._notes.fits(recipients)

    def begin(self, owner: str, entry_id: int, attempt: int, recipients: Collection[str]) -> bool:
        assert not self._dies, "the dead hand nothing over"
        return self._deaths.around("begin", self._dies, lambda: self._notes.begin(owner, entry_id, attempt, recipients))

    def keep(self, entry_id: int, step: Settle) -> bool:
        return not self._dies and self._deaths.around("keep", self._dies, lambda: self._notes.keep(entry_id, step))

    def written(self, owner: str) -> None:
        if not self._dies:
            self._deaths.around("written", self._dies, lambda: self._notes.written(owner))

    def of(self, owner: str) -> Noted:
        return self._notes.of(owner)

    def left_behind(self) -> Collection[str]:
        return self._notes.left_behind()

    def forget(self, owner: str) -> None:
        if not self._dies:
            self._notes.forget(owner)

    def leave(self, owner: str) -> None:
        if not self._dies:
            self._notes.leave(owner)


def play(post: Post, actions: list[tuple[str, object]]) -> None:
    for verb, detail in actions:
        match verb:
            case "add":
                assert isinstance(detail, list)
                post.add(detail)
            case "fault":
                assert isinstance(detail, tuple)
                step, planned = detail
                assert isinstance(planned, Fault)
                post.server.plan(step, planned)
            case "send":
                post.send()
            case "burst":
                for _ in range(4):
                    post.add([PEOPLE[0]])
            case "die":
                assert isinstance(detail, tuple)
                post.journal.plan(*detail)
            case "postpone":
                assert isinstance(detail, int)
                post.add([PEOPLE[0]], postponed=detail)
            case "filing":
                # A provider that files by itself is never one of whom copies are declared too; here both may be.
                post.filing = post.filing or bool(detail)
            case "folder":
                assert isinstance(detail, int)
                post.deaths = detail
            case "withdraw":
                assert isinstance(detail, int)
                with suppress(PreconditionFailed, UserError, IndexError):
                    post.outbox.advance(post.outbox.entries()[detail].id, Withdraw(by="admin"), at=post.clock.now())
            case _:
                assert isinstance(detail, int)
                post.clock.pass_by(seconds=detail)
        post.check()
    post.server.clear()
    post.journal = Deaths()
    post.deaths = 0
    for _ in range(3):
        post.clock.pass_by(hours=2)
        post.send()
    for _ in range(2 * len(post.added)):
        post.clock.pass_by(minutes=1)
        post.send()
    post.check()
    assert not post.outbox.copies_due(at=post.clock.now() + timedelta(days=1))
    assert {entry.message_id for entry in post.outbox.entries()} == set(post.added)
    for entry in post.outbox.entries():
        if entry.state is OutgoingState.FAILED and "withdrew" in entry.reason:
            continue
        assert entry.state in (OutgoingState.SENT, OutgoingState.UNCERTAIN), entry
        if entry.state is OutgoingState.UNCERTAIN:
            assert "may or may not have been sent" in entry.reason


@settings(max_examples=250, deadline=None)
@given(st.lists(action, max_size=25))
def test_in_memory(actions: list[tuple[str, object]]) -> None:
    play(Post(MemoryOutbox()), actions)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(action, max_size=20))
def test_in_sqlite(actions: list[tuple[str, object]]) -> None:
    with TemporaryDirectory() as folder, Database.open(Path(folder) / "engine.db") as database:
        play(Post(SqliteOutbox(database)), actions)


@pytest.mark.parametrize("kept", [True, False])
def test_a_death_between_the_end_of_the_mail_and_its_answer_is_shown_and_not_repeated(kept: bool) -> None:
    post = Post(MemoryOutbox())
    post.add([PEOPLE[0]])
    post.server.plan("end", Die(kept=kept))
    post.send()
    (entry,) = post.outbox.entries()
    assert entry.state is OutgoingState.SENDING
    post.send()  # its lease still runs: another process keeps off
    assert next(iter(post.outbox.entries())).state is OutgoingState.SENDING
    post.clock.pass_by(minutes=2)
    post.send()
    (entry,) = post.outbox.entries()
    assert entry.state is OutgoingState.UNCERTAIN
    assert len(post.server.taken) == (1 if kept else 0)


def test_a_death_before_the_mail_is_handed_over_loses_nothing() -> None:
    for step in ("connect", "mail", "rcpt"):
        post = Post(MemoryOutbox())
        post.add([PEOPLE[0]])
        post.server.plan(step, Die())
        post.send()
        post.clock.pass_by(minutes=2)
        post.send()
        assert [entry.state for entry in post.outbox.entries()] == [OutgoingState.SENT]
        assert len(post.server.taken) == 1


@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_a_death_between_an_answer_and_the_next_begin_leaves_no_doubt(step: str) -> None:
    post = Post(MemoryOutbox())
    for _ in range(2):
        post.add([PEOPLE[0]])
    visits: list[str] = []

    class Deadly(MemoryServer):
        def next_fault(self, at: str) -> Fault | None:
            visits.append(at)
            return Die() if at == step and visits.count(step) == 2 else super().next_fault(at)

    post.server = Deadly()
    post.send()
    assert [entry.state for entry in post.outbox.entries()] == [OutgoingState.SENDING, OutgoingState.PENDING]  # one alone is not reserved
    post.clock.pass_by(minutes=2)
    post.send()
    assert [entry.state for entry in post.outbox.entries()] == [OutgoingState.SENT] * 2
    assert len(post.server.taken) == 2
    assert post.notes.left_behind() == []


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize(
    ("line", "visit"), [*((line, visit) for line in ("follow", "begin", "keep", "written") for visit in (1, 2)), ("keep", 4)]
)
def test_a_death_at_any_line_of_the_journal_leaves_one_mail_in_doubt_at_most(line: str, visit: int, after: bool) -> None:
    post = Post(MemoryOutbox())
    post.applied.change("EmailServerProfile", outgoing__messagesPerMinute=None)
    for _ in range(5):
        post.add([PEOPLE[0]])
    post.journal.plan(line, after, visit)
    post.send()
    died = bool(post.notes.died)
    post.journal = Deaths()
    for _ in range(2):
        post.clock.pass_by(hours=2)
        post.send()
    copies = post.copies()
    states = [(entry.state, copies[entry.message_id, PEOPLE[0]]) for entry in post.outbox.entries()]
    assert all((state, number) in [("sent", 1), ("uncertain", 0), ("uncertain", 1)] for state, number in states), states
    assert sum(state == "uncertain" for state, _ in states) <= died
    assert died
    assert post.notes.left_behind() == []


def test_the_wait_doubles_up_to_its_ceiling_and_ends() -> None:
    post = Post(MemoryOutbox())
    post.add([PEOPLE[0]])
    waits: list[timedelta] = []
    for _ in range(9):
        post.server.plan("rcpt", Answer(451))
        post.send()
        (entry,) = post.outbox.entries()
        assert entry.next_try_at is not None
        waits.append(entry.next_try_at - post.clock.now())
        post.clock.at = entry.next_try_at
    assert [wait.total_seconds() for wait in waits] == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
