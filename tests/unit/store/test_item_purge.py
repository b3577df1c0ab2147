"""Purging items: gone here with everything about them, as they were in the mailbox, and not back with any look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from reconcile.model.audit_record import AuditRecord
from reconcile.model.item import Appointment, Attachment, Attendee, Contact, ItemKind, Task, TaskStatus
from reconcile.model.item_edit import AddItem
from reconcile.model.item_link import LinkState
from reconcile.model.item_record import ItemState
from reconcile.model.purge import Purged, PurgeSelection
from reconcile.model.recurrence import Daily, EndsOn, NoEnd, Numbered, Recurrence
from reconcile.ports.item_store import PairChange
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.items import SqliteItems
from reconcile.store.sqlite.purge import SqlitePurge
from reconcile.sync.decide.two_way_rules import TRACKED
from support.items import ADDRESS, NOW, ItemWorld

MARK = frozenset({TRACKED})
RECORD = AuditRecord(at="2026", actor="me", apply_id="", action="purge", key="", result="done", source="", revision="", detail="{}")
ALICE = Attendee(address="alice@contoso.example")
LONG_AGO = NOW - timedelta(days=400)
OLD = Appointment(subject="Canary", scheduledstart=LONG_AGO, scheduledend=LONG_AGO + timedelta(hours=1), requiredattendees=(ALICE,))
BEFORE = (NOW - timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")


class PurgeWorld(ItemWorld):
    database: Database

    def purge(self, limit: int = 100, **more: object) -> Purged:
        selection = PurgeSelection(**more)  # type: ignore[arg-type]
        purge = SqlitePurge(self.database, self.database.path.parent)
        counted, total = purge.count(selection), Purged()
        while not (step := purge.purge(selection, limit=limit, record=RECORD)).nothing:
            total += step
        assert counted.items == total.items
        purge.erase(now="2026-03-10T12:00:00Z", at_once=True)
        return total

    def rows(self, statement: str) -> int:
        found: int = self.database.reader().execute(statement).fetchone()[0]
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PurgeWorld]:
    with Database.open(tmp_path / "engine.db") as database:
        database.write(lambda connection: connection.execute("INSERT INTO mail_former VALUES ('m1', 'user', ?)", (ADDRESS,)) and None)
        made = PurgeWorld(store=SqliteItems(database))
        made.database = database
        yield made


def test_what_was_over_goes_here_and_stays_there(world: PurgeWorld) -> None:
    ahead = replace(OLD, subject="Ahead", scheduledstart=NOW + timedelta(days=1), scheduledend=NOW + timedelta(days=2))
    number, kept = world.add(OLD), world.add(ahead)
    world.look()
    there = dict(world.server.items)
    assert world.purge(items_before=BEFORE).items == 1
    for _ in range(2):
        assert not world.look().anything
        world.server.forget()
    assert world.server.items == there
    assert (world.store.item(number), world.store.item(kept) is not None) == (None, True)
    assert not world.store.links_of(number)
    for number in world.server.items:
        world.server.touch(number, categories=MARK)
    world.look()
    assert len([*world.store.items()]) == 1, "not even when somebody tracks it again"
    assert world.purge(item_id=kept).items == 1
    world.look()
    assert not [*world.store.items()]
    assert [one.what for one in world.server.posted] == ["invitation"], "nothing is called off"


def test_nothing_of_it_is_left_in_the_files(world: PurgeWorld) -> None:
    numbers = [world.add(Contact(firstname=f"Canary {number}", fullname="x", description="canary" * 50)) for number in range(20)]
    world.look()
    for number in numbers:
        world.change(number, jobtitle="canary")
    world.purge(mailbox_id="m1")
    octets = b"".join(path.read_bytes() for path in world.database.path.parent.rglob("*") if path.is_file())
    assert b"anary" not in octets


@pytest.mark.parametrize(
    ("item", "state", "over"),
    [
        (OLD, ItemState.OPEN, True),
        (replace(OLD, recurrence=Recurrence(pattern=Daily(), range=NoEnd())), ItemState.OPEN, False),
        (replace(OLD, recurrence=Recurrence(pattern=Daily(), range=Numbered(10))), ItemState.OPEN, True),
        (replace(OLD, recurrence=Recurrence(pattern=Daily(), range=Numbered(100))), ItemState.OPEN, False),
        (replace(OLD, recurrence=Recurrence(pattern=Daily(), range=EndsOn(date(2025, 2, 20)))), ItemState.OPEN, True),
        (replace(OLD, recurrence=Recurrence(pattern=Daily(), range=EndsOn(date(9999, 12, 31)))), ItemState.OPEN, False),
        (Task(subject="x"), ItemState.OPEN, False),
        (Task(subject="x"), ItemState.COMPLETED, True),
        (Task(subject="x"), ItemState.CANCELED, True),
        (Contact(fullname="x"), ItemState.OPEN, False),
        (Contact(fullname="x"), ItemState.INACTIVE, True),
    ],
)
def test_when_an_item_is_over(world: PurgeWorld, item: Appointment | Task | Contact, state: ItemState, over: bool) -> None:
    world.clock.at = LONG_AGO
    world.add(item, state=state)
    assert world.purge(items_before=BEFORE).items == over
    assert len([*world.store.items()]) == 1 - over


def test_a_mailbox_that_left_takes_its_own_and_leaves_what_is_others(world: PurgeWorld) -> None:
    own, shared, others = (world.add(Contact(fullname=name)) for name in ("Own", "Shared", "Others"))
    world.look()
    world.change(others, owner="other@contoso.example")
    shared_link = replace(world.store.links_of(shared)[0], mailbox_id="m2")
    world.store.commit("m2", ItemKind.CONTACT, [PairChange(record_id=shared, link=shared_link)], at=NOW, by="x")
    purged = world.purge(mailbox_id="m1")
    assert (purged.items, purged.items_kept) == (1, 2)
    assert {record.id for record in world.store.items()} == {shared, others}
    assert world.store.item(own) is None
    SqlitePurge(world.database, world.database.path.parent).forget_mailbox("m1")
    assert world.rows("SELECT count(*) FROM item_link WHERE mailbox_id = 'm1'") == 0
    assert world.rows("SELECT count(*) FROM item_link WHERE mailbox_id = 'm2'") == 1


def test_ties_to_what_was_deleted_keep_nothing_of_it(world: PurgeWorld) -> None:
    past = NOW - timedelta(days=3)
    number = world.add(replace(OLD, scheduledstart=past, scheduledend=past + timedelta(hours=1)))
    world.look()
    world.remove(number)
    world.look()
    (link,) = world.store.links("m1", ItemKind.APPOINTMENT)
    assert link.state is LinkState.PARTED
    assert not isinstance(link.agreed.ours, Contact | Task)
    assert (link.agreed.ours.subject, link.agreed.ours.requiredattendees) == ("", ())
    for there in [*world.server.items]:
        world.server.touch(there, replace(OLD, description="again", organizer=ADDRESS))
    assert not world.look().imported, "it still says that there was one"
    assert world.purge(mailbox_id="m1").items == 0
    assert world.rows("SELECT count(*) FROM item_link") == 0
    world.server.forget()
    for there in [*world.server.items]:
        world.server.touch(there, categories=MARK)
    world.look()
    assert not [*world.store.items()], "and so does its mark"


def test_a_purge_in_the_middle_of_a_look_brings_nothing_back(world: PurgeWorld) -> None:
    """The look read it before it was purged, and commits afterwards."""
    number = world.add(Task(subject="Call"))
    world.look()
    found = next(iter(world.server.items))
    world.server.touch(found, Task(subject="Call back"))
    world.server.step = lambda call: world.purge(item_id=number) and None if call == "before read" else None
    world.look(ItemKind.TASK)
    world.server.step = lambda _: None
    assert not [*world.store.items()]
    assert not world.store.links_of(number)
    assert not world.look().anything
    assert found in world.server.items


def test_a_purge_while_it_is_being_made_leaves_it_there_and_untied(world: PurgeWorld) -> None:
    number = world.add(Task(subject="Call"))
    world.server.step = lambda call: world.purge(item_id=number) and None if call == "before create" else None
    world.look(ItemKind.TASK)
    world.server.step = lambda _: None
    assert len(world.server.items) == 1
    world.look()
    assert not [*world.store.items()]
    assert not world.store.links_of(number)
    assert not world.store.intents("m1", ItemKind.TASK)


def test_old_appointments_do_not_come_in(world: PurgeWorld) -> None:
    world.keep_from = NOW - timedelta(days=365)
    world.server.put(ItemKind.APPOINTMENT, replace(OLD, organizer=ADDRESS, globalobjectid="g1"), categories=MARK)
    recent = replace(OLD, scheduledstart=NOW, scheduledend=NOW + timedelta(hours=1), organizer=ADDRESS, globalobjectid="g2")
    world.server.put(ItemKind.APPOINTMENT, recent, categories=MARK)
    done = Task(subject="x", statuscode=TaskStatus.COMPLETED, percentcomplete=100, actualend=date(2024, 1, 1))
    world.server.put(ItemKind.TASK, done, categories=MARK)
    assert world.look().imported == 1


def test_files_that_nothing_has_go_after_a_day(world: PurgeWorld) -> None:
    digest, orphan = world.store.keep_blob(b"abc"), world.store.keep_blob(b"nobody has it")
    file = Attachment(filename="a", mimetype="b/c", filesize=3, digest=digest)
    world.edit(AddItem(item=replace(OLD, attachments=(file,)), owner=ADDRESS, files={digest: b"abc"}))
    purge = SqlitePurge(world.database, world.database.path.parent)
    assert purge.clear_files(before="2000-01-01T00:00:00Z") == 0
    assert purge.clear_files(before="2999-01-01T00:00:00Z") == 1
    assert world.store.blob(digest) == b"abc"
    with pytest.raises(KeyError):
        world.store.blob(orphan)
    world.purge(items_before=BEFORE)
    assert purge.clear_files(before="2999-01-01T00:00:00Z") == 1


def test_conflicts_go_with_their_records_and_with_age(world: PurgeWorld) -> None:
    number = world.add(Contact(fullname="Ada"))
    world.look()
    world.server.touch(next(iter(world.server.items)), Contact(fullname="Ada", jobtitle="a"))
    world.change(number, jobtitle="b")
    world.look()
    assert world.store.conflicts()
    world.purge(items_before="2026-03-10T12:30:00Z", mailbox_id="another")
    assert world.store.conflicts(), "those of one mailbox go with its own purge"
    world.purge(items_before="2026-03-10T12:30:00Z", mailbox_id="m1")
    assert not world.store.conflicts(resolved=True)


def test_conflicts_of_all_mailboxes_go_with_age_where_none_is_named(world: PurgeWorld) -> None:
    number = world.add(Contact(fullname="Ada"))
    world.look()
    world.server.touch(next(iter(world.server.items)), Contact(fullname="Ada", jobtitle="a"))
    world.change(number, jobtitle="b")
    world.look()
    world.purge(items_before="2026-03-10T12:30:00Z")
    assert not world.store.conflicts(resolved=True)


def test_what_was_purged_does_not_come_back_by_being_moved_away_and_back(world: PurgeWorld) -> None:
    number = world.server.put(ItemKind.TASK, Task(subject="theirs"), categories=MARK)
    world.look()
    (record,) = world.store.items()
    away = world.server.move(number, "elsewhere")
    world.purge(item_id=record.id)
    world.look()
    world.server.touch(away, Task(subject="edited while it was away"))
    back = world.server.move(away, "")
    world.look()
    assert not [*world.store.items()]
    assert world.server.items[back].item == Task(subject="edited while it was away")


def test_a_purge_while_it_comes_back_under_another_id_brings_nothing_back(world: PurgeWorld) -> None:
    number = world.server.put(ItemKind.TASK, Task(subject="theirs"), categories=MARK)
    world.look()
    (record,) = world.store.items()
    away = world.server.move(number, "elsewhere")
    world.look()
    world.server.move(away, "")
    world.server.step = lambda call: world.purge(item_id=record.id) and None if call == "before read" else None
    world.look(ItemKind.TASK)
    world.server.step = lambda _: None
    world.look()
    assert not [*world.store.items()]
    assert not world.store.links_of(record.id)
