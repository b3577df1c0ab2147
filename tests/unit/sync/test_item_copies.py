"""One meeting in several mailboxes, whose copies come to the same record one after the other: nothing that anybody wrote is lost, the
organizer's time holds, and nobody is told anything new."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.mail.memory_collection import MemoryItems
from reconcile.model.item import Answer, Appointment, Attachment, Attendee, ItemKind, Response, ShowAs
from reconcile.model.item_field import Direction
from reconcile.model.item_record import ItemState, Record
from reconcile.ports.item_store import ItemStore
from reconcile.store.memory.items import MemoryItemStore
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.items import SqliteItems
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules
from support.items import NOW, ItemWorld

MARK = frozenset({TRACKED})
ALICE, BOB, CAROL = (Attendee(address=f"{name}@contoso.example") for name in ("alice", "bob", "carol"))
SOON = NOW + timedelta(days=2)
COPY = Appointment(
    subject="Budget",
    scheduledstart=SOON,
    scheduledend=SOON + timedelta(hours=1),
    organizer="boss@contoso.example",
    globalobjectid="g1",
    requiredattendees=(ALICE, BOB),
    statuscode=ShowAs.TENTATIVE,
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ItemStore]:
    if request.param == "memory":
        yield MemoryItemStore()
        return
    with Database.open(tmp_path / "engine.db") as database:
        yield SqliteItems(database)


def of(store: ItemStore, name: str, rules: TwoWayRules | None = None) -> ItemWorld:
    address = f"{name}@contoso.example"
    return ItemWorld(store=store, server=MemoryItems(address=address), address=address, mailbox_id=name, rules=rules or TwoWayRules())


def begun(store: ItemStore, item: Appointment = COPY, rules: TwoWayRules | None = None) -> tuple[ItemWorld, int]:
    """The record as it came in from alice's copy."""
    alice = of(store, "alice", rules)
    alice.server.put(ItemKind.APPOINTMENT, item, categories=MARK)
    alice.look()
    return alice, record(store).id


def record(store: ItemStore) -> Record:
    (found,) = store.items()
    return found


def met(world: ItemWorld, item: Appointment) -> int:
    """It comes from this mailbox, too; then nothing is left to do."""
    place = world.server.put(ItemKind.APPOINTMENT, item, categories=MARK)
    world.look()
    world.look()
    assert not world.look().anything
    return place


def lost(store: ItemStore) -> list[tuple[str, str, bool]]:
    return [(one.field, one.ours, one.ours_wins) for one in store.conflicts()]


def test_texts_of_both_meet_in_the_organizers_item(store: ItemStore) -> None:
    alice, number = begun(store, replace(COPY, description="seen by alice"))
    alice.change(number, subject="Budget 2027")
    boss = of(store, "boss")
    met(boss, replace(COPY, subject="Budget of 2027", location="Room 2"))
    (there,) = boss.theirs()
    assert isinstance(there, Appointment)
    assert (there.subject, there.location, there.description) == ("Budget 2027", "Room 2", "seen by alice")
    assert record(store).item == there
    assert lost(store) == [("subject", '["Budget 2027"]', True)]


def test_the_organizers_time_and_people_hold_and_nobody_hears_of_it(store: ItemStore) -> None:
    begun(store)
    boss = of(store, "boss")
    moved = {"scheduledstart": SOON + timedelta(days=1), "scheduledend": SOON + timedelta(days=1, hours=1)}
    theirs = replace(COPY, **moved, statuscode=ShowAs.BUSY, requiredattendees=(ALICE, CAROL), optionalattendees=(BOB,))  # type: ignore[arg-type]
    met(boss, theirs)
    assert boss.theirs() == [theirs]
    assert record(store).item == theirs
    assert not boss.server.posted
    assert [field for field, _, ours_wins in lost(store) if not ours_wins] == ["scheduledstart"]


def test_whom_the_record_asks_besides_is_asked(store: ItemStore) -> None:
    alice, number = begun(store)
    alice.change(number, requiredattendees=(ALICE, BOB, CAROL))
    boss = of(store, "boss")
    met(boss, COPY)
    assert [one.requiredattendees for one in boss.theirs()] == [(ALICE, BOB, CAROL)]  # type: ignore[union-attr]


