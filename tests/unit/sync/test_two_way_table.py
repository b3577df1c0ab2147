"""The table of two-way decisions: total, and each row as it is meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from reconcile.model.item import Appointment, Attendee, Contact, Item, ItemKind, ShowAs, Task, TaskStatus, kind_of
from reconcile.model.item_declared import TaskDeletion
from reconcile.model.item_field import FIELDS, Direction, placed
from reconcile.model.item_link import Agreed, Link, LinkState
from reconcile.model.item_record import ItemState, Record
from reconcile.model.recurrence import ChangedOccurrence, Daily, DeletedOccurrence, NoEnd, Numbered, Recurrence
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import ListedItem, RemoteItem
from reconcile.sync.decide.two_way import (
    TABLE,
    Action,
    Carry,
    Case,
    CreateTheirs,
    DeleteOurs,
    DeleteTheirs,
    Forget,
    Import,
    Nothing,
    Ours,
    Part,
    Theirs,
    Verdict,
    decide,
    verdict,
)
from reconcile.sync.decide.two_way_invite import is_past
from reconcile.sync.decide.two_way_merge import merged
from reconcile.sync.decide.two_way_rules import TwoWayRules

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ME, ALICE = "user@contoso.example", Attendee(address="alice@contoso.example")
SOON, PAST = NOW + timedelta(days=1), NOW - timedelta(days=1)
RULES = TwoWayRules()


def meeting(start: datetime = SOON, **more: object) -> Appointment:
    base = Appointment(
        subject="Budget", scheduledstart=start, scheduledend=start + timedelta(hours=1), organizer=ME, requiredattendees=(ALICE,)
    )
    return replace(base, **more)  # type: ignore[arg-type]


PERSON, TODO = Contact(fullname="Ada"), Task(subject="Call")
EACH: dict[ItemKind, Item] = {ItemKind.APPOINTMENT: meeting(), ItemKind.CONTACT: PERSON, ItemKind.TASK: TODO}


def record(item: Item, **more: object) -> Record:
    base = Record(id=1, item=item, owner=ME, state=ItemState.OPEN, version=2, created_at="", edited_at="", edited_by="")
    return replace(base, **more)  # type: ignore[arg-type]


def link(item: Item, state: LinkState = LinkState.LINKED, **more: object) -> Link:
    base = Link(
        mailbox_id="m",
        record_id=1,
        state=state,
        token="t",
        remote_id=RemoteId("x", "1"),
        version="1",
        record_version=1,
        agreed=Agreed(ours=item, theirs=item),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def remote(item: Item, *, organized_here: bool = True, canceled: bool = False) -> RemoteItem:
    listed = ListedItem(remote_id=RemoteId("x", "1"), version="2")
    return RemoteItem(listed=listed, item=item, organized_here=organized_here, canceled=canceled)


def decided(
    ours: Ours,
    theirs: Theirs,
    *,
    of: Record | None,
    tied: Link | None,
    there: RemoteItem | None = None,
    rules: TwoWayRules = RULES,
    organizer_linked: bool = False,
) -> Action:
    known = of.item if of is not None else tied.agreed.ours if tied is not None else there.item if there is not None else TODO
    case = Case(
        kind=kind_of(known),
        link=tied,
        record=of,
        ours=ours,
        theirs=theirs,
        remote=there,
        address=ME,
        organizer_linked=organizer_linked,
    )
    return decide(case, rules, NOW)


def test_the_table_is_total() -> None:
    assert set(TABLE) == set(product(LinkState, Ours))
    assert {len(row) for row in TABLE.values()} == {len(Theirs)}


@pytest.mark.parametrize("kind", ItemKind)
@pytest.mark.parametrize("unlink", [True, False])
def test_every_case_has_an_action(kind: ItemKind, unlink: bool) -> None:
    rules = TwoWayRules(unlink_on_logical_delete=unlink)
    for state, ours, theirs in product(LinkState, Ours, Theirs):
        item = EACH[kind]
        gone = ours in (Ours.NEVER, Ours.DELETED)
        tied = link(item, state) if state is not LinkState.NONE else None
        there = remote(item) if theirs in (Theirs.SAME, Theirs.CHANGED, Theirs.UNMARKED) else None
        action = decided(ours, theirs, of=None if gone else record(item), tied=tied, there=there, rules=rules)
        assert action is not None
        # What is to be done to a side that is not there makes no sense.
        if isinstance(action, (DeleteTheirs, Part)):
            assert tied is not None
        if isinstance(action, (DeleteOurs, Carry, CreateTheirs)):
            assert not gone
        if isinstance(action, Import):
            assert there is not None


NEVER_DESTROYS = [
    (state, ours, theirs)
    for state, ours, theirs in product(LinkState, Ours, Theirs)
    if verdict(state, ours, theirs) not in (Verdict.DELETE_OURS, Verdict.DELETE_THEIRS, Verdict.LEAVE)
]


def test_only_three_rows_destroy_anything() -> None:
    destroying = {key for key in product(LinkState, Ours, Theirs) if key not in NEVER_DESTROYS}
    assert destroying == {
        (LinkState.LINKED, Ours.SAME, Theirs.DELETED),
        (LinkState.LINKED, Ours.DELETED, Theirs.SAME),
        (LinkState.LINKED, Ours.OUTSIDE, Theirs.SAME),
        (LinkState.LINKED, Ours.OUTSIDE, Theirs.CHANGED),
    }


DELETIONS = [
    # what, which link, what becomes of the item in the mailbox when the record goes
    ("a meeting ahead", meeting(), {}, DeleteTheirs(cancel=True)),
    ("without attendees nobody is told", meeting(requiredattendees=()), {}, DeleteTheirs(cancel=False)),
    ("a past one stays", meeting(PAST), {}, Part),
    ("somebody else's stays", meeting(), {"organized_here": False}, Part),
    ("a contact that was there before stays", PERSON, {}, Part),
    ("a contact of ours goes", PERSON, {"made_here": True}, DeleteTheirs(cancel=False)),
    ("an open task goes", TODO, {}, DeleteTheirs(cancel=False)),
    ("a completed task stays", replace(TODO, statuscode=TaskStatus.COMPLETED), {}, Part),
]


@pytest.mark.parametrize(("item", "more", "expected"), [one[1:] for one in DELETIONS], ids=[one[0] for one in DELETIONS])
def test_a_record_that_goes(item: Item, more: dict[str, object], expected: Action | type[Part]) -> None:
    action = decided(Ours.DELETED, Theirs.SAME, of=None, tied=link(item, **more))  # type: ignore[arg-type]
    assert isinstance(action, Part) if expected is Part else action == expected


GONE_THERE = [
    ("a meeting ahead", record(meeting()), {}, RULES, DeleteOurs),
    ("a past one stays", record(meeting(PAST)), {}, RULES, Part),
    ("a canceled one stays", record(meeting(), state=ItemState.CANCELED), {}, RULES, Part),
    ("somebody else's stays", record(meeting()), {"organized_here": False}, RULES, Part),
    ("a contact stays", record(PERSON), {"made_here": True}, RULES, Part),
    ("a task goes", record(TODO), {}, RULES, DeleteOurs),
    ("a task stays by rule", record(TODO), {}, TwoWayRules(task_deletion=TaskDeletion.NEVER), Part),
    (
        "a completed task stays by rule",
        record(TODO, state=ItemState.COMPLETED),
        {},
        TwoWayRules(task_deletion=TaskDeletion.UNLESS_COMPLETED),
        Part,
    ),
]


@pytest.mark.parametrize(("of", "more", "rules", "expected"), [one[1:] for one in GONE_THERE], ids=[one[0] for one in GONE_THERE])
def test_an_item_that_goes(of: Record, more: dict[str, object], rules: TwoWayRules, expected: type) -> None:
    assert isinstance(decided(Ours.SAME, Theirs.DELETED, of=of, tied=link(of.item, **more), rules=rules), expected)  # type: ignore[arg-type]


CREATES = [
    ("ahead, with attendees", record(meeting()), CreateTheirs(invite=True)),
    ("past", record(meeting(PAST)), CreateTheirs(invite=False)),
    ("nobody to tell", record(meeting(requiredattendees=())), CreateTheirs(invite=False)),
    ("called off", record(meeting(), state=ItemState.CANCELED), CreateTheirs(invite=False)),
    ("a contact", record(PERSON), CreateTheirs(invite=False)),
    ("without an organizer", record(meeting(organizer="")), Nothing),
    ("somebody else's", record(meeting(organizer="boss@fabrikam.example")), Nothing),
]


@pytest.mark.parametrize(("of", "expected"), [one[1:] for one in CREATES], ids=[one[0] for one in CREATES])
def test_a_new_record(of: Record, expected: Action | type[Nothing]) -> None:
    action = decided(Ours.CHANGED, Theirs.NEVER, of=of, tied=None)
    assert isinstance(action, Nothing) if expected is Nothing else action == expected


UPDATES = [
    ("a place", meeting(location="Room 2"), True, True),
    ("what no attendee sees", meeting(regardingobjectid="account:1"), True, False),
    ("by somebody who does not organize", meeting(location="Room 2"), False, None),
    ("an attendee more", meeting(optionalattendees=(Attendee(address="bob@contoso.example"),)), True, True),
    ("the last attendee taken off", meeting(requiredattendees=()), True, True),
]


@pytest.mark.parametrize(("after", "organized", "invite"), [one[1:] for one in UPDATES], ids=[one[0] for one in UPDATES])
def test_a_changed_record(after: Appointment, organized: bool, invite: bool | None) -> None:
    action = decided(Ours.CHANGED, Theirs.SAME, of=record(after), tied=link(meeting(), organized_here=organized))
    assert isinstance(action, Carry)
    if invite is None:
        assert not action.columns
    assert action.invite is bool(invite)


def test_past_meetings_are_held_unless_declared() -> None:
    after, before = meeting(PAST, location="Room 2"), meeting(PAST)
    held = decided(Ours.CHANGED, Theirs.SAME, of=record(after), tied=link(before))
    assert isinstance(held, Carry)
    assert (held.columns, bool(held.held)) == (frozenset(), True)
    rules = TwoWayRules(update_past_meetings=True)
    written = decided(Ours.CHANGED, Theirs.SAME, of=record(after), tied=link(before), rules=rules)
    assert isinstance(written, Carry)
    assert (written.columns, written.invite) == (frozenset({"location"}), False)
    moved = decided(Ours.CHANGED, Theirs.SAME, of=record(meeting()), tied=link(before))
    assert isinstance(moved, Carry)
    assert moved.invite


def test_a_canceled_record_calls_off_only_where_declared() -> None:
    of = record(meeting(), state=ItemState.CANCELED)
    quiet = decided(Ours.CHANGED, Theirs.SAME, of=of, tied=link(meeting()))
    assert isinstance(quiet, Carry)
    assert (quiet.columns, quiet.invite, quiet.merge.ours.statuscode) == (frozenset({"statuscode"}), False, ShowAs.FREE)  # type: ignore[union-attr]
    loud = decided(Ours.CHANGED, Theirs.SAME, of=of, tied=link(meeting()), rules=TwoWayRules(propagate_cancellations=True))
    assert loud == DeleteTheirs(cancel=True)


def test_a_meeting_that_its_organizer_calls_off_is_canceled_here() -> None:
    tied = link(meeting(), organized_here=False)
    action = decided(
        Ours.SAME, Theirs.CHANGED, of=record(meeting()), tied=tied, there=remote(meeting(), organized_here=False, canceled=True)
    )
    assert isinstance(action, Carry)
    assert action.state is ItemState.CANCELED


def test_private_goes_one_way_and_only_where_declared() -> None:
    there = remote(meeting(isprivate=True))
    quiet = decided(Ours.SAME, Theirs.CHANGED, of=record(meeting()), tied=link(meeting()), there=there)
    assert isinstance(quiet, Carry)
    assert quiet.item == meeting()
    rules = TwoWayRules(private_from_mailbox=True)
    taken = decided(Ours.SAME, Theirs.CHANGED, of=record(meeting()), tied=link(meeting()), there=there, rules=rules)
    assert isinstance(taken, Carry)
    assert taken.item == meeting(isprivate=True)
    back = decided(Ours.CHANGED, Theirs.SAME, of=record(meeting(isprivate=True)), tied=link(meeting()), rules=rules)
    assert isinstance(back, Carry)
    assert not back.columns


def test_three_addresses_move_nothing_when_they_begin() -> None:
    ours, theirs = replace(PERSON, address2_city="Köln"), replace(PERSON, address2_city="Bonn")
    tied = replace(link(PERSON), agreed=Agreed(ours=ours, theirs=theirs))
    three = TwoWayRules(one_mailing_address=False)
    action = decided(Ours.CHANGED, Theirs.CHANGED, of=record(ours), tied=tied, there=remote(theirs), rules=three)
    assert isinstance(action, Carry)
    assert (action.item, action.columns) == (ours, frozenset())
    moved = replace(theirs, address2_city="Ulm")
    action = decided(Ours.SAME, Theirs.CHANGED, of=record(ours), tied=tied, there=remote(moved), rules=three)
    assert isinstance(action, Carry)
    assert action.item.address2_city == "Ulm"  # type: ignore[union-attr]


DIRECTIONS = [
    # direction, ours after, theirs after, what the record becomes, whether it is written, conflicts
    (Direction.BOTH, "a", "b", "b", False, 1),
    (Direction.BOTH, "a", "old", "a", True, 0),
    (Direction.BOTH, "old", "b", "b", False, 0),
    (Direction.BOTH, "a", "a", "a", False, 0),
    (Direction.TO_OURS, "a", "b", "b", False, 1),
    (Direction.TO_OURS, "a", "old", "a", False, 0),
    (Direction.TO_THEIRS, "a", "b", "a", True, 1),
    (Direction.TO_THEIRS, "old", "b", "old", False, 0),
    (Direction.NONE, "a", "b", "a", False, 0),
]


@pytest.mark.parametrize(("direction", "ours", "theirs", "after", "written", "conflicts"), DIRECTIONS)
def test_one_field(direction: Direction, ours: str, theirs: str, after: str, written: bool, conflicts: int) -> None:
    before = replace(TODO, subject="old")
    found = merged(replace(TODO, subject=ours), replace(TODO, subject=theirs), Agreed(ours=before, theirs=before), lambda _: direction)
    assert found.ours == replace(TODO, subject=after)
    assert found.columns == (frozenset({"subject"}) if written else frozenset())
    assert len(found.conflicts) == conflicts


def test_attendees_of_both_sides_come_together() -> None:
    bob, carol = Attendee(address="bob@contoso.example"), Attendee(address="carol@contoso.example")
    before = meeting(requiredattendees=(ALICE, bob))
    ours, theirs = meeting(requiredattendees=(ALICE, bob, carol)), meeting(requiredattendees=(bob,))
    found = merged(ours, theirs, Agreed(ours=before, theirs=before), lambda field: field.default)
    assert found.ours.requiredattendees == (bob, carol)  # type: ignore[union-attr]
    assert not found.conflicts


SERIES = meeting(recurrence=Recurrence(pattern=Daily(), range=Numbered(5)))
SECOND, THIRD = SOON + timedelta(days=1), SOON + timedelta(days=2)


def test_exceptions_of_both_sides_come_together() -> None:
    moved = ChangedOccurrence(original=THIRD, scheduledstart=THIRD, scheduledend=THIRD + timedelta(hours=2), subject="Longer")
    ours, theirs = replace(SERIES, exceptions=(DeletedOccurrence(original=SECOND),)), replace(SERIES, exceptions=(moved,))
    found = merged(ours, theirs, Agreed(ours=SERIES, theirs=SERIES), lambda field: field.default)
    assert found.ours.exceptions == (DeletedOccurrence(original=SECOND), moved)  # type: ignore[union-attr]
    assert found.columns == {"exceptions"}


def test_who_moves_a_series_brings_its_exceptions_along() -> None:
    ours = replace(SERIES, exceptions=(DeletedOccurrence(original=SECOND),))
    theirs = replace(SERIES, scheduledstart=SOON + timedelta(hours=1), scheduledend=SOON + timedelta(hours=2))
    found = merged(ours, theirs, Agreed(ours=SERIES, theirs=SERIES), lambda field: field.default)
    assert found.ours == theirs
    assert not found.columns


PASTS = [
    (meeting(PAST), True),
    (meeting(SOON), False),
    (meeting(PAST, recurrence=Recurrence(pattern=Daily(), range=NoEnd())), False),
    (meeting(PAST, recurrence=Recurrence(pattern=Daily(), range=Numbered(2))), True),
    (meeting(PAST, recurrence=Recurrence(pattern=Daily(), range=Numbered(3))), False),
]


@pytest.mark.parametrize(("item", "past"), PASTS)
def test_a_series_is_past_with_its_last_occurrence(item: Appointment, past: bool) -> None:
    # The second of the daily ones begins at this very moment.
    assert is_past(item, NOW + timedelta(seconds=1)) is past


def test_every_column_belongs_to_one_field() -> None:
    for kind in ItemKind:
        names = [column for field in FIELDS[kind] for column in field.columns]
        assert len(names) == len(set(names))
        assert placed(kind) == set(names)


def test_forget_and_untrack() -> None:
    assert decided(Ours.DELETED, Theirs.DELETED, of=None, tied=link(TODO)) == Forget()
    action = decided(Ours.SAME, Theirs.UNMARKED, of=record(TODO), tied=link(TODO), there=remote(TODO))
    assert isinstance(action, Part)
    assert action.state is LinkState.PARTED
    day = date(2026, 3, 1)
    assert decided(Ours.NEVER, Theirs.CHANGED, of=None, tied=None, there=remote(replace(TODO, scheduledend=day))) == Import()
