"""Records and items that somebody edits just while they are read, written or about to be deleted: nothing of either side is lost, and the
rest goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from reconcile.errors import PermanentError, Unavailable
from reconcile.model.item import Answer, Appointment, Attachment, Attendee, Contact, ItemKind, Response, Task
from reconcile.model.item_brake import ItemLimit
from reconcile.model.item_declared import read_filter
from reconcile.model.item_field import Direction
from reconcile.model.item_link import LinkState
from reconcile.model.item_record import ItemState
from reconcile.sync.decide.two_way_rules import TwoWayRules
from support.items import ADDRESS, NOW, ItemWorld

ADA = Contact(firstname="Ada", lastname="Byron", fullname="Ada Byron", emailaddress1="ada@contoso.example")
SOON = NOW + timedelta(days=2)
MEETING = Appointment(
    subject="Budget",
    scheduledstart=SOON,
    scheduledend=SOON + timedelta(hours=1),
    requiredattendees=(Attendee(address="alice@contoso.example"),),
)


def at(world: ItemWorld, moment: str, then: Callable[[], None], *, times: int = 1) -> None:
    """`then` happens at each of the next such moments ("after update")."""
    left = [then] * times

    def step(name: str) -> None:
        if name == moment and left:
            left.pop()()

    world.server.step = step


def cannot_be_read(world: ItemWorld, number: int, **theirs: object) -> None:
    """The item of this record changes there, and a look cannot read it; the next one can."""
    (link,) = world.store.links_of(number)
    place = int(link.remote_id.value)
    world.server.touch(place, replace(world.server.items[place].item, **theirs))  # type: ignore[arg-type]
    world.server.broken = {place}
    assert world.look().failed
    world.server.broken = set()
    world.clock.at += timedelta(minutes=1)


def settled(world: ItemWorld) -> None:
    world.look()
    world.look()
    assert not world.look().anything


def test_what_came_in_with_an_item_that_was_unread_is_not_written_over(world: ItemWorld) -> None:
    number = world.add(ADA)
    world.look()
    cannot_be_read(world, number, jobtitle="Countess", telephone1="+49 7")
    world.change(number, mobilephone="+49 1", telephone1="+49 8")
    at(world, "after update", lambda: world.change(number, lastname="Lovelace", mobilephone="+49 2"))
    world.look()
    assert world.record(number).item.jobtitle == "", "the record was edited while its item was written"  # type: ignore[union-attr]
    settled(world)
    wanted = replace(ADA, lastname="Lovelace", fullname="Ada Lovelace", jobtitle="Countess", mobilephone="+49 2", telephone1="+49 7")
    assert world.record(number).item == wanted
    assert world.theirs() == [wanted]
    assert [one.field for one in world.store.conflicts()] == ["telephone1"], "told once"


def test_a_meeting_that_is_edited_while_it_is_made_gets_what_its_mailbox_says_of_it(world: ItemWorld) -> None:
    number = world.add(MEETING)
    at(world, "after create", lambda: world.change(number, location="Room 2"))
    world.look()
    settled(world)
    (there,) = world.theirs()
    assert world.record(number).item == there
    assert isinstance(there, Appointment)
    assert (there.location, bool(there.organizer), bool(there.globalobjectid)) == ("Room 2", True, True)
    assert not world.store.conflicts()
    assert [one.what for one in world.server.posted] == ["invitation", "update"]


@pytest.mark.parametrize("times", [1, 5])
def test_rules_are_carried_out_for_all_though_a_record_is_edited_meanwhile(world: ItemWorld, times: int) -> None:
    everybody = read_filter("contact owner=any")[1]
    world.rules = TwoWayRules(filters={ItemKind.CONTACT: (everybody,)})
    number = world.add(ADA)
    other = world.add(replace(ADA, firstname="Annabella"), owner="boss@contoso.example")
    settled(world)
    cannot_be_read(world, number, jobtitle="Countess")
    world.rules = TwoWayRules()
    world.change(number, lastname="King")
    world.change(number, lastname=ADA.lastname)
    at(world, "before read", lambda: world.change(number, managername="Lovelace"), times=times)
    world.look()
    settled(world)
    assert [link.state for link in world.store.links_of(other)] == [LinkState.LEFT]
    assert world.theirs()[0] == world.record(number).item == replace(ADA, jobtitle="Countess", managername="Lovelace")


def test_what_was_written_to_an_item_that_leaves_its_filter_stays_and_comes_in_when_it_comes_back(world: ItemWorld) -> None:
    """An edit is stronger than a deletion."""
    world.rules = TwoWayRules(unlink_on_logical_delete=False)
    number = world.add(ADA)
    settled(world)
    (place,) = world.server.items
    world.change(number, owner="boss@contoso.example")
    world.server.touch(place, replace(ADA, jobtitle="Countess"))
    assert (world.look().parted, len(world.server.items)) == (1, 1)
    world.change(number, owner=ADDRESS)
    settled(world)
    assert world.record(number).item == world.theirs()[0] == replace(ADA, jobtitle="Countess")


def test_what_was_written_to_an_item_that_waits_to_be_deleted_comes_in_when_it_may_stay(world: ItemWorld) -> None:
    """Found by the machine: the version was kept as seen, and what was seen was not taken in."""
    world.rules, world.limit = TwoWayRules(unlink_on_logical_delete=False), ItemLimit(count=0, percent=0)
    number = world.add(ADA)
    settled(world)
    (place,) = world.server.items
    world.change(number, owner="boss@contoso.example")
    world.server.touch(place)
    assert world.look().braked == 1
    world.server.touch(place, replace(ADA, jobtitle="Countess"))
    world.change(number, owner=ADDRESS)
    settled(world)
    assert world.record(number).item == world.theirs()[0] == replace(ADA, jobtitle="Countess")


@pytest.mark.parametrize("error", [Unavailable("cut"), PermanentError("the server cannot show this item")])
def test_an_item_that_cannot_be_read_when_it_was_made_is_read_by_the_next_look(world: ItemWorld, error: Exception) -> None:
    """Found by the machine: who organizes a meeting, and what it is called everywhere, never came in."""
    number = world.add(MEETING)

    def fail() -> None:
        world.server.faults = [error]

    at(world, "after create", fail)
    world.look()
    assert isinstance(made := world.record(number).item, Appointment)
    assert not made.globalobjectid
    settled(world)
    assert world.record(number).item == world.theirs()[0]
    assert isinstance(made := world.record(number).item, Appointment)
    assert made.globalobjectid


def made_unread(world: ItemWorld) -> None:
    """The next item that is made cannot be read afterwards."""

    def fail() -> None:
        world.server.faults = [Unavailable("cut")]

    at(world, "after create", fail)


@pytest.mark.parametrize("when", ["while it is made", "before it is read"])
def test_a_meeting_that_was_made_and_whose_record_goes_at_once_is_called_off(world: ItemWorld, when: str) -> None:
    number = world.add(MEETING)
    if when == "while it is made":
        at(world, "after create", lambda: world.remove(number))
        world.look()
    else:
        made_unread(world)
        world.look()
        world.remove(number)
    settled(world)
    assert not world.server.items
    assert [one.what for one in world.server.posted] == ["invitation", "cancellation"]
    assert not world.store.conflicts()


def test_an_answer_is_no_edit_that_keeps_a_meeting_from_being_called_off(world: ItemWorld) -> None:
    for rules in (TwoWayRules(), TwoWayRules(unlink_on_logical_delete=False)):
        world.rules = rules
        number = world.add(MEETING)
        settled(world)
        (place,) = world.server.items
        answered = replace(world.server.items[place].item, responses=(Response(address="alice@contoso.example", answer=Answer.ACCEPTED),))  # type: ignore[call-arg]
        world.server.touch(place, answered)
        if rules.unlink_on_logical_delete:
            world.remove(number)
        else:
            world.change(number, owner="boss@contoso.example")
        settled(world)
        assert not world.server.items
        assert world.server.posted[-1].what == "cancellation"


def test_what_a_server_makes_of_a_new_item_is_no_edit_of_anybody(world: ItemWorld) -> None:
    world.server.lossy = lambda item: replace(item, timezone="Europe/Amsterdam") if isinstance(item, Appointment) else item
    number = world.add(replace(MEETING, timezone="Europe/Berlin"))
    later = {"scheduledstart": SOON + timedelta(hours=3), "scheduledend": SOON + timedelta(hours=4)}
    at(world, "after create", lambda: world.change(number, **later))
    world.look()
    settled(world)
    assert [one.scheduledstart for one in (world.record(number).item, *world.theirs())] == [later["scheduledstart"]] * 2  # type: ignore[union-attr]
    assert not world.store.conflicts()


def test_whom_the_mailbox_asks_besides_stays_though_the_record_is_edited_while_it_is_written(world: ItemWorld) -> None:
    number = world.add(MEETING)
    settled(world)
    alice, bob, carol = (Attendee(address=f"{name}@contoso.example") for name in ("alice", "bob", "carol"))
    cannot_be_read(world, number, requiredattendees=(alice, carol))
    world.change(number, requiredattendees=(alice, bob))
    at(world, "after update", lambda: world.change(number, location="Room 2"))
    world.look()
    settled(world)
    for item in (world.record(number).item, *world.theirs()):
        assert isinstance(item, Appointment)
        assert (item.requiredattendees, item.location) == ((alice, bob, carol), "Room 2")


def test_a_meeting_that_was_moved_ahead_is_still_called_off(world: ItemWorld) -> None:
    world.rules = TwoWayRules(propagate_cancellations=True)
    soon = NOW + timedelta(hours=1)
    number = world.add(replace(MEETING, scheduledstart=soon, scheduledend=soon + timedelta(hours=1)))
    settled(world)
    (place,) = world.server.items
    world.clock.at += timedelta(hours=3)
    world.change(number, state=ItemState.CANCELED)
    ahead = SOON + timedelta(days=1)
    world.server.touch(place, replace(world.server.items[place].item, scheduledstart=ahead, scheduledend=ahead + timedelta(hours=1)))  # type: ignore[arg-type]
    settled(world)
    assert not world.server.items
    assert world.server.posted[-1].what == "cancellation"
    assert world.record(number).item.scheduledstart == ahead  # type: ignore[union-attr]


def test_an_item_that_was_made_and_deleted_before_it_could_be_read_takes_its_record_along(world: ItemWorld) -> None:
    number = world.add(Task(subject="Call back"))
    made_unread(world)
    world.look()
    (place,) = world.server.items
    world.server.drop(place)
    settled(world)
    assert world.store.item(number) is None
    assert not world.store.conflicts()


def test_who_organizes_is_not_forgotten_where_the_item_cannot_be_read(world: ItemWorld) -> None:
    number = world.add(MEETING)
    made_unread(world)
    world.look()
    assert isinstance(made := world.record(number).item, Appointment)
    assert made.organizer == ADDRESS


def test_what_was_parted_unread_stays_parted_when_it_comes_back_without_its_mark(world: ItemWorld) -> None:
    number = world.add(Task(subject="Call back"))
    made_unread(world)
    world.look()
    (place,) = world.server.items
    world.server.touch(place, categories=frozenset())
    settled(world)
    for _ in range(2):
        away = world.server.move(place, "elsewhere")
        settled(world)
        place = world.server.move(away, "")
        settled(world)
        assert [one.state for one in world.store.links_of(number)] == [LinkState.PARTED]


def test_a_cancellation_that_meets_an_answer_is_still_carried_out(world: ItemWorld) -> None:
    """Also where the answer is read only when files are to go."""
    world.rules = TwoWayRules(propagate_cancellations=True, attachments=True)
    number = world.add(MEETING)
    settled(world)
    (place,) = world.server.items
    digest = hashlib.sha256(b"list.txt").hexdigest()
    file = Attachment(filename="list.txt", mimetype="text/plain", filesize=8, digest=digest)
    world.change(number, state=ItemState.CANCELED, attachments=(file,))
    answered = replace(world.server.items[place].item, responses=(Response(address="alice@contoso.example", answer=Answer.ACCEPTED),))  # type: ignore[call-arg]
    at(world, "before read", lambda: world.server.touch(place, answered))
    world.look()
    settled(world)
    assert not world.server.items
    assert [one.what for one in world.server.posted] == ["invitation", "cancellation"]


@pytest.mark.parametrize("columns", [{"address2_city": "Paris"}, {"description": "notes"}])
def test_an_edit_of_what_is_not_kept_in_step_is_one_all_the_same(world: ItemWorld, columns: dict[str, object]) -> None:
    world.rules = TwoWayRules(directions={(ItemKind.CONTACT, "description"): Direction.TO_THEIRS})
    number = world.add(ADA)
    settled(world)
    (place,) = world.server.items
    world.server.touch(place, replace(ADA, **columns))  # type: ignore[arg-type]
    world.remove(number)
    settled(world)
    assert len(world.server.items) == 1
    assert [one.field for one in world.store.conflicts()] == [""]


def test_a_meeting_that_its_organizer_called_off_is_not_called_off_again(world: ItemWorld) -> None:
    number = world.add(MEETING)
    settled(world)
    (place,) = world.server.items
    world.server.touch(place, canceled=True)
    world.remove(number)
    settled(world)
    assert [one.what for one in world.server.posted] == ["invitation"]