def test_what_only_the_mailbox_can_say_comes_in_from_the_organizer(store: ItemStore) -> None:
    accepted, declined = (Response(address=ALICE.address, answer=answer) for answer in (Answer.ACCEPTED, Answer.DECLINED))
    begun(store, replace(COPY, responses=(accepted,)))
    boss = of(store, "boss")
    place = met(boss, replace(COPY, responses=(declined,)))
    assert record(store).item.responses == (declined,)  # type: ignore[union-attr]
    boss.server.touch(place, replace(boss.server.items[place].item, responses=(accepted,)))  # type: ignore[arg-type]
    boss.look()
    assert record(store).item.responses == (accepted,)  # type: ignore[union-attr]
    assert not lost(store)


def test_what_only_comes_in_by_rule_does(store: ItemStore) -> None:
    rules = TwoWayRules(directions={(ItemKind.APPOINTMENT, "subject"): Direction.TO_OURS})
    begun(store, rules=rules)
    boss = of(store, "boss", rules)
    met(boss, replace(COPY, subject="Budget of 2027"))
    assert record(store).item.subject == "Budget of 2027"  # type: ignore[union-attr]
    assert lost(store) == [("subject", '["Budget"]', False)]


def test_a_second_copy_empties_nothing_and_what_it_goes_over_is_kept_apart(store: ItemStore) -> None:
    alice, number = begun(store)
    alice.change(number, description="bring the figures", subject="Budget: mine", requiredattendees=(ALICE, BOB, CAROL))
    met(of(store, "bob"), replace(COPY, organizer="the.boss@contoso.example"))
    found = record(store).item
    assert isinstance(found, Appointment)
    assert (found.subject, found.description, found.requiredattendees) == ("Budget", "bring the figures", (ALICE, BOB))
    assert sorted(field for field, _, _ in lost(store)) == ["requiredattendees", "subject"]


@pytest.mark.parametrize("state", [ItemState.OPEN, ItemState.COMPLETED])
def test_two_attendees_who_show_it_differently_are_no_conflict(store: ItemStore, state: ItemState) -> None:
    alice, number = begun(store)
    bob = of(store, "bob")
    places = [(alice, 1), (bob, met(bob, COPY))]
    alice.change(number, state=state)
    for turn, shown in enumerate((ShowAs.BUSY, ShowAs.FREE, ShowAs.TENTATIVE, ShowAs.BUSY)):
        world, place = places[turn % 2]
        world.server.touch(place, replace(COPY, statuscode=shown))
        for each in (alice, bob, alice, bob):
            each.look()
        alice.change(number, regardingobjectid=f"account:{turn}:Fabrikam")
    assert not lost(store)


def test_an_edit_of_ours_is_kept_though_another_copy_came_in_between(store: ItemStore) -> None:
    rules = TwoWayRules(attachments=True)
    names = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("list.txt", "map.txt")}
    files = {name: Attachment(filename=name, mimetype="text/plain", filesize=8, digest=digest) for name, digest in names.items()}
    alice, number = begun(store, rules=rules)
    bob = of(store, "bob", rules)
    place = met(bob, COPY)
    for world in (alice, bob):
        world.server.blobs[names["map.txt"]] = b"map.txt"
    alice.change(number, description="bring the figures", attachments=(files["list.txt"],))
    for world in (alice, bob):
        world.look()
    bob.server.touch(place, replace(COPY, statuscode=ShowAs.BUSY))
    for world in (bob, alice):
        world.look()
    for world, where in ((alice, 1), (bob, place)):
        world.server.touch(where, replace(COPY, description="in room 2", attachments=(files["map.txt"],)))
    for world in (alice, bob, alice, bob):
        world.look()
    found = record(store).item
    assert isinstance(found, Appointment)
    assert [one.filename for one in found.attachments] == ["list.txt", "map.txt"]
    assert (found.description, lost(store)) == ("in room 2", [("description", '["bring the figures"]', False)])
