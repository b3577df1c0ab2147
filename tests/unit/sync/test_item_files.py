"""Files of appointments between a store and a mailbox: both ways, each once, and nobody hears of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.errors import PermanentError, Unavailable
from reconcile.model.activity_edit import EditRefusal
from reconcile.model.item import Appointment, Attachment, Attendee, ItemKind
from reconcile.model.item_edit import AddItem, ChangeItem, ItemEditRefused
from reconcile.model.recurrence import Daily, Numbered, Recurrence
from reconcile.ports.item_store import ItemStore
from reconcile.store.memory.items import MemoryItemStore
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.items import SqliteItems
from reconcile.sync.decide.attachment_rules import AttachmentRules
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules
from support.items import ADDRESS, NOW, ItemWorld

SOON = NOW + timedelta(days=2)
ALICE = Attendee(address="alice@contoso.example")
MEETING = Appointment(subject="Budget", scheduledstart=SOON, scheduledend=SOON + timedelta(hours=1), requiredattendees=(ALICE,))
WITH_FILES = TwoWayRules(attachments=True)
APPOINTMENT = ItemKind.APPOINTMENT


class Died(BaseException):
    """The process ends here."""


def attachment(name: str, content: bytes) -> Attachment:
    digest = hashlib.sha256(content).hexdigest()
    return Attachment(filename=name, mimetype="text/plain", filesize=len(content), digest=digest)


PLAN, MAP, LIST = (attachment(f"{name}.txt", name.encode()) for name in ("plan", "map", "list"))


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ItemWorld]:
    if request.param == "memory":
        yield ItemWorld(store=MemoryItemStore(), rules=WITH_FILES)
        return
    with Database.open(tmp_path / "engine.db") as database:
        store: ItemStore = SqliteItems(database)
        yield ItemWorld(store=store, rules=WITH_FILES)


def add(world: ItemWorld, *files: Attachment, item: Appointment = MEETING) -> int:
    given = {one.digest: one.filename.partition(".")[0].encode() for one in files}
    return world.edit(AddItem(item=replace(item, attachments=files), owner=ADDRESS, files=given)).id


def attach(world: ItemWorld, number: int, *files: Attachment) -> None:
    given = {one.digest: one.filename.partition(".")[0].encode() for one in files}
    world.edit(ChangeItem(item_id=number, kind=APPOINTMENT, columns={"attachments": tuple(sorted(files))}, files=given))


def there(world: ItemWorld) -> list[str]:
    (item,) = world.theirs()
    assert isinstance(item, Appointment)
    return [one.filename for one in item.attachments]


def here(world: ItemWorld, number: int) -> list[str]:
    item = world.record(number).item
    assert isinstance(item, Appointment)
    return [one.filename for one in item.attachments]


def put_there(world: ItemWorld, *files: Attachment) -> None:
    """Somebody hangs exactly these on the one item."""
    (number,) = world.server.items
    world.server.blobs |= {one.digest: one.filename.partition(".")[0].encode() for one in files}
    item = world.server.items[number].item
    world.server.touch(number, replace(item, attachments=tuple(sorted(files))))


def quiet(world: ItemWorld) -> None:
    world.look()
    posted, version = len(world.server.posted), world.server.changed
    assert not world.look().anything
    assert (posted, version) == (len(world.server.posted), world.server.changed)


def test_both_ways_and_nobody_hears_of_it(world: ItemWorld) -> None:
    number = add(world, PLAN)
    world.look()
    assert there(world) == ["plan.txt"]
    attach(world, number, PLAN, MAP)
    world.look()
    assert there(world) == ["map.txt", "plan.txt"]
    put_there(world, MAP, LIST)
    world.look()
    assert here(world, number) == ["list.txt", "map.txt"]
    assert world.store.blob(LIST.digest) == b"list"
    attach(world, number)
    world.look()
    assert there(world) == []
    quiet(world)
    assert [one.what for one in world.server.posted] == ["invitation"]


def test_what_both_sides_hang_on_it_is_kept(world: ItemWorld) -> None:
    number = add(world, PLAN)
    world.look()
    attach(world, number, PLAN, MAP)
    put_there(world, LIST)
    world.look()
    quiet(world)
    assert here(world, number) == there(world) == ["list.txt", "map.txt"]
    assert not world.store.conflicts()


def test_files_wait_until_they_may_go(world: ItemWorld) -> None:
    world.rules = TwoWayRules()
    number = add(world, PLAN)
    assert world.look().announced == 1
    put_there(world, LIST)
    world.look()
    assert (here(world, number), there(world)) == (["plan.txt"], ["list.txt"])
    world.rules = WITH_FILES
    world.look()
    quiet(world)
    assert here(world, number) == there(world) == ["list.txt", "plan.txt"]


def test_files_of_a_series_stay_where_they_are(world: ItemWorld) -> None:
    series = replace(MEETING, recurrence=Recurrence(pattern=Daily(), range=Numbered(3)))
    number = add(world, PLAN, item=series)
    world.look()
    assert there(world) == []
    put_there(world, LIST)
    world.look()
    quiet(world)
    assert (here(world, number), there(world)) == (["plan.txt"], ["list.txt"])


def test_what_the_organization_does_not_want_is_not_touched(world: ItemWorld) -> None:
    world.rules = TwoWayRules(attachments=True, files=AttachmentRules(maximum_size=5, blocked_extensions=frozenset({"exe"})))
    number = add(world, PLAN)
    world.look()
    program, large = attachment("setup.exe", b"MZ"), attachment("large.txt", b"123456")
    put_there(world, PLAN, program, large)
    world.look()
    (link,) = world.store.links_of(number)
    assert link.why.startswith("left in the mailbox: 'large.txt' has 6 octets, attachments.maximumSize is 5; 'setup.exe' ends in .exe")
    assert here(world, number) == ["plan.txt"]
    attach(world, number, MAP)
    world.look()
    quiet(world)
    assert there(world) == ["large.txt", "map.txt", "setup.exe"]
    put_there(world, MAP)
    world.look()
    (link,) = world.store.links_of(number)
    assert link.why == ""


@pytest.mark.parametrize("record_goes", [False, True])
def test_a_create_that_died_halfway_is_finished_once(world: ItemWorld, record_goes: bool) -> None:
    number = add(world, PLAN, MAP)

    def step(what: str) -> None:
        if what == "between":
            raise Died

    world.server.step = step
    with pytest.raises(Died):
        world.look()
    assert (there(world), world.server.posted) == ([], [])
    world.server.step = lambda _: None
    if record_goes:
        world.remove(number)
        world.look()
        quiet(world)
        assert (world.theirs(), world.server.posted) == ([], [])
        return
    world.look()
    quiet(world)
    assert here(world, number) == there(world) == ["map.txt", "plan.txt"]
    assert [one.what for one in world.server.posted] == ["invitation"]


def test_an_update_of_which_only_a_part_arrived(world: ItemWorld) -> None:
    number = add(world, PLAN)
    world.look()
    attach(world, number, MAP, LIST)
    # The server took one of the two and neither took off the old one nor answered.
    put_there(world, PLAN, MAP)

    def step(what: str) -> None:
        if what == "before update":
            raise Unavailable("cut")

    world.server.step = step
    with pytest.raises(Unavailable):
        world.look(APPOINTMENT)
    world.server.step = lambda _: None
    world.look()
    quiet(world)
    assert here(world, number) == there(world) == ["list.txt", "map.txt"]


def test_bytes_that_are_missing_are_said_and_never_guessed(world: ItemWorld) -> None:
    foreign = add(world, PLAN)
    other = add(world)
    edit = ChangeItem(item_id=other, kind=APPOINTMENT, columns={"attachments": (PLAN,)})
    (outcome,) = world.store.edit([edit], at=NOW, by="crm")
    assert isinstance(outcome, ItemEditRefused)
    assert (outcome.refusal, outcome.field) == (EditRefusal.CONFLICT, "set.attachments")
    assert here(world, foreign) == ["plan.txt"]
    with pytest.raises(KeyError):
        world.store.blob(MAP.digest)


def test_a_file_that_the_server_refuses_is_told_and_makes_no_second_item(world: ItemWorld) -> None:
    add(world, PLAN)

    def step(what: str) -> None:
        if what == "before create":
            raise PermanentError("the server does not want it")

    world.server.step = step
    counts = world.look(APPOINTMENT)
    assert [words for _, words in counts.failed] == ["the server does not want it"]
    world.server.step = lambda _: None
    world.clock.at += timedelta(days=1)
    world.look()
    assert len(world.theirs()) == 1


def test_a_marked_item_brings_its_files_in(world: ItemWorld) -> None:
    world.server.blobs[PLAN.digest] = b"plan"
    item = replace(MEETING, attachments=(PLAN,), organizer=ADDRESS, globalobjectid="g1")
    world.server.put(APPOINTMENT, item, categories=frozenset({TRACKED}))
    assert world.look().imported == 1
    (record,) = world.store.items()
    assert here(world, record.id) == ["plan.txt"]
    assert world.store.blob(PLAN.digest) == b"plan"
    quiet(world)


def test_a_file_of_ours_on_somebody_elses_meeting_stays_when_its_organizer_hangs_on_another(world: ItemWorld) -> None:
    item = replace(MEETING, organizer="boss@fabrikam.example", globalobjectid="g1", attachments=(PLAN,))
    world.server.blobs[PLAN.digest], world.server.blobs[MAP.digest] = b"plan", b"map"
    place = world.server.put(APPOINTMENT, item, categories=frozenset({TRACKED}))
    world.look()
    (record,) = world.store.items()
    attach(world, record.id, PLAN, LIST)
    world.look()
    for files in ((MAP, PLAN), (MAP,)):
        world.server.touch(place, replace(item, attachments=files))
        world.look()
        assert here(world, record.id) == ["list.txt", *(one.filename for one in files)]
    assert there(world) == ["map.txt"]
    assert not world.look().anything


def test_files_of_a_series_go_once_somebody_makes_it_a_single_appointment_there(world: ItemWorld) -> None:
    daily = Recurrence(pattern=Daily(interval=1), range=Numbered(occurrences=4))
    number = add(world, PLAN, item=replace(MEETING, recurrence=daily))
    world.look()
    assert there(world) == []
    (remote,) = world.server.items
    world.server.touch(remote, replace(world.server.items[remote].item, recurrence=None))
    world.look()
    assert (there(world), here(world, number)) == (["plan.txt"], ["plan.txt"])
    quiet(world)
    quiet(world)
    assert [one.what for one in world.server.posted] == ["invitation"]


def test_files_of_a_series_come_in_once_somebody_makes_it_a_single_appointment_here(world: ItemWorld) -> None:
    world.server.blobs[PLAN.digest] = b"plan"
    daily = Recurrence(pattern=Daily(interval=1), range=Numbered(occurrences=4))
    item = replace(MEETING, attachments=(PLAN,), organizer=ADDRESS, globalobjectid="g1", recurrence=daily)
    world.server.put(APPOINTMENT, item, categories=frozenset({TRACKED}))
    world.look()
    (record,) = world.store.items()
    assert here(world, record.id) == []
    world.change(record.id, recurrence=None, exceptions=())
    world.look()
    world.look()
    assert here(world, record.id) == there(world) == ["plan.txt"]
    quiet(world)
