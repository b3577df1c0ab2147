"""Calls, letters and faxes: tasks in the mailbox, and nothing of that comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from reconcile.model.item import Item, ItemKind, Task, TaskStatus, TaskType
from reconcile.model.item_declared import read_filter
from reconcile.model.item_link import LinkState
from reconcile.model.item_record import ItemState
from reconcile.sync.decide.two_way_rules import TwoWayRules, two_way_rules
from support.items import ItemWorld

CALL = Task(subject="Call Fabrikam", scheduledend=date(2026, 3, 12), activitytypecode=TaskType.PHONE_CALL)


def only(world: ItemWorld) -> tuple[int, Item]:
    ((number, found),) = world.server.items.items()
    return number, found.item


def quiet(world: ItemWorld) -> None:
    world.look()
    before = world.server.changed
    assert not world.look().anything
    assert world.server.changed == before


@pytest.mark.parametrize("of", [TaskType.PHONE_CALL, TaskType.LETTER, TaskType.FAX])
def test_it_goes_over_and_nothing_comes_back(world: ItemWorld, of: TaskType) -> None:
    number = world.add(replace(CALL, activitytypecode=of))
    assert world.look().created == 1
    there, item = only(world)
    assert isinstance(item, Task)
    assert (item.subject, item.activitytypecode) == ("Call Fabrikam", TaskType.TASK)
    world.server.touch(
        there, replace(item, subject="Done", statuscode=TaskStatus.COMPLETED, percentcomplete=100, actualend=date(2026, 3, 9))
    )
    world.look()
    assert world.record(number).item == replace(CALL, activitytypecode=of)
    assert world.record(number).state is ItemState.OPEN
    world.change(number, subject="Call them again")
    assert world.look().updated == 1
    assert only(world)[1].subject == "Call them again"  # type: ignore[union-attr]
    quiet(world)


def test_what_is_deleted_in_the_mailbox_stays_a_record(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    world.server.drop(only(world)[0])
    for _ in range(3):
        world.look()
    (link,) = world.store.links_of(number)
    assert (link.state, link.why) == (LinkState.PARTED, "deleted in the mailbox: a phonecall is only shown in mailboxes")
    assert world.record(number).item == CALL
    assert not world.server.items
    quiet(world)


def test_what_is_deleted_here_goes_there(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    world.remove(number)
    world.look()
    assert not world.server.items
    quiet(world)


def test_completing_it_here_completes_it_there(world: ItemWorld) -> None:
    number = world.add(CALL)
    world.look()
    world.change(number, state=ItemState.COMPLETED)
    world.look()
    item = only(world)[1]
    assert isinstance(item, Task)
    assert item.statuscode is TaskStatus.COMPLETED
    quiet(world)


def test_declared_directions_do_not_turn_it_round(world: ItemWorld) -> None:
    world.rules = two_way_rules({"linkedItems.directions": ("task.subject=to-records",)})
    number = world.add(CALL)
    world.look()
    there, item = only(world)
    assert isinstance(item, Task)
    assert (item.subject, item.scheduledend) == ("", CALL.scheduledend)
    world.server.touch(there, replace(item, subject="Another"))
    world.look()
    assert world.record(number).item.subject == "Call Fabrikam"  # type: ignore[union-attr]
    quiet(world)


@pytest.mark.parametrize(
    ("filters", "gone"),
    [
        (None, {"phonecall", "task", "fax"}),
        (("task",), {"task"}),
        (("phonecall",), {"phonecall"}),
        (("task", "fax owner=self"), {"task", "fax"}),
        (("contact",), set()),
    ],
)
def test_each_has_a_filter_of_its_own(world: ItemWorld, filters: tuple[str, ...] | None, gone: set[str]) -> None:
    world.rules = TwoWayRules() if filters is None else two_way_rules({"linkedItems.filters": filters})
    for of in (TaskType.TASK, TaskType.PHONE_CALL, TaskType.FAX):
        world.add(replace(CALL, subject=of, activitytypecode=of))
    world.look()
    assert {item.subject for item in world.theirs() if isinstance(item, Task)} == gone


def test_what_the_product_has_besides_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="serviceappointment: service activities are not kept; they are planned for resources"):
        read_filter("serviceappointment owner=self")
    with pytest.raises(ValueError, match="'postcard' is none of appointment, contact, task"):
        read_filter("postcard")
    assert ItemKind.TASK is read_filter("letter state=any")[0]
