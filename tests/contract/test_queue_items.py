"""What every store keeps to with the items of queues, written with the mail they are about: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconcile.model.feed import FeedKind
from reconcile.model.party import PartyRef, PartyRow, PartyType
from reconcile.model.queue_item import NewQueueItem, QueueItemReason
from reconcile.ports.feed import FeedReader
from reconcile.ports.mail_store import MailStore
from reconcile.ports.party_directory import PartyReader
from reconcile.ports.queue_items import QueueItemReader
from reconcile.store.memory.feed import MemoryFeed
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.memory.queue_items import MemoryQueueItems
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.feed import SqliteFeed
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.parties import SqliteParties
from reconcile.store.sqlite.queue_items import SqliteQueueItems
from support.crm import deliver, letter

Stores = tuple[MailStore, QueueItemReader, FeedReader, PartyReader]
LATER = "2026-03-02T08:00:00Z"


def queue(id_: str, name: str = "Support") -> PartyRef:
    return PartyRef(type=PartyType.QUEUE, id=id_, name=name)


ONE = NewQueueItem(queue=queue("q1"), why=QueueItemReason.ACCEPTED)
TWO = NewQueueItem(queue=queue("q2", "Sales"), why=QueueItemReason.TRACKED_BEFORE)


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Stores]]:
    if request.param == "memory":
        mail = MemoryMailStore()
        yield lambda: (mail, mail.queue_items, MemoryFeed(mail.log, mail, MemoryOutbox(mail.log)), mail.parties)
        return
    opened: list[tuple[Database, SqliteMailStore]] = []

    def open_() -> Stores:
        for database, store in opened:
            store.close()
            database.close()
        database = Database.open(tmp_path / "engine.db")
        opened[:] = [(database, SqliteMailStore(database, tmp_path))]
        return opened[0][1], SqliteQueueItems(database), SqliteFeed(database), SqliteParties(database)

    yield open_
    for database, store in opened:
        store.close()
        database.close()


def told(feed: FeedReader) -> list[tuple[str, int]]:
    return [(str(each.action), each.id) for each in feed.page(feed.beginning(), limit=100, kinds=frozenset({FeedKind.EMAIL})).entries]


def test_an_item_comes_with_its_mail_which_the_feed_tells_once(stores: Callable[[], Stores]) -> None:
    deliver(stores()[0], letter(1), letter(2), queue_items=[ONE], more_queue_items=[TWO])
    _, items, feed, _ = stores()
    assert [(each.activity_id, each.queue, each.why, each.at) for each in items.items()] == [
        (2, ONE.queue, QueueItemReason.ACCEPTED, "2026-03-01T08:00:00Z"),
        (1, ONE.queue, QueueItemReason.ACCEPTED, "2026-03-01T08:00:00Z"),
    ]
    assert told(feed) == [("created", 1), ("created", 2)]
    assert {number: [each.queue.id for each in found] for number, found in items.of_activities([1, 3]).items()} == {1: ["q1"]}


def test_a_mail_that_is_tracked_already_gets_the_other_items_once_each(stores: Callable[[], Stores]) -> None:
    deliver(stores()[0], letter(1), queue_items=[ONE])
    deliver(stores()[0], letter(1), mailbox="box2", queue_items=[ONE], more_queue_items=[TWO], at=LATER)
    deliver(stores()[0], letter(1), mailbox="box3", more_queue_items=[TWO, ONE], at=LATER)
    _, items, feed, _ = stores()
    assert [(each.queue.id, each.why) for each in items.of_activities([1])[1]] == [
        ("q1", QueueItemReason.ACCEPTED),
        ("q2", QueueItemReason.TRACKED_BEFORE),
    ]
    # Created, then: held by box2, in queue q2, held by box3.
    assert told(feed) == [("created", 1), ("changed", 1), ("changed", 1), ("changed", 1)]


def test_a_mail_that_comes_twice_in_one_batch_is_one(stores: Callable[[], Stores]) -> None:
    deliver(stores()[0], letter(1), letter(1), queue_items=[ONE], more_queue_items=[TWO])
    assert [(each.activity_id, each.queue.id) for each in stores()[1].items()] == [(1, "q2"), (1, "q1")]


def test_items_are_listed_by_queue_and_in_pages(stores: Callable[[], Stores]) -> None:
    deliver(stores()[0], *map(letter, range(4)), queue_items=[ONE, TWO])
    items = stores()[1]
    assert [each.activity_id for each in items.items(queue="q1")] == [4, 3, 2, 1]
    assert [each.activity_id for each in items.items(queue="Sales", limit=2)] == [4, 3]
    last = items.items(queue="Sales", limit=2)[-1].id
    assert [each.activity_id for each in items.items(queue="Sales", before=last)] == [2, 1]
    assert items.items(queue="nobody") == []
    assert [(each.queue.name, each.items) for each in items.queues()] == [("Sales", 4), ("Support", 4)]


def test_the_contact_of_an_unknown_sender_comes_with_the_mail(stores: Callable[[], Stores]) -> None:
    made = PartyRow(ref=PartyRef(type=PartyType.CONTACT, id="mail-1", name="A"), addresses=("a@fabrikam.example",))
    deliver(stores()[0], letter(1), letter(2), contact=made)
    assert [(each.ref, each.origin) for each in stores()[3].parties()] == [(made.ref, "mail")]


def test_an_item_goes_with_its_mail(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        deliver(store, letter(1), queue_items=[ONE])
        database.write(lambda connection: connection.execute("DELETE FROM mail_locations") and None)
        database.write(lambda connection: connection.execute("DELETE FROM mail_activities") and None)
        assert SqliteQueueItems(database).items() == []
        store.close()


@pytest.mark.parametrize("items", [SqliteQueueItems(None), MemoryQueueItems()])
def test_a_missing_store_reads_as_empty(items: QueueItemReader) -> None:
    assert (items.items(), items.queues(), items.of_activities([1])) == ([], [], {})
