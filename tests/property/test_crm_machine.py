"""A CRM that hands in the same batches over and over, and follows the feed, while everybody dies at every step.

Each line is applied once, however often it was handed in. The CRM meets each change at least once and in order, and its copy ends as
the store is.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.errors import PreconditionFailed, UserError
from reconcile.model.activity_edit import Edit, EditOutcome
from reconcile.model.feed import FeedCursor, FeedEntry, FeedKind, FeedRow
from reconcile.model.intake import IntakeResult, Taken
from reconcile.model.outbox_step import Retry, Withdraw
from reconcile.model.outgoing import OutboxEntry
from reconcile.ports.edit_store import EditStore
from reconcile.ports.feed import FeedReader
from reconcile.ports.mail_store import MailStore
from reconcile.ports.outbox_store import AddOutcome, OutboxStore
from reconcile.store.memory.edits import MemoryEdits
from reconcile.store.memory.feed import MemoryFeed
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.edits import SqliteEdits
from reconcile.store.sqlite.feed import SqliteFeed
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.edit_intake import EditIntake
from reconcile.sync.lines import lines_of
from reconcile.sync.mail_intake import MailIntake
from support.applied import StillClock, sending_estate
from support.crm import deliver, letter

BOTH = frozenset(FeedKind)


class Died(Exception):
    """The process is gone."""


@dataclass
class Mortal:
    """Stores of a process that dies after `left` more mails or batches of edits; None: it lives."""

    outbox: OutboxStore
    edits: EditStore
    left: int | None = None

    def keyed(self, keys: Sequence[str]) -> object:
        return self.outbox.keyed(keys)

    def add_all(self, mails: Sequence[tuple[OutboxEntry, bytes]]) -> Sequence[AddOutcome]:
        found: list[AddOutcome] = []
        for mail in mails:
            self._step()
            found += self.outbox.add_all([mail])
        return found

    def edit(self, edits: Sequence[Edit], *, at: datetime, by: str) -> Sequence[EditOutcome]:
        self._step()
        outcomes = self.edits.edit(edits, at=at, by=by)
        self._step()  # it is written, and nobody was told
        return outcomes

    def _step(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise Died
            self.left -= 1


@dataclass
class Crm:
    """What the CRM keeps: a copy of rows, and a cursor, each written by itself."""

    feed: FeedReader
    copy: dict[tuple[FeedKind, int], FeedRow] = field(default_factory=dict)
    cursor: FeedCursor | None = None
    met: list[int] = field(default_factory=list)

    def follow(self, limit: int, dies: str) -> None:
        page = self.feed.page(self.cursor or self.feed.beginning(), limit=limit, kinds=BOTH)
        if dies == "before storing":
            return
        for entry in page.entries:
            self._keep(entry)
        if dies != "before the cursor":
            self.cursor = page.end

    def _keep(self, entry: FeedEntry) -> None:
        sequence = entry.cursor.sequence
        assert sequence <= max(self.met, default=0) + 1, "a change was skipped"
        self.met.append(sequence)
        self.copy[entry.kind, entry.id] = entry.row

    def catch_up(self) -> None:
        while True:
            self.follow(3, "")
            assert self.cursor is not None
            if not self.feed.page(self.cursor, limit=1, kinds=BOTH).entries:
                return


key = st.integers(min_value=0, max_value=5)
mail_line = st.tuples(key, st.sampled_from(["a", "b"]))
edit_line = st.tuples(key, st.integers(min_value=1, max_value=4), st.sampled_from(["note 1", "note 2", ""]), st.sampled_from([None, 1, 2]))
death = st.one_of(st.none(), st.integers(min_value=0, max_value=4))
action = st.one_of(
    st.tuples(st.just("mails"), st.lists(mail_line, min_size=1, max_size=5), death),
    st.tuples(st.just("edits"), st.lists(edit_line, min_size=1, max_size=5), death),
    st.tuples(st.just("arrive"), st.integers(min_value=1, max_value=2), st.sampled_from(["box1", "box2"])),
    st.tuples(st.just("step"), st.integers(min_value=1, max_value=4), st.booleans()),
    st.tuples(st.just("follow"), st.integers(min_value=1, max_value=4), st.sampled_from(["", "before storing", "before the cursor"])),
)


class World:
    """One store, its CRM, and what must be true of both."""

    def __init__(self, mail: MailStore, outbox: OutboxStore, edits: EditStore, feed: FeedReader) -> None:
        self.mail, self.outbox = mail, outbox
        self.mortal = Mortal(outbox, edits)
        self.crm = Crm(feed)
        self.minted = 0
        self.arrived = 0
        self.batches: list[tuple[str, bytes]] = []
        self.mails: dict[str, tuple[int, str]] = {}
        self.edits: dict[str, tuple[int, str, int | None]] = {}

    def mint(self) -> str:
        self.minted += 1
        return f"token{self.minted}"

    def hand_in(self, kind: str, data: bytes, dies: int | None) -> None:
        """As much of a batch as the process lives to see. What is told is checked against what was told before."""
        self.mortal.left = dies
        clock = StillClock()
        if kind == "mails":
            batches = MailIntake(applied=sending_estate(), outbox=self.mortal, clock=clock, mint=self.mint).take(lines_of(io.BytesIO(data)))  # type: ignore[arg-type]
        else:
            batches = EditIntake(edits=self.mortal, clock=clock, by="crm").take(lines_of(io.BytesIO(data)))
        lines = [json.loads(line) for line in data.splitlines()]
        with suppress(Died):
            for batch in batches:
                for outcome in batch:
                    if isinstance(outcome, Taken):
                        self.told(kind, lines[outcome.line - 1], outcome)
        self.mortal.left = None

    def told(self, kind: str, line: dict[str, object], outcome: Taken) -> None:
        name = outcome.client_key
        if kind == "mails":
            content = str(line["text"])
            assert self.mails.setdefault(name, (outcome.id, content)) == (outcome.id, content)
        else:
            wanted = (outcome.id, str(line["note"]), outcome.version)
            assert self.edits.setdefault(name, wanted) == wanted
        assert outcome.result is not IntakeResult.REPEATED or name

    def check(self) -> None:
        """Everything handed in once more, by a process that lives; then the two sides are compared."""
        for kind, data in self.batches:
            self.hand_in(kind, data, None)
        entries = {entry.client_key: entry for entry in self.outbox.entries()}
        assert len(entries) == len(self.outbox.entries()), "a key has two mails"
        assert {name: entry.id for name, entry in entries.items()} == {name: number for name, (number, _) in self.mails.items()}
        for name, (number, content) in self.mails.items():
            assert content.encode() in self.outbox.content(number), name
        for activity in self.mail.activities(mailbox_id=None, since=None, limit=None):
            # Each version was made by exactly one edit, and the last of them says what stands.
            made = sorted({version or 0 for number, _, version in self.edits.values() if number == activity.id} - {1})
            assert made == list(range(2, activity.details.version + 1)), (made, activity.details)
            notes = {note for number, note, version in self.edits.values() if (number, version) == (activity.id, activity.details.version)}
            assert activity.details.version == 1 or notes == {activity.details.note}
        self.crm.catch_up()
        assert sorted(set(self.crm.met)) == list(range(1, max(self.crm.met, default=0) + 1))
        kept = {(FeedKind.EMAIL, one.id): one for one in self.mail.activities(mailbox_id=None, since=None, limit=None)}
        assert self.crm.copy == {**kept, **{(FeedKind.OUTBOX, one.id): one for one in self.outbox.entries()}}

    def play(self, actions: Sequence[tuple[object, ...]]) -> None:
        for verb, detail, how in actions:
            match verb:
                case "mails":
                    assert isinstance(detail, list)
                    data = _lines(
                        {"clientKey": f"m{name}", "from": "sales", "to": ["a@contoso.example"], "text": f"text {text}"}
                        for name, text in detail
                    )
                    self.batches.append(("mails", data))
                    self.hand_in("mails", data, how)  # type: ignore[arg-type]
                case "edits":
                    assert isinstance(detail, list)
                    data = _lines(
                        {"clientKey": f"e{name}", "id": number, "note": note, "expectedVersion": expected}
                        for name, number, note, expected in detail
                    )
                    self.batches.append(("edits", data))
                    self.hand_in("edits", data, how)  # type: ignore[arg-type]
                case "arrive":
                    assert isinstance(detail, int)
                    deliver(self.mail, letter(self.arrived % 4), mailbox=str(how), first=self.arrived + 1)
                    self.arrived += 1
                case "step":
                    assert isinstance(detail, int)
                    step = Withdraw(by="me") if how else Retry(by="me")
                    with suppress(PreconditionFailed, UserError):
                        self.outbox.advance(detail, step, at=StillClock().now())
                case _:
                    assert isinstance(detail, int)
                    self.crm.follow(detail, str(how))
        self.check()


def _lines(documents: object) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)  # type: ignore[attr-defined]


@settings(max_examples=150, deadline=None)
@given(st.lists(action, max_size=15))
def test_in_memory(actions: list[tuple[object, ...]]) -> None:
    mail = MemoryMailStore()
    outbox = MemoryOutbox(mail.log)
    World(mail, outbox, MemoryEdits(mail), MemoryFeed(mail.log, mail, outbox)).play(actions)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(action, max_size=12))
def test_in_sqlite(actions: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as folder, Database.open(Path(folder) / "engine.db") as database:
        store = SqliteMailStore(database, Path(folder))
        World(store, SqliteOutbox(database), SqliteEdits(database), SqliteFeed(database)).play(actions)
        store.close()
