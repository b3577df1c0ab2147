"""Whatever happens in between (faults, crashes, renumbering, deletions), two quiet passes later each message is there exactly once,
or its decision is; what is deleted at the server is kept here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reconcile.errors import TimedOut, Unavailable
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.mail.memory_marks import MemoryMarks
from reconcile.model.canonical import Leaf
from reconcile.model.cursor import Cursor
from reconcile.model.mailbox_state import Attempt
from reconcile.model.party import PartyRef, PartyRow, PartyType
from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction
from reconcile.model.tracking import MailRef
from reconcile.ports.correlation import MailFacts
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.deciding import Deciders
from reconcile.sync.incoming import Received, receive
from reconcile.sync.marking import carry_out_marks
from support.applied import START, StillClock


def core(message: bytes) -> bytes:
    """Without trace headers, in which a twin of the other mailbox differs."""
    return message[message.find(b"Message-ID") :] if b"Message-ID" in message else message[message.find(b"From:") :]


class Watched(MemoryMarks):
    """Remembers what it deleted."""

    def __init__(self, server: MemoryMailbox, gone: set[bytes]) -> None:
        super().__init__(server)
        self._gone = gone

    def delete(self, remote_ids: Sequence[RemoteId], *, cursor: Cursor) -> Collection[RemoteId]:
        before = {number: message for number, (message, _) in self.server.messages.items()}
        try:
            return super().delete(remote_ids, cursor=cursor)
        finally:
            self._gone |= {core(message) for number, message in before.items() if number not in self.server.messages}


class Crash(BaseException):
    """The process ends here."""


def resource(name: str, filter_: str) -> AppliedResource:
    spec: dict[str, Leaf] = {"emailAddress": f"{name}@contoso.example", "filter": filter_}
    return AppliedResource(kind="Mailbox", name=name, external_id=name, spec=spec, origins={})


class Applied:
    """Two mailboxes: `a` takes all mail, `b` answers and mail of contacts."""

    def resources(self) -> list[AppliedResource]:
        return [resource("a", "all"), resource("b", "known-senders")]


class NoCorrelation:
    """Nothing is known."""

    def by_message_id(self, message_ids: object) -> dict[str, list[MailRef]]:
        return {}

    def facts(self, mails: object) -> dict[MailRef, MailFacts]:
        return {}

    by_token = by_conversation = words = by_message_id

    def by_person(self, people: object, *, since: str) -> dict[int, list[MailRef]]:
        return {}


class Machine(RuleBasedStateMachine):
    """Two mailboxes, one store. `born` is every message the test made, by its bytes."""

    @initialize()
    def begin(self) -> None:
        self.servers = {"a": MemoryMailbox(), "b": MemoryMailbox()}
        self.store = MemoryMailStore()
        self.clock = StillClock()
        known = PartyRow(ref=PartyRef(type=PartyType.CONTACT, id="c"), addresses=("known@fabrikam.example",))
        self.store.parties.take_in([known], whole=lambda: True, at="2026-03-01T08:00:00Z")
        self.deciders = Deciders(applied=Applied(), parties=self.store.parties, correlation=NoCorrelation(), clock=self.clock)
        self.removing = {"a": False, "b": False}
        self.gone: set[bytes] = set()
        self.made = 0
        self.floor: datetime | None = START - timedelta(days=1)
        self.lowest: datetime | None = self.floor

    def message(self, name: bool, old: bool = False) -> tuple[bytes, datetime]:
        self.made += 1
        head = b"Message-ID: <m%d@contoso.example>\r\n" % self.made if name else b""
        sender = b"known" if self.made % 2 else b"unknown"
        body = head + b"From: %s@fabrikam.example\r\nTo: b@contoso.example\r\n\r\nbody %d" % (sender, self.made)
        return body, START - timedelta(days=2) if old else START + timedelta(seconds=self.made)

    @rule(box=st.sampled_from("ab"), name=st.booleans(), old=st.booleans())
    def deliver(self, box: str, name: bool, old: bool) -> None:
        self.servers[box].deliver(*self.message(name, old))

    @rule(name=st.booleans())
    def deliver_to_both(self, name: bool) -> None:
        body, received = self.message(name)
        for index, server in enumerate(self.servers.values()):
            server.deliver(b"Received: from relay%d\r\n" % index + body, received)

    @rule(box=st.sampled_from("ab"), data=st.data())
    def deliver_again(self, box: str, data: st.DataObject) -> None:
        messages = self.servers[box].messages
        if messages:
            self.servers[box].deliver(*messages[data.draw(st.sampled_from(sorted(messages)))])

    @rule(box=st.sampled_from("ab"), data=st.data())
    def reuse_an_id(self, box: str, data: st.DataObject) -> None:
        messages = self.servers[box].messages
        if messages:
            body, received = messages[data.draw(st.sampled_from(sorted(messages)))]
            self.servers[box].deliver(body + b" and %d more" % self.made, received)

    @rule(box=st.sampled_from("ab"), data=st.data())
    def expunge(self, box: str, data: st.DataObject) -> None:
        messages = self.servers[box].messages
        if messages:
            number = data.draw(st.sampled_from(sorted(messages)))
            self.servers[box].expunge(number)

    @rule(box=st.sampled_from("ab"), validity=st.sampled_from([0, 1, 2, 3]))
    def renumber(self, box: str, validity: int) -> None:
        # A server that comes back to a validity between two looks, with other messages under the same numbers, deceives every client.
        state = self.store.states().get(box)
        told = json.loads(state.cursor.value)[0] if state and state.cursor else None
        if validity not in (self.servers[box].validity, told):
            self.servers[box].renumber(validity)

    @rule(box=st.sampled_from("ab"), data=st.data())
    def hollow(self, box: str, data: st.DataObject) -> None:
        messages = self.servers[box].messages
        if messages:
            self.servers[box].hollow.add(data.draw(st.sampled_from(sorted(messages))))

    @rule(box=st.sampled_from("ab"))
    def delete_after_processing(self, box: str) -> None:
        self.removing[box] = not self.removing[box]

    @rule(days=st.sampled_from([None, 3, 1, 0]))
    def move_the_floor(self, days: int | None) -> None:
        self.floor = None if days is None else START - timedelta(days=days)
        self.lowest = None if self.floor is None or self.lowest is None else min(self.floor, self.lowest)

    @rule(box=st.sampled_from("ab"), step=st.integers(0, 12), broken=st.sampled_from([Unavailable, TimedOut]))
    def break_connection(self, box: str, step: int, broken: type[Exception]) -> None:
        self.servers[box].faults = [None] * step + [broken("broken")]
        self.look(box)
        self.servers[box].faults = []

    @rule(box=st.sampled_from("ab"), step=st.integers(0, 20))
    def crash(self, box: str, step: int) -> None:
        left = [step]

        def count(_: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        self.store.interrupt = self.servers[box].step = count
        try:
            self.look(box)
        except Crash:
            pass
        finally:
            self.store.interrupt = self.servers[box].step = lambda _: None

    @rule(box=st.sampled_from("ab"))
    def look(self, box: str) -> None:
        error, progress, breaks = "", Received(), 0
        marks = frozenset({MarkAction.DELETE}) if self.removing[box] else frozenset[MarkAction]()
        try:
            with self.store.receive(box) as receiving:
                breaks = receiving.state.breaks
                receive(
                    MemoryInbox(self.servers[box]),
                    receiving,
                    floor=self.floor,
                    clock=self.clock,
                    progress=progress,
                    beside=False,
                    decider=lambda: self.deciders(box),
                    marks=marks,
                )
                carry_out_marks(self.store.decisions, receiving.state, lambda: Watched(self.servers[box], self.gone), allowed=marks)
        except (Unavailable, TimedOut) as broken:
            error = type(broken).__name__
        self.store.record(
            [Attempt(mailbox_id=box, at="2026-03-01T08:00:00Z", fingerprint="f", error_kind=error, breaks=breaks + 1 if error else 0)]
        )

    @invariant()
    def what_was_deleted_is_kept(self) -> None:
        if hasattr(self, "store") and self.gone:
            kept = {core(b"".join(self.store.raw(each.id))) for each in self.store.activities(mailbox_id=None, since=None, limit=None)}
            assert self.gone <= kept, "deleted at the server and not kept"

    @invariant()
    def nothing_is_kept_twice(self) -> None:
        if not hasattr(self, "store"):
            return
        kept = [b"".join(self.store.raw(each.id)) for each in self.store.activities(mailbox_id=None, since=None, limit=None)]
        named = Counter(body[body.find(b"Message-ID") :] for body in kept if b"Message-ID" in body)
        assert all(count == 1 for count in named.values()), named

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        for server in self.servers.values():
            server.hollow.clear()
        for _ in range(2):
            for box in self.servers:
                self.look(box)
        for box, server in self.servers.items():
            state = self.store.states()[box]
            gave_up = {int(message.remote_id.value) for message in state.missing if message.reported}
            assert all(message.reported for message in state.missing)
            here = {int(key[2].value): location for key, location in self.store._locations.items() if key[:2] == (box, state.generation)}
            in_time = {number for number, (_, received) in server.messages.items() if self.floor is None or received >= self.floor}
            expected = {number for number in in_time if box == "a" or b"From: known" in server.messages[number][0]}
            assert expected - gave_up <= set(here), "lost"
            # Each of the others has a decision, and only they have one.
            decided = {int(each.remote_id.value): each for each in self.store.decisions.decisions.values() if each.mailbox_id == box}
            ignored = {number for number, each in decided.items() if each.generation == state.generation and each.outcome == "ignored"}
            assert in_time - expected - gave_up <= ignored
            assert not ignored & set(here)
            assert all(each.reason == "unknown-sender" for each in decided.values() if each.outcome == "ignored")
            for number in expected - gave_up:
                body = b"".join(self.store.raw(here[number].activity))
                raw = server.messages[number][0]
                # A twin of the other mailbox differs in its trace headers only.
                assert body.partition(b"From:")[2] == raw.partition(b"From:")[2]
            kept = {b"".join(self.store.raw(location.activity)) for location in here.values()}
            if self.lowest is not None:
                old = {body for body, received in server.messages.values() if received < self.lowest}
                assert not kept & (old - {body for body, received in server.messages.values() if received >= self.lowest})
            # Messages without an id: as many activities as there are messages, also after a re-index.
            nameless = [number for number in expected - gave_up if b"Message-ID" not in server.messages[number][0]]
            assert len({here[number].activity for number in nameless}) == len(nameless)
            # And nothing new: the next look finds nothing to read.
            assert not MemoryInbox(server).look(state.cursor).news


Machine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestReceivingMachine = Machine.TestCase
