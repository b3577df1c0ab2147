"""Looks at a mailbox's items: what goes over, what comes in, what meets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from reconcile.errors import Unavailable
from reconcile.model.item import Appointment, Attendee, Contact, ItemKind, ShowAs, Task, TaskStatus
from reconcile.model.item_field import Direction
from reconcile.model.item_link import LinkState
from reconcile.model.item_record import ItemState
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules
from support.items import ADDRESS, NOW, ItemWorld

MARK = frozenset({TRACKED})
ADA = Contact(firstname="Ada", lastname="Byron", emailaddress1="ada@contoso.example")
ALICE, BOB = Attendee(address="alice@contoso.example"), Attendee(address="bob@contoso.example")
SOON = NOW + timedelta(days=2)
MEETING = Appointment(subject="Budget", scheduledstart=SOON, scheduledend=SOON + timedelta(hours=1), requiredattendees=(ALICE,))
CALL = Task(subject="Call back", scheduledend=date(2026, 3, 12))


def only(world: ItemWorld) -> int:
    (number,) = world.server.items
    return number


def quiet(world: ItemWorld) -> None:
    world.look()
    before = dict(world.server.items), list(world.server.posted), [*world.store.items()]
    assert not world.look().anything
    assert before == (dict(world.server.items), world.server.posted, [*world.store.items()])


def test_one_contact_goes_both_ways(world: ItemWorld) -> None:
    number = world.add(ADA)
    assert world.look().created == 1
    (there,) = world.theirs()
    assert there == replace(ADA, fullname="Ada Byron")
    world.server.touch(only(world), replace(there, jobtitle="Countess"))
    assert world.look().taken == 1
    assert world.record(number).item == replace(there, jobtitle="Countess")
    assert world.record(number).edited_by == f"mailbox {ADDRESS}"
    world.change(number, mobilephone="+49 1")
    assert world.look().updated == 1
    assert world.theirs() == [replace(there, jobtitle="Countess", mobilephone="+49 1")]
    quiet(world)


def test_a_field_that_only_comes_in_is_not_emptied_by_going_over(world: ItemWorld) -> None:
    world.rules = TwoWayRules(directions={(ItemKind.CONTACT, "jobtitle"): Direction.TO_OURS})
    number = world.add(replace(ADA, jobtitle="Countess"))
    world.look()
    assert world.record(number).item.jobtitle == "Countess"  # type: ignore[union-attr]
    (there,) = world.theirs()
    assert there.jobtitle == ""  # type: ignore[union-attr]
    world.server.touch(only(world), replace(there, jobtitle="Queen"))
    world.look()
    assert world.record(number).item.jobtitle == "Queen"  # type: ignore[union-attr]
    quiet(world)


def test_an_edit_that_goes_nowhere_is_kept_apart_when_another_one_comes_in(world: ItemWorld) -> None:
    item = replace(MEETING, organizer="boss@fabrikam.example", globalobjectid="g1")
    place = world.server.put(ItemKind.APPOINTMENT, item, categories=MARK)
    world.look()
    (record,) = world.store.items()
    world.change(record.id, description="bring the figures")
    quiet(world)
    world.server.touch(place, replace(item, description="in room 2"))
    assert world.look().conflicts == 1
    assert world.record(record.id).item.description == "in room 2"
    (conflict,) = world.store.conflicts()
    assert (conflict.field, conflict.ours, conflict.theirs) == ("description", '["bring the figures"]', '["in room 2"]')
    quiet(world)
    world.server.touch(place, replace(item, description="in room 3"))
    assert world.look().conflicts == 0


def test_nothing_new_costs_one_question_a_kind(world: ItemWorld) -> None:
    for number in range(5):
        world.add(replace(ADA, firstname=f"Ada {number}"))
    world.look()
    world.look()
    world.server.requests.clear()
    world.look()
    assert world.server.requests == ["changes"] * 3


def test_both_sides_edit_different_fields(world: ItemWorld) -> None:
    number = world.add(ADA)
    world.look()
    world.server.touch(only(world), replace(ADA, fullname="Ada Byron", jobtitle="Countess"))
    world.change(number, mobilephone="1")
    counts = world.look()
    assert (counts.taken, counts.updated, counts.conflicts) == (1, 1, 0)
    assert world.record(number).item == world.theirs()[0] == replace(ADA, fullname="Ada Byron", jobtitle="Countess", mobilephone="1")
    quiet(world)


def test_where_both_edit_one_field_the_mailbox_wins_and_both_are_kept(world: ItemWorld) -> None:
    number = world.add(ADA)
    world.look()
    world.server.touch(only(world), replace(ADA, fullname="Ada Byron", jobtitle="Countess"))
    world.change(number, jobtitle="Programmer")
    assert world.look().conflicts == 1
    assert world.record(number).item == world.theirs()[0]
    (conflict,) = world.store.conflicts()
    assert (conflict.record_id, conflict.field, conflict.ours, conflict.theirs) == (number, "jobtitle", '["Programmer"]', '["Countess"]')
    quiet(world)
    assert world.store.resolve(conflict.id, at=NOW, by="desk")
    assert not world.store.conflicts()


def test_a_marked_task_comes_in_and_a_plain_one_does_not(world: ItemWorld) -> None:
    world.server.put(ItemKind.TASK, CALL, categories=MARK)
    world.server.put(ItemKind.TASK, replace(CALL, subject="Private"))
    world.server.put(ItemKind.CONTACT, ADA, categories=MARK)
    world.look()
    assert [(record.item.subject, record.owner) for record in world.store.items() if isinstance(record.item, Task)] == [
        ("Call back", ADDRESS)
    ]
    assert not [*world.store.items(kinds=[ItemKind.CONTACT])]
    quiet(world)


def test_an_invitation_goes_once_and_a_past_meeting_tells_nobody(world: ItemWorld) -> None:
    number = world.add(MEETING)
    past = NOW - timedelta(days=2)
    world.add(replace(MEETING, subject="Old", scheduledstart=past, scheduledend=past + timedelta(hours=1)))
    world.look()
    assert [(one.what, one.subject, one.to) for one in world.server.posted] == [("invitation", "Budget", (ALICE.address,))]
    world.change(number, location="Room 2")
    world.look()
    assert [one.what for one in world.server.posted] == ["invitation", "update"]
    world.change(number, regardingobjectid="account:1:Fabrikam")
    world.look()
    assert len(world.server.posted) == 2
    found = world.record(number).item
    assert isinstance(found, Appointment)
    assert found.globalobjectid
    quiet(world)


def test_a_lost_answer_makes_no_second_item_and_no_second_invitation(world: ItemWorld) -> None:
    world.add(MEETING)
    world.server.lost = [None, Unavailable("cut")]
    with pytest.raises(Unavailable):
        world.look(ItemKind.APPOINTMENT)
    assert len(world.server.items) == 1
    world.look()
    assert len(world.server.items) == 1
    assert len(world.server.posted) == 1
    quiet(world)


def test_deleting_a_record_cancels_its_meeting(world: ItemWorld) -> None:
    number = world.add(MEETING)
    world.look()
    world.remove(number)
    assert world.look().deleted_there == 1
    assert not world.server.items
    assert [one.what for one in world.server.posted] == ["invitation", "cancellation"]
    quiet(world)


def test_deleting_a_past_one_only_parts_them(world: ItemWorld) -> None:
    number = world.add(MEETING)
    world.look()
    world.clock.at = SOON + timedelta(days=1)
    world.remove(number)
    counts = world.look()
    assert (counts.deleted_there, counts.parted) == (0, 1)
    assert len(world.server.items) == 1
    assert len(world.server.posted) == 1
    quiet(world)


def test_an_edit_is_stronger_than_a_deletion(world: ItemWorld) -> None:
    one, other = world.add(CALL), world.add(replace(CALL, subject="Other"))
    world.look()
    first, second = sorted(world.server.items)
    world.server.drop(first)
    world.change(one, subject="Edited here")
    item = world.server.items[second].item
    assert isinstance(item, Task)
    world.server.touch(second, replace(item, subject="Edited there"))
    world.remove(other)
    world.look()
    assert world.record(one).item.subject == "Edited here"  # type: ignore[union-attr]
    assert [item.subject for item in world.theirs() if isinstance(item, Task)] == ["Edited there"]
    assert {(conflict.record_id, conflict.field) for conflict in world.store.conflicts()} == {(one, ""), (other, "")}
    quiet(world)


def test_leaving_the_filter_parts_them_and_coming_back_joins_them(world: ItemWorld) -> None:
    number = world.add(MEETING)
    world.look()
    world.change(number, owner="boss@contoso.example")
    assert world.look().parted == 1
    assert len(world.server.items) == 1
    (link,) = world.store.links_of(number)
    assert link.state is LinkState.LEFT
    world.change(number, subject="Budget 2")
    quiet(world)
    assert world.theirs()[0].subject == "Budget"  # type: ignore[union-attr]
    world.change(number, owner=ADDRESS)
    world.look()
    assert world.theirs()[0].subject == "Budget 2"  # type: ignore[union-attr]
    assert len(world.server.items) == 1
    quiet(world)


def test_leaving_the_filter_cancels_only_where_that_is_declared(world: ItemWorld) -> None:
    world.rules = TwoWayRules(unlink_on_logical_delete=False)
    number = world.add(MEETING)
    world.look()
    world.change(number, owner="boss@contoso.example")
    world.look()
    assert not world.server.items
    assert world.server.posted[-1].what == "cancellation"
    assert world.store.item(number) is not None
    quiet(world)


def test_taking_the_mark_away_parts_them_for_good(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    world.server.touch(only(world), categories=frozenset())
    assert world.look().parted == 1
    world.change(number, subject="New")
    quiet(world)
    assert world.theirs()[0].subject == "Call back"  # type: ignore[union-attr]
    world.server.touch(only(world), categories=MARK)
    world.look()
    assert world.theirs()[0].subject == "New"  # type: ignore[union-attr]
    quiet(world)


def test_a_moved_item_is_not_deleted_and_comes_back(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    world.server.touch(only(world), folder="elsewhere")
    world.look()
    assert world.store.item(number) is not None
    quiet(world)
    world.server.touch(only(world), folder="")
    world.look()
    world.change(number, subject="New")
    world.look()
    assert [item.subject for item in world.theirs() if isinstance(item, Task)] == ["New"]
    quiet(world)


def test_a_copy_is_ignored(world: ItemWorld) -> None:
    world.add(CALL)
    world.look()
    world.server.copy(only(world))
    world.look()
    assert len([*world.store.items()]) == 1
    quiet(world)


def test_of_two_copies_of_what_went_one_takes_its_place(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    original = only(world)
    item = world.server.items[original].item
    world.server.copy(original)
    other = world.server.copy(original)
    world.server.touch(other, replace(item, subject="Another"))  # type: ignore[arg-type]
    world.server.drop(original)
    world.look()
    quiet(world)
    assert world.record(number).item.subject == "Call back"  # type: ignore[union-attr]
    (link,) = world.store.links_of(number)
    assert link.remote_id.value != str(other)


def test_a_task_is_completed_on_either_side_and_taken_up_again(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    world.change(number, state=ItemState.COMPLETED)
    world.look()
    done = world.theirs()[0]
    assert isinstance(done, Task)
    assert (done.statuscode, done.percentcomplete, done.actualend) == (TaskStatus.COMPLETED, 100, NOW.date())
    world.server.touch(only(world), replace(done, statuscode=TaskStatus.IN_PROGRESS, percentcomplete=50, actualend=None))
    world.look()
    found = world.record(number)
    assert (found.state, found.item.actualend) == (ItemState.OPEN, None)  # type: ignore[union-attr]
    quiet(world)


def test_a_canceled_appointment_takes_no_time_and_tells_nobody(world: ItemWorld) -> None:
    number = world.add(MEETING)
    world.look()
    world.change(number, state=ItemState.CANCELED)
    world.look()
    there = world.theirs()[0]
    assert isinstance(there, Appointment)
    assert there.statuscode is ShowAs.FREE
    assert len(world.server.posted) == 1
    assert world.record(number).item.statuscode is ShowAs.BUSY  # type: ignore[union-attr]
    quiet(world)


def test_a_forgotten_history_deletes_nothing_and_notices_what_went(world: ItemWorld) -> None:
    kept, gone = world.add(CALL), world.add(replace(CALL, subject="Gone"))
    world.look()
    world.server.drop(max(world.server.items))
    world.server.forget()
    world.look()
    assert world.store.item(kept) is not None
    assert world.store.item(gone) is None
    assert len(world.server.items) == 1
    quiet(world)


def test_somebody_elses_meeting_is_never_written_to(world: ItemWorld) -> None:
    theirs = replace(MEETING, organizer="boss@fabrikam.example", requiredattendees=(Attendee(address=ADDRESS),), globalobjectid="g1")
    world.server.put(ItemKind.APPOINTMENT, theirs, categories=MARK)
    world.look()
    (record,) = world.store.items()
    world.change(record.id, subject="Mine")
    world.look()
    assert world.theirs() == [theirs]
    assert not world.server.posted
    world.remove(record.id)
    world.look()
    assert world.theirs() == [theirs]
    assert not world.server.posted
    quiet(world)


def test_one_meeting_in_two_mailboxes_is_one_record(world: ItemWorld) -> None:
    world.server.put(ItemKind.APPOINTMENT, replace(MEETING, organizer=ADDRESS, globalobjectid="g1"), categories=MARK)
    world.look()
    other = ItemWorld(store=world.store, address=ALICE.address, mailbox_id="m2")
    other.server.address = ALICE.address
    other.server.put(
        ItemKind.APPOINTMENT, replace(MEETING, organizer=ADDRESS, globalobjectid="g1", statuscode=ShowAs.FREE), categories=MARK
    )
    other.look()
    (record,) = world.store.items()
    assert len(world.store.links_of(record.id)) == 2
    world.change(record.id, subject="Moved")
    world.look()
    other.look()
    assert world.theirs()[0].subject == "Moved"  # type: ignore[union-attr]
    assert other.theirs()[0].subject == "Budget"  # type: ignore[union-attr]
    assert not other.server.posted
    quiet(world)
    quiet(other)


def test_what_is_made_and_deleted_between_two_listings_is_noticed(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    world.server.drop(only(world))
    assert world.look().deleted_here == 1
    assert world.store.item(number) is None
    quiet(world)


def test_an_item_that_cannot_be_read_keeps_nobody_else_and_is_not_forgotten(world: ItemWorld) -> None:
    numbers = [world.add(replace(CALL, subject=name)) for name in ("one", "two", "three")]
    world.look()
    world.look()
    for number, item in list(world.server.items.items()):
        world.server.touch(number, replace(item.item, description="new"))  # type: ignore[arg-type]
    world.server.broken = {sorted(world.server.items)[1]}
    counts = world.look()
    assert counts.taken == 2
    assert counts.failed
    assert not world.look().failed, "it rests"
    world.clock.at += timedelta(minutes=5)
    assert world.look().failed
    world.server.broken = set()
    world.clock.at += timedelta(minutes=10)
    assert world.look().taken == 1
    assert not world.store.asides()
    assert {world.record(number).item.description for number in numbers} == {"new"}
    quiet(world)


def test_a_completion_and_a_cancellation_that_meet_leave_a_whole_task(world: ItemWorld) -> None:
    """Found by the machine: status from one side, percentage from the other, and neither completed nor not."""
    number = world.add(CALL)
    world.look()
    for state in (ItemState.CANCELED, ItemState.COMPLETED):
        world.change(number, state=state)
        world.server.lost = [None, Unavailable("cut")]
        with pytest.raises(Unavailable):
            world.look(ItemKind.TASK)
    world.look()
    (there,) = world.theirs()
    assert isinstance(there, Task)
    assert (there.statuscode is TaskStatus.COMPLETED) == (there.percentcomplete == 100) == (there.actualend is not None)
    quiet(world)


def test_an_item_out_of_the_trash_whose_record_is_gone_is_tied_once(world: ItemWorld) -> None:
    """Found by the machine: the tie to the record that was there before stayed, and bore the same trace."""
    past = NOW - timedelta(days=2)
    item = replace(MEETING, organizer=ADDRESS, globalobjectid="g1", scheduledstart=past, scheduledend=past + timedelta(hours=1))
    place = world.server.put(ItemKind.APPOINTMENT, item, categories=MARK)
    world.look()
    (record,) = world.store.items()
    world.server.drop(place)
    world.look()
    place = world.server.restore(place)
    world.remove(record.id)
    world.look()
    for folder in ("elsewhere", ""):
        place = world.server.move(place, folder)
        world.look()
    (again,) = world.store.items()
    assert again.id != record.id
    assert [(one.record_id, one.state) for one in world.store.links(world.mailbox_id, ItemKind.APPOINTMENT)] == [
        (again.id, LinkState.LINKED)
    ]
    quiet(world)


def test_a_meeting_that_was_deleted_and_comes_again_is_the_same_record(world: ItemWorld) -> None:
    world.server.tells = False
    item = replace(MEETING, organizer="boss@fabrikam.example", globalobjectid="g1")
    first = world.server.put(ItemKind.APPOINTMENT, item, categories=MARK)
    world.look()
    (record,) = world.store.items()
    world.server.drop(first)
    world.look()
    (link,) = world.store.links_of(record.id)
    assert (link.state, link.why) == (LinkState.PARTED, "deleted in the mailbox: somebody else organizes the meeting")
    # Its organizer invites again: another item, another trace, the same meeting.
    again = world.server.put(ItemKind.APPOINTMENT, item, categories=MARK)
    world.look()
    assert [one.id for one in world.store.items()] == [record.id]
    (link,) = world.store.links_of(record.id)
    assert (link.state, link.remote_id.value) == (LinkState.LINKED, str(again))
    assert not world.look().anything
