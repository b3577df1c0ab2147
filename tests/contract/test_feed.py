"""What every change feed keeps to, with the stores that write it: the memory twins, and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.errors import CursorInvalid, UserError
from reconcile.model.activity import Activity
from reconcile.model.activity_details import ActivityState
from reconcile.model.activity_edit import Edit
from reconcile.model.feed import FeedCursor, FeedEntry, FeedKind
from reconcile.model.item import ItemKind, Task
from reconcile.model.item_conflict import NewConflict
from reconcile.model.item_edit import AddItem, ChangeItem, RemoveItem
from reconcile.model.item_record import ItemState, Record
from reconcile.model.outbox_step import Withdraw
from reconcile.model.outgoing import OutboxEntry
from reconcile.ports.edit_store import EditStore
from reconcile.ports.feed import FeedReader
from reconcile.ports.item_store import ItemStore, PairChange, RecordChange, RecordDeletion
from reconcile.ports.mail_store import MailStore
from reconcile.ports.outbox_store import OutboxStore
from reconcile.store.memory.edits import MemoryEdits
from reconcile.store.memory.feed import MemoryFeed
from reconcile.store.memory.items import MemoryItemStore
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.edits import SqliteEdits
from reconcile.store.sqlite.feed import SqliteFeed, begin_epoch
from reconcile.store.sqlite.items import SqliteItems
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from support.applied import START, sending_estate
from support.crm import deliver, letter

BOTH = frozenset(FeedKind)


@dataclass
class Stores:
    """Of one environment. `new_epoch` is what a restore does to the feed."""

    mail: MailStore
    outbox: OutboxStore
    edits: EditStore
    feed: FeedReader
    items: ItemStore
    database: Database | None = None

    def new_epoch(self) -> None:
        if self.database is not None:
            self.database.write(begin_epoch)
        else:
            assert isinstance(self.mail, MemoryMailStore)
            self.mail.log.epoch = "f" * 32

    def add(self, number: int) -> OutboxEntry:
        mailbox = sending_setup(sending_estate().resources(), now="").mailboxes["box1"]
        assert isinstance(mailbox, SendingMailbox)
        composed = compose(Draft(to=("a@contoso.example",), text="x"), mailbox, key="", token=f"t{number}", now=START)
        return self.outbox.add(composed.entry, composed.content).entry

    def read(self, after: FeedCursor | None = None, limit: int = 1000, kinds: frozenset[FeedKind] = BOTH) -> list[FeedEntry]:
        """To the end, page by page."""
        place, found = after or self.feed.beginning(), list[FeedEntry]()
        while True:
            page = self.feed.page(place, limit=limit, kinds=kinds)
            assert len(page.entries) <= limit
            found += page.entries
            place = page.end
            if not page.more:
                return found


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "memory":
        mail = MemoryMailStore()
        outbox = MemoryOutbox(mail.log)
        items = MemoryItemStore(mail.log)
        yield Stores(mail, outbox, MemoryEdits(mail), MemoryFeed(mail.log, mail, outbox, items), items)
        return
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        yield Stores(store, SqliteOutbox(database), SqliteEdits(database), SqliteFeed(database), SqliteItems(database), database)
        store.close()


def told(entries: list[FeedEntry]) -> list[tuple[str, str, int]]:
    return [(str(entry.kind), str(entry.action), entry.id) for entry in entries]


def test_an_untouched_feed_is_empty_and_has_a_beginning(stores: Stores) -> None:
    page = stores.feed.page(stores.feed.beginning(), limit=10, kinds=BOTH)
    assert (page.entries, page.end, page.more) == ((), stores.feed.beginning(), False)
    assert FeedCursor.parse(str(page.end)) == page.end


def test_every_change_is_told_once_and_in_order(stores: Stores) -> None:
    deliver(stores.mail, letter(1), letter(2))
    entry = stores.add(1)
    stores.edits.edit([Edit(activity_id=2, note="x"), Edit(activity_id=9, note="x")], at=START, by="a")
    stores.edits.edit([Edit(activity_id=2, note="x")], at=START, by="a")  # changes nothing
    deliver(stores.mail, letter(2), mailbox="box2")
    deliver(stores.mail, letter(3), mailbox="box2", first=2)
    deliver(stores.mail, letter(2), mailbox="box2", first=9)  # held already
    stores.outbox.advance(entry.id, Withdraw(by="a"), at=START)
    entries = stores.read()
    assert told(entries) == [
        ("email", "created", 1),
        ("email", "created", 2),
        ("outbox", "created", 1),
        ("email", "edited", 2),
        ("email", "changed", 2),
        ("email", "created", 3),
        ("outbox", "changed", 1),
    ]
    assert [entry.cursor.sequence for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert [str(entry.transition.state) for entry in entries if entry.transition] == ["pending-send", "failed"]


CALL = Task(subject="Call back")
MET = NewConflict(field="subject", ours='["a"]', theirs='["b"]', ours_wins=False)


def _change(item_id: int, version: int, subject: str, *conflicts: NewConflict) -> PairChange:
    after = RecordChange(item=Task(subject=subject), owner="a@contoso.example", state=ItemState.OPEN, expected=version)
    return PairChange(record_id=item_id, record=after, conflicts=conflicts)


def test_items_are_told_with_who_did_it(stores: Stores) -> None:
    items, owner = stores.items, "a@contoso.example"
    items.edit([AddItem(item=CALL, owner=owner)], at=START, by="crm")
    edit = ChangeItem(item_id=1, kind=ItemKind.TASK, columns={"subject": "x"})
    items.edit([edit, edit], at=START, by="crm")  # the second changes nothing
    items.commit("box1", ItemKind.TASK, [_change(1, 2, "y", MET), _change(0, 0, "new")], at=START, by="mailbox a@contoso.example")
    items.resolve(1, at=START, by="desk")
    items.edit([RemoveItem(item_id=1)], at=START, by="crm")
    gone = PairChange(record_id=2, record=RecordDeletion(expected=1))
    items.commit("box1", ItemKind.TASK, [gone], at=START, by="mailbox a@contoso.example")
    entries = stores.read()
    assert told(entries) == [
        ("task", "created", 1),
        ("task", "edited", 1),
        ("task", "changed", 1),
        ("task", "conflict", 1),
        ("task", "created", 2),
        ("task", "resolved", 1),
        ("task", "deleted", 1),
        ("task", "deleted", 2),
    ]
    mailbox = "mailbox a@contoso.example"
    assert [entry.by for entry in entries] == ["crm", "crm", mailbox, "", mailbox, "desk", "crm", mailbox]
    assert [entry.conflict.field for entry in entries if entry.conflict is not None] == ["subject", "subject"]
    assert all(entry.row is None for entry in entries)


def test_a_row_of_an_item_is_as_it_stands_now(stores: Stores) -> None:
    stores.items.edit([AddItem(item=CALL, owner="a@contoso.example")], at=START, by="crm")
    stores.items.commit("box1", ItemKind.TASK, [_change(1, 1, "y")], at=START, by="mailbox a@contoso.example")
    first, last = stores.read()
    assert isinstance(first.row, Record)
    assert first.row == last.row == stores.items.item(1)
    assert first.row.version == 2
    assert told(stores.read(kinds=frozenset({FeedKind.CONTACT}))) == []


def test_a_long_open_transaction_hides_nothing_for_good(tmp_path: Path) -> None:
    """Whoever reads meanwhile does not get past what is not there yet."""
    path = tmp_path / "engine.db"
    with Database.open(path) as database:
        items, feed = SqliteItems(database), SqliteFeed(database)
        items.edit([AddItem(item=CALL, owner="a@contoso.example")], at=START, by="crm")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute(
            "INSERT INTO item (kind, owner, state, version, created_at, edited_at, edited_by)"
            " VALUES ('contact', 'a', 'open', 1, '2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z', 'slow')"
        )
        seen = feed.page(feed.beginning(), limit=10, kinds=BOTH)
        assert told([*seen.entries]) == [("task", "created", 1)]
        waiting = database.submit(
            lambda connection: connection.execute("UPDATE item SET version = 2, edited_by = 'x' WHERE id = 1") and None
        )
        assert feed.page(seen.end, limit=10, kinds=BOTH).entries == ()
        other.execute("COMMIT")
        waiting.result()
        other.close()
        rest = feed.page(seen.end, limit=10, kinds=BOTH)
        assert told([*rest.entries]) == [("contact", "created", 2), ("task", "edited", 1)]


def test_rows_are_as_they_stand_now(stores: Stores) -> None:
    deliver(stores.mail, letter(1))
    entry = stores.add(1)
    stores.edits.edit([Edit(activity_id=1, state=ActivityState.COMPLETED)], at=START, by="a")
    withdrawn = stores.outbox.advance(entry.id, Withdraw(by="a"), at=START)
    first, mail, *_ = stores.read()
    assert isinstance(first.row, Activity)
    assert (first.row.details.state, first.row.details.version, first.row.mailboxes) == (ActivityState.COMPLETED, 2, ("box1",))
    assert first.row == stores.mail.activity(1)
    assert mail.row == withdrawn


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_any_size_say_the_same(stores: Stores, limit: int) -> None:
    deliver(stores.mail, *(letter(number) for number in range(5)))
    for number in range(3):
        stores.add(number)
    everything = stores.read()
    assert stores.read(limit=limit) == everything
    for index, entry in enumerate(everything):
        assert stores.read(after=entry.cursor, limit=limit) == everything[index + 1 :]


def test_kinds_are_left_out_and_the_cursor_passes_them(stores: Stores) -> None:
    deliver(stores.mail, letter(1))
    stores.add(1)
    deliver(stores.mail, letter(2), first=2)
    assert told(stores.read(kinds=frozenset({FeedKind.OUTBOX}), limit=1)) == [("outbox", "created", 1)]
    page = stores.feed.page(stores.feed.beginning(), limit=5, kinds={FeedKind.OUTBOX})
    assert (page.end.sequence, page.more) == (3, False)
    page = stores.feed.page(stores.feed.beginning(), limit=1, kinds={FeedKind.OUTBOX})
    assert (page.end.sequence, page.more) == (2, True)


def test_a_cursor_of_another_epoch_is_refused_by_name(stores: Stores) -> None:
    deliver(stores.mail, letter(1))
    (entry,) = stores.read()
    beginning = stores.feed.beginning()
    stores.new_epoch()
    for old in (entry.cursor, beginning):
        with pytest.raises(CursorInvalid, match="another store, or of this one before it was restored") as caught:
            stores.feed.page(old, limit=1, kinds=BOTH)
        assert "from its beginning" in caught.value.hint
    assert told(stores.read()) == [("email", "created", 1)]


def test_a_cursor_from_the_future_or_of_another_history_is_refused_by_name(stores: Stores) -> None:
    deliver(stores.mail, letter(1), letter(2))
    first, second = stores.read()
    with pytest.raises(CursorInvalid, match="stands at change 3, the newest is 2"):
        stores.feed.page(replace(second.cursor, sequence=3), limit=1, kinds=BOTH)
    with pytest.raises(CursorInvalid, match="another history: change 2"):
        stores.feed.page(replace(first.cursor, sequence=2), limit=1, kinds=BOTH)


@pytest.mark.parametrize("text", ["", "x", "A" * 44, "é" * 44, "A" * 43, "_" * 44, " " * 44, "A" * 1000, "-" * 44])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no cursor of a change feed"):
        FeedCursor.parse(text)


def test_a_purged_row_is_told_and_leaves_nothing_but_its_number(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        stores = Stores(store, SqliteOutbox(database), SqliteEdits(database), SqliteFeed(database), SqliteItems(database), database)
        deliver(store, letter(1), letter(2))
        deliver(store, letter(1), mailbox="box2")
        entry = stores.add(1)
        stores.edits.edit([Edit(activity_id=1, note="secret words", client_key="k")], at=START, by="a")
        seen = stores.read()[-1].cursor

        def purge(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM mail_locations WHERE activity_id = 1 AND mailbox_id = 'box2'")
            connection.execute("DELETE FROM mail_locations WHERE activity_id = 1")
            connection.execute("DELETE FROM mail_activities WHERE id = 1")
            for table, column in (("outbox_recipient", "entry"), ("outbox_event", "entry"), ("outbox_content", "entry"), ("outbox", "id")):
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (entry.id,))

        database.write(purge)
        assert told(stores.read(after=seen)) == [("email", "changed", 1), ("email", "deleted", 1), ("outbox", "deleted", 1)]
        everything = stores.read()
        assert [one.row for one in everything if one.id == 1] == [None] * 7
        assert [one.transition for one in everything] == [None] * len(everything)
        assert b"secret words" not in b"".join(bytes(str([*row]), "utf-8") for row in database.reader().execute("SELECT * FROM feed"))
        assert database.reader().execute("SELECT count(*) FROM activity_details").fetchone()[0] == 0
        # Its key is remembered: the same edit is no second one, and no other may take its name.
        (again,) = stores.edits.edit([Edit(activity_id=1, note="secret words", client_key="k")], at=START, by="a")
        assert str(getattr(again, "result", again)) == "already-there"
        store.close()


def test_the_feed_cannot_be_rewritten(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        deliver(store, letter(1))
        for statement in ("DELETE FROM feed", "UPDATE feed SET item = 2"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.write(lambda connection, statement=statement: connection.execute(statement) and None)  # type: ignore[misc]
        store.close()


def test_a_failed_transaction_leaves_no_gap(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        store, edits, feed = SqliteMailStore(database, tmp_path), SqliteEdits(database), SqliteFeed(database)
        deliver(store, letter(1))

        def half(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE mail_activities SET size = size")
            connection.execute("INSERT INTO activity_details VALUES (1, 2, '', '', '', '', 'open', '[]', '', '', '')")
            raise LookupError

        with pytest.raises(LookupError):
            database.write(half)
        edits.edit([Edit(activity_id=1, note="x")], at=START + timedelta(seconds=1), by="a")
        page = feed.page(feed.beginning(), limit=10, kinds=BOTH)
        assert [entry.cursor.sequence for entry in page.entries] == [1, 2]
        store.close()
