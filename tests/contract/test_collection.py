"""What every two-way collection keeps to: the memory twin here, others by adding themselves to WORLDS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from reconcile.errors import CursorInvalid, PreconditionFailed
from reconcile.mail.memory_collection import MemoryCollection, MemoryItems
from reconcile.model.cursor import Cursor
from reconcile.model.item import Answer, Appointment, Attachment, Attendee, Contact, Item, ItemKind, Priority, ShowAs, Task, TaskStatus
from reconcile.model.recurrence import (
    ChangedOccurrence,
    Daily,
    DeletedOccurrence,
    EndsOn,
    Monthly,
    MonthlyNth,
    NoEnd,
    Numbered,
    Recurrence,
    Weekday,
    Weekly,
    Yearly,
    YearlyNth,
)
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Bearing, Collection, Departure, Gone, RemoteItem
from support.ews_items import everything_wanted, exchange_items

#: Far ahead, and the same whenever this runs.
SOON = datetime(2090, 3, 6, 9, 0, tzinfo=UTC)  # a Monday
ALICE = Attendee(address="alice@contoso.example", name="Alice")
NOBODY = frozenset[str]()


@dataclass
class World:
    """A mailbox behind one implementation, and what somebody else does to it. `posted` are (what, addresses) of what attendees were told."""

    collection: Callable[[ItemKind], Collection]
    put: Callable[[Item], RemoteId]
    edit: Callable[[RemoteId, Item], None]
    drop: Callable[[RemoteId], None]
    move: Callable[[RemoteId], None]
    delete: Callable[[RemoteId], None]
    copy: Callable[[RemoteId], None]
    bring_back: Callable[[ItemKind], None]
    forget: Callable[[], None]
    posted: Callable[[], list[tuple[str, tuple[str, ...]]]]
    address: str


@contextmanager
def memory() -> Iterator[World]:
    server = MemoryItems(address="user@contoso.example")

    def number(remote_id: RemoteId) -> int:
        return int(remote_id.value)

    def kind(item: Item) -> ItemKind:
        return ItemKind(type(item).__name__.lower())

    yield World(
        collection=lambda of: MemoryCollection(server, of, everything_wanted),
        put=lambda item: RemoteId("memory", str(server.put(kind(item), item))),
        edit=lambda remote_id, item: server.touch(number(remote_id), item),
        drop=lambda remote_id: server.drop(number(remote_id), for_good=True),
        move=lambda remote_id: server.move(number(remote_id), "elsewhere") and None,
        delete=lambda remote_id: server.drop(number(remote_id)),
        copy=lambda remote_id: server.copy(number(remote_id)) and None,
        bring_back=lambda kind: [server.move(one, "") for one in [*server.items] if server.items[one].folder] and None,
        forget=server.forget,
        posted=lambda: [(one.what, one.to) for one in server.posted],
        address=server.address,
    )


@contextmanager
def exchange() -> Iterator[World]:
    with exchange_items() as items:
        yield World(
            collection=items.collection,
            put=items.put,
            edit=items.edit,
            drop=items.drop,
            move=items.move,
            delete=lambda remote_id: items.delete(remote_id, "MoveToDeletedItems"),
            copy=items.copy,
            bring_back=items.bring_back,
            forget=items.forget,
            posted=items.posted,
            address=items.address,
        )


WORLDS = [pytest.param(memory, id="memory"), pytest.param(exchange, id="exchange")]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with request.param() as made:
        yield made


def contents(digest: str) -> bytes:
    raise KeyError(digest)


def meeting(**more: object) -> Appointment:
    base = Appointment(subject="Budget", scheduledstart=SOON, scheduledend=SOON + timedelta(hours=1), timezone="Europe/Berlin")
    return replace(base, **more)  # type: ignore[arg-type]


PERSON = Contact(firstname="Ada", lastname="Byron", fullname="Ada Byron", emailaddress1="ada@contoso.example", birthdate=date(1980, 12, 10))
TODO = Task(subject="Call back", scheduledend=date(2090, 3, 7))
EACH = [pytest.param(meeting(), id="appointment"), pytest.param(PERSON, id="contact"), pytest.param(TODO, id="task")]


def of(world: World, item: Item) -> Collection:
    return world.collection(ItemKind(type(item).__name__.lower()))


def everything(collection: Collection, cursor: Cursor | None) -> tuple[set[RemoteId], set[Gone], Cursor]:
    pages = list(collection.changes(cursor))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    listed: set[RemoteId] = set()
    gone: set[Gone] = set()
    for page in pages:
        listed |= {one.remote_id for one in page.items}
        gone |= set(page.gone)
    return listed, gone, pages[-1].cursor


def whole(collection: Collection, remote_id: RemoteId) -> RemoteItem:
    (found,) = collection.read([remote_id])
    assert isinstance(found, RemoteItem)
    return found


@pytest.mark.parametrize("item", EACH)
def test_what_is_there_is_listed_and_then_only_what_changed(world: World, item: Item) -> None:
    ids = {world.put(item) for _ in range(7)}
    collection = of(world, item)
    listed, _, cursor = everything(collection, None)
    assert listed == ids
    listed, gone, cursor = everything(collection, cursor)
    assert (listed, gone) == (set(), set())
    fresh = world.put(item)
    listed, gone, _ = everything(collection, cursor)
    assert (listed, gone) == ({fresh}, set())


@pytest.mark.parametrize("item", EACH)
def test_a_page_may_be_the_last_one_that_is_taken(world: World, item: Item) -> None:
    ids = {world.put(item) for _ in range(7)}
    collection = of(world, item)
    first = next(iter(collection.changes(None)))
    rest, _, _ = everything(collection, first.cursor)
    assert {one.remote_id for one in first.items} | rest == ids


def test_the_other_kinds_are_not_listed(world: World) -> None:
    world.put(TODO)
    assert everything(world.collection(ItemKind.CONTACT), None)[:2] == (set(), set())


@pytest.mark.parametrize("item", EACH)
def test_a_deletion_is_told_from_a_move(world: World, item: Item) -> None:
    deleted, moved = world.put(item), world.put(item)
    collection = of(world, item)
    _, _, cursor = everything(collection, None)
    world.drop(deleted)
    world.move(moved)
    _, gone, _ = everything(collection, cursor)
    assert {one.remote_id for one in gone} == {deleted, moved}
    told = {one.remote_id: one.departure for one in gone}
    assert told[deleted] in (Departure.DELETED, Departure.UNKNOWN)
    assert told[moved] in (Departure.MOVED, Departure.UNKNOWN)
    read = collection.read([deleted, moved])
    assert [isinstance(one, Gone) for one in read] == [True, True]


@pytest.mark.parametrize("item", EACH)
def test_what_moved_is_told_from_what_was_deleted_by_what_it_bears(world: World, item: Item) -> None:
    collection = of(world, item)
    kept, moved, deleted, gone = (world.put(item) for _ in range(4))
    made = collection.create("t1", item, invite=False, contents=contents)
    traces = [whole(collection, one).listed.trace for one in (kept, moved, deleted, gone)]
    assert len({*traces, ""}) == 5
    bearings = [Bearing(trace=one) for one in traces] + [Bearing(token="t1"), Bearing(token="t2")]
    world.move(moved)
    world.delete(deleted)
    world.drop(gone)
    moved_, deleted_, unknown = Departure.MOVED, Departure.DELETED, Departure.UNKNOWN
    assert collection.whereabouts([]) == []
    assert collection.whereabouts(bearings) == [moved_, moved_, deleted_, unknown, moved_, unknown]
    collection.delete(made.remote_id, made.version, cancel=False)
    assert collection.whereabouts(bearings[::-1]) == [unknown, deleted_, unknown, deleted_, moved_, moved_]


@pytest.mark.parametrize("item", EACH)
def test_a_trace_stays_however_an_item_moves_and_its_copies_have_it(world: World, item: Item) -> None:
    collection = of(world, item)
    first = world.put(item)
    trace = whole(collection, first).listed.trace
    _, _, cursor = everything(collection, None)
    world.move(first)
    world.bring_back(collection.kind)
    (page,) = collection.changes(cursor)
    (back,) = page.items
    assert (back.trace, back.remote_id != first) == (trace, True)
    world.copy(back.remote_id)
    (page,) = collection.changes(page.cursor)
    assert [one.trace for one in page.items if one.remote_id != back.remote_id] == [trace]


def test_whereabouts_of_many_are_asked_for_together(world: World) -> None:
    collection = world.collection(ItemKind.TASK)
    ids = [world.put(replace(TODO, subject=str(number))) for number in range(60)]
    bearings = [Bearing(trace=whole(collection, one).listed.trace) for one in ids]
    for one in ids[::2]:
        world.delete(one)
    assert collection.whereabouts(bearings) == [Departure.DELETED, Departure.MOVED] * 30


def test_a_place_that_the_server_forgot_is_refused(world: World) -> None:
    world.put(PERSON)
    collection = world.collection(ItemKind.CONTACT)
    _, _, cursor = everything(collection, None)
    world.forget()
    with pytest.raises(CursorInvalid):
        list(collection.changes(cursor))
    assert len(everything(collection, None)[0]) == 1


CHANGED = [
    pytest.param(meeting(), meeting(subject="New", location="Room 2"), {"subject", "location"}, id="appointment"),
    pytest.param(PERSON, replace(PERSON, jobtitle="Countess", birthdate=None), {"jobtitle", "birthdate"}, id="contact"),
    pytest.param(TODO, replace(TODO, subject="Write", prioritycode=Priority.HIGH), {"subject", "prioritycode"}, id="task"),
]


@pytest.mark.parametrize(("item", "other", "columns"), CHANGED)
def test_an_update_sets_the_named_columns_and_leaves_the_others(world: World, item: Item, other: Item, columns: set[str]) -> None:
    collection = of(world, item)
    made = collection.create("t1", item, invite=False, contents=contents)
    before = whole(collection, made.remote_id)
    after = collection.update(made.remote_id, made.version, other, frozenset(columns), invite=False, contents=contents)
    found = whole(collection, made.remote_id)
    assert found.listed.version == after.version != made.version
    assert found.item == replace(before.item, **{column: getattr(other, column) for column in columns})


@pytest.mark.parametrize("item", EACH)
def test_a_version_that_moved_is_refused_and_nothing_changes(world: World, item: Item) -> None:
    collection = of(world, item)
    made = collection.create("t1", item, invite=False, contents=contents)
    world.edit(made.remote_id, replace(item, description="by hand"))
    columns = frozenset({"description"})
    with pytest.raises(PreconditionFailed):
        collection.update(made.remote_id, made.version, item, columns, invite=True, contents=contents)
    with pytest.raises(PreconditionFailed):
        collection.delete(made.remote_id, made.version, cancel=True)
    with pytest.raises(PreconditionFailed):
        collection.categorise(made.remote_id, made.version, add=frozenset({"x"}), remove=NOBODY)
    assert whole(collection, made.remote_id).item.description == "by hand"
    assert world.posted() == []


@pytest.mark.parametrize("item", EACH)
def test_what_was_created_is_found_by_its_token(world: World, item: Item) -> None:
    collection = of(world, item)
    assert collection.find("t1") is None
    made = collection.create("t1", item, invite=False, categories=frozenset({"Tracked"}), contents=contents)
    found = collection.find("t1")
    assert found is not None
    assert (found.listed.remote_id, found.listed.version, found.listed.token) == (made.remote_id, made.version, "t1")
    assert found.listed.categories == {"Tracked"}
    assert collection.find("t2") is None
    collection.delete(made.remote_id, made.version, cancel=False)
    assert collection.find("t1") is None
    collection.delete(made.remote_id, made.version, cancel=False)


@pytest.mark.parametrize("item", EACH)
def test_the_token_survives_an_edit_and_is_listed(world: World, item: Item) -> None:
    collection = of(world, item)
    made = collection.create("t1", item, invite=False, contents=contents)
    world.edit(made.remote_id, replace(item, description="by hand"))
    (page,) = collection.changes(None)
    assert [(one.remote_id, one.token) for one in page.items] == [(made.remote_id, "t1")]


@pytest.mark.parametrize("item", EACH)
def test_categories_change_and_nothing_else(world: World, item: Item) -> None:
    remote_id = world.put(item)
    collection = of(world, item)
    before = whole(collection, remote_id)
    marked = collection.categorise(remote_id, before.listed.version, add=frozenset({"One", "Two"}), remove=NOBODY)
    (page,) = collection.changes(None)
    assert page.items[0].categories == {"One", "Two"}
    collection.categorise(remote_id, marked.version, add=NOBODY, remove=frozenset({"Two", "Three"}))
    after = whole(collection, remote_id)
    assert after.listed.categories == {"One"}
    assert after.item == before.item


def test_attendees_hear_only_what_is_meant_for_them(world: World) -> None:
    collection = world.collection(ItemKind.APPOINTMENT)
    quiet = collection.create("t1", meeting(requiredattendees=(ALICE,)), invite=False, contents=contents)
    quiet = collection.update(
        quiet.remote_id,
        quiet.version,
        meeting(subject="x", requiredattendees=(ALICE,)),
        frozenset({"subject"}),
        invite=False,
        contents=contents,
    )
    collection.delete(quiet.remote_id, quiet.version, cancel=False)
    assert world.posted() == []
    loud = collection.create("t2", meeting(requiredattendees=(ALICE,)), invite=True, contents=contents)
    moved = meeting(requiredattendees=(ALICE,), scheduledend=SOON + timedelta(hours=2))
    loud = collection.update(loud.remote_id, loud.version, moved, frozenset({"scheduledend"}), invite=True, contents=contents)
    collection.delete(loud.remote_id, loud.version, cancel=True)
    assert world.posted() == [
        ("invitation", ("alice@contoso.example",)),
        ("update", ("alice@contoso.example",)),
        ("cancellation", ("alice@contoso.example",)),
    ]


def test_who_creates_a_meeting_organizes_it(world: World) -> None:
    collection = world.collection(ItemKind.APPOINTMENT)
    made = collection.create("t1", meeting(requiredattendees=(ALICE,)), invite=False, contents=contents)
    found = whole(collection, made.remote_id)
    assert isinstance(found.item, Appointment)
    assert (found.organized_here, found.canceled) == (True, False)
    assert found.item.organizer == world.address
    assert found.item.globalobjectid


def test_somebody_elses_meeting_is_not_organized_here(world: World) -> None:
    remote_id = world.put(meeting(organizer="boss@fabrikam.example", requiredattendees=(Attendee(address=world.address),)))
    assert whole(world.collection(ItemKind.APPOINTMENT), remote_id).organized_here is False


WEEKDAYS = (Weekday.MO, Weekday.TU, Weekday.WE, Weekday.TH, Weekday.FR)
SERIES = [
    Recurrence(pattern=Daily(interval=3), range=Numbered(5)),
    Recurrence(pattern=Weekly(days=(Weekday.MO, Weekday.TH), interval=2), range=EndsOn(date(2090, 6, 1))),
    Recurrence(pattern=Weekly(days=WEEKDAYS), range=NoEnd()),
    Recurrence(pattern=Monthly(day=6, interval=2), range=NoEnd()),
    Recurrence(pattern=MonthlyNth(nth=-1, days=(Weekday.FR,)), range=Numbered(3)),
    Recurrence(pattern=Yearly(month=3, day=6), range=NoEnd()),
    Recurrence(pattern=YearlyNth(month=3, nth=1, days=(Weekday.MO,)), range=NoEnd()),
]


@pytest.mark.parametrize("recurrence", SERIES, ids=lambda one: type(one.pattern).__name__)
def test_a_series_comes_back_as_it_went(world: World, recurrence: Recurrence) -> None:
    collection = world.collection(ItemKind.APPOINTMENT)
    made = collection.create("t1", meeting(recurrence=recurrence), invite=False, contents=contents)
    found = whole(collection, made.remote_id).item
    assert isinstance(found, Appointment)
    assert (found.recurrence, found.timezone, found.scheduledstart) == (recurrence, "Europe/Berlin", SOON)


def test_exceptions_of_a_series_go_both_ways(world: World) -> None:
    series = meeting(recurrence=Recurrence(pattern=Daily(), range=Numbered(6)))
    collection = world.collection(ItemKind.APPOINTMENT)
    made = collection.create("t1", series, invite=False, contents=contents)
    second, third = SOON + timedelta(days=1), SOON + timedelta(days=2)
    exceptions = (
        DeletedOccurrence(original=second),
        ChangedOccurrence(
            original=third, scheduledstart=third + timedelta(hours=3), scheduledend=third + timedelta(hours=4), subject="Budget, later"
        ),
    )
    collection.update(
        made.remote_id, made.version, replace(series, exceptions=exceptions), frozenset({"exceptions"}), invite=False, contents=contents
    )
    found = whole(collection, made.remote_id).item
    assert isinstance(found, Appointment)
    assert found.exceptions == exceptions


def test_an_all_day_event_keeps_its_days(world: World) -> None:
    start = datetime(2090, 3, 5, 23, 0, tzinfo=UTC)  # midnight in Berlin
    day = meeting(isalldayevent=True, scheduledstart=start, scheduledend=start + timedelta(days=2), statuscode=ShowAs.FREE)
    collection = world.collection(ItemKind.APPOINTMENT)
    made = collection.create("t1", day, invite=False, contents=contents)
    found = whole(collection, made.remote_id).item
    assert isinstance(found, Appointment)
    assert (found.isalldayevent, found.scheduledstart, found.scheduledend) == (True, start, start + timedelta(days=2))
    assert found.statuscode is ShowAs.FREE


def test_a_task_is_completed_and_taken_up_again(world: World) -> None:
    collection = world.collection(ItemKind.TASK)
    made = collection.create("t1", TODO, invite=False, contents=contents)
    done = replace(TODO, statuscode=TaskStatus.COMPLETED, percentcomplete=100, actualend=date(2026, 3, 1))
    columns = frozenset({"statuscode", "percentcomplete", "actualend"})
    made = collection.update(made.remote_id, made.version, done, columns, invite=False, contents=contents)
    assert whole(collection, made.remote_id).item == done
    again = replace(TODO, statuscode=TaskStatus.IN_PROGRESS, percentcomplete=50)
    made = collection.update(made.remote_id, made.version, again, columns, invite=False, contents=contents)
    assert whole(collection, made.remote_id).item == again


def test_attachments_come_back_byte_for_byte(world: World) -> None:
    blob = bytes(range(256)) * 20
    digest = hashlib.sha256(blob).hexdigest()
    file = Attachment(filename="Überblick.bin", mimetype="application/octet-stream", filesize=len(blob), digest=digest)
    collection = world.collection(ItemKind.APPOINTMENT)
    made = collection.create("t1", meeting(attachments=(file,)), invite=False, contents={digest: blob}.__getitem__)
    found = whole(collection, made.remote_id).item
    assert isinstance(found, Appointment)
    assert found.attachments == (file,)
    assert collection.attachment(made.remote_id, digest) == blob


def test_every_answer_has_a_word() -> None:
    assert {one.value for one in Answer} == {"none", "accepted", "tentative", "declined"}


def test_who_is_taken_off_the_list_is_told_too(world: World) -> None:
    collection = world.collection(ItemKind.APPOINTMENT)
    made = collection.create("t1", meeting(requiredattendees=(ALICE,)), invite=False, contents=contents)
    collection.update(made.remote_id, made.version, meeting(), frozenset({"requiredattendees"}), invite=True, contents=contents)
    assert [to for _, to in world.posted()] == [("alice@contoso.example",)]
