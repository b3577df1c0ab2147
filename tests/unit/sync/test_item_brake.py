"""Many deletions at once are not believed: nothing goes on either side until they are fewer, or somebody lets that number go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.memory_collection import MemoryItem
from reconcile.model.item import Contact, ItemKind, Task
from reconcile.model.item_brake import ItemLimit
from reconcile.model.item_link import LinkState
from reconcile.sync.decide.item_brake import item_limit
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules
from support.items import ItemWorld

MARK = frozenset({TRACKED})
MANY = 200


def contacts(world: ItemWorld, count: int = MANY) -> list[int]:
    numbers = [world.add(Contact(firstname=f"Person {one}", fullname=f"Person {one}")) for one in range(count)]
    world.look(ItemKind.CONTACT)
    return numbers


def tasks(world: ItemWorld, count: int = MANY) -> list[int]:
    found = [world.server.put(ItemKind.TASK, Task(subject=f"Call {one}"), categories=MARK) for one in range(count)]
    world.look(ItemKind.TASK)
    return found


def place(world: ItemWorld, kind: ItemKind = ItemKind.CONTACT):  # type: ignore[no-untyped-def]
    return world.store.place(world.mailbox_id, kind)


def release(world: ItemWorld) -> None:
    """As `reconcile activities items release` does it."""
    brake = place(world).brake
    assert world.store.release(world.mailbox_id, ItemKind.CONTACT, brake)
    assert place(world).released == brake.count


def empty(world: ItemWorld) -> None:
    for number in [*world.server.items]:
        world.server.drop(number)


def come_back(world: ItemWorld, kept: Mapping[int, MemoryItem]) -> None:
    """With the very versions they had: a server that was restored."""
    world.server.items.update(kept)
    for number in kept:
        world.server.changed += 1
        world.server.moments[number] = world.server.changed


def everything(world: ItemWorld) -> object:
    return [*world.store.items()], dict(world.server.items), [*world.server.posted]


def test_a_folder_that_was_emptied_parts_nothing_and_deletes_nothing(world: ItemWorld) -> None:
    contacts(world)
    empty(world)
    for _ in range(3):
        assert world.look(ItemKind.CONTACT).braked == MANY
    assert len([*world.store.items()]) == MANY
    assert all(link.state is LinkState.LINKED for link in world.store.links(world.mailbox_id, ItemKind.CONTACT))
    brake = place(world).brake
    assert (brake.parted, brake.here, brake.there, brake.of, brake.limit) == (MANY, 0, 0, MANY, 20)
    assert brake.since == "2026-03-10T12:00:02Z", "since the first look that saw it"


def test_tasks_that_were_deleted_in_the_mailbox_keep_their_records(world: ItemWorld) -> None:
    tasks(world)
    empty(world)
    assert world.look(ItemKind.TASK).braked == MANY
    assert place(world, ItemKind.TASK).brake.here == MANY
    assert len([*world.store.items()]) == MANY


def test_records_that_were_deleted_here_keep_their_items(world: ItemWorld) -> None:
    for number in contacts(world):
        world.remove(number)
    assert world.look(ItemKind.CONTACT).braked == MANY
    assert place(world).brake.there == MANY
    assert len(world.server.items) == MANY
    assert "delete" not in world.server.requests


def test_a_filter_that_changed_deletes_nothing_where_leaving_it_deletes(world: ItemWorld) -> None:
    world.rules = TwoWayRules(unlink_on_logical_delete=False)
    contacts(world)
    world.rules = replace(world.rules, filters={})
    assert world.look(ItemKind.CONTACT).braked == MANY
    assert len(world.server.items) == MANY
    world.rules = TwoWayRules(unlink_on_logical_delete=False)
    world.look(ItemKind.CONTACT)
    assert place(world).brake is None
    assert not world.look(ItemKind.CONTACT).anything


def test_a_history_that_began_anew_over_an_empty_folder_deletes_nothing(world: ItemWorld) -> None:
    tasks(world)
    empty(world)
    world.server.moments.clear()
    world.server.forget()
    assert world.look(ItemKind.TASK).braked == MANY
    assert len([*world.store.items()]) == MANY


def test_another_mailbox_behind_the_address_is_not_believed_at_all(world: ItemWorld) -> None:
    numbers = contacts(world, 4)
    stranger = world.server
    stranger.mailbox = "mailbox 2"
    kept = dict(stranger.items)
    stranger.items.clear()
    stranger.forget()
    stranger.put(ItemKind.CONTACT, Contact(fullname="A stranger"), categories=MARK)
    world.change(numbers[0], jobtitle="Secret")
    world.add(Contact(fullname="Ours"))
    world.server.requests.clear()
    counts = world.look(ItemKind.CONTACT)
    assert counts.braked == 4, "fewer than any limit, and held all the same"
    assert place(world).brake.other_folder
    assert not {"create", "update", "delete", "read"} & {*world.server.requests}, "nothing of ours goes to a stranger"
    assert not counts.anything
    # The old one is back.
    stranger.mailbox, stranger.items = "mailbox 1", kept
    world.look(ItemKind.CONTACT)
    assert place(world).brake is None
    assert {item.fullname for item in world.theirs() if isinstance(item, Contact)} == {*(f"Person {one}" for one in range(4)), "Ours"}


def test_another_mailbox_that_is_meant_is_taken_once_its_number_is_released(world: ItemWorld) -> None:
    contacts(world, 4)
    world.server.mailbox = "mailbox 2"
    world.server.items.clear()
    world.server.forget()
    world.look(ItemKind.CONTACT)
    release(world)
    assert world.look(ItemKind.CONTACT).parted == 4
    assert (place(world).brake, place(world).released) == (None, 0)
    assert place(world).folder == "mailbox 2 contact"
    assert len([*world.store.items()]) == 4


def test_while_it_stands_nothing_goes_out_and_what_comes_in_is_taken(world: ItemWorld) -> None:
    numbers = contacts(world)
    left = [*world.server.items][:20]
    for number in [*world.server.items][20:]:
        world.server.drop(number)
    world.change(numbers[0], jobtitle="Clerk")
    world.add(Contact(fullname="New"))
    world.server.touch(left[1], replace(world.server.items[left[1]].item, jobtitle="Boss"))
    counts = world.look(ItemKind.CONTACT)
    assert (counts.braked, counts.taken, counts.created, counts.updated) == (180, 1, 0, 0)


def test_it_goes_by_itself_when_they_come_back(world: ItemWorld) -> None:
    numbers = contacts(world)
    kept = dict(world.server.items)
    empty(world)
    world.look(ItemKind.CONTACT)
    come_back(world, kept)
    world.change(numbers[0], jobtitle="Clerk")
    assert world.look(ItemKind.CONTACT).updated == 1
    assert place(world).brake is None
    assert not any(link.departed for link in world.store.links(world.mailbox_id, ItemKind.CONTACT))
    assert not world.look(ItemKind.CONTACT).anything


def test_those_that_come_back_under_other_names_are_the_same(world: ItemWorld) -> None:
    contacts(world)
    before = dict(world.server.items)
    empty(world)
    world.look(ItemKind.CONTACT)
    for one in before.values():
        world.server.put(one.kind, one.item, token=one.token)
    world.look(ItemKind.CONTACT)
    assert place(world).brake is None
    assert len([*world.store.items()]) == MANY
    assert {link.state for link in world.store.links(world.mailbox_id, ItemKind.CONTACT)} == {LinkState.LINKED}
    assert not world.look(ItemKind.CONTACT).anything


def test_the_released_number_goes_once_and_no_more_than_that(world: ItemWorld) -> None:
    numbers = contacts(world)
    for number in numbers[:100]:
        world.remove(number)
    world.look(ItemKind.CONTACT)
    release(world)
    assert world.look(ItemKind.CONTACT).deleted_there == 100
    assert (place(world).brake, place(world).released) == (None, 0)
    for number in numbers[100:150]:
        world.remove(number)
    assert world.look(ItemKind.CONTACT).braked == 50, "used up"


def test_what_was_released_is_spent_by_a_look_that_finds_another_number(world: ItemWorld) -> None:
    contacts(world)
    there, kept = [*world.server.items], dict(world.server.items)
    for number in there[:100]:
        world.server.drop(number)
    world.look(ItemKind.CONTACT)
    release(world)
    world.server.drop(there[100])
    assert world.look(ItemKind.CONTACT).braked == 101, "of which nobody has said anything"
    assert (place(world).brake.count, place(world).released) == (101, 0)
    come_back(world, {number: kept[number] for number in there[:20]})
    assert world.look(ItemKind.CONTACT).braked == 81, "fewer than were let go, and not those"
    assert {link.state for link in world.store.links(world.mailbox_id, ItemKind.CONTACT)} == {LinkState.LINKED}


def test_what_is_released_is_what_stands_when_it_is_said(world: ItemWorld) -> None:
    numbers = contacts(world)
    for number in numbers[:100]:
        world.remove(number)
    world.look(ItemKind.CONTACT)
    seen = place(world).brake
    world.remove(numbers[100])
    world.look(ItemKind.CONTACT)
    assert not world.store.release(world.mailbox_id, ItemKind.CONTACT, seen), "a look came between reading and saying it"
    assert place(world).released == 0
    world.store.brake(world.mailbox_id, ItemKind.CONTACT, None)
    assert not world.store.release(world.mailbox_id, ItemKind.CONTACT, seen)
    assert place(world).released == 0


def test_deletions_that_were_released_release_no_other_mailbox(world: ItemWorld) -> None:
    numbers = contacts(world, 40)
    for number in numbers:
        world.remove(number)
    world.look(ItemKind.CONTACT)
    release(world)
    world.server.mailbox = "mailbox 2"
    world.server.forget()
    assert world.look(ItemKind.CONTACT).braked == 40
    assert (place(world).brake.other_folder, place(world).released) == (True, 0)
    release(world)
    world.server.mailbox = "mailbox 3"
    assert world.look(ItemKind.CONTACT).braked == 40, "that is not the one that somebody looked at"
    assert place(world).released == 0
    assert len(world.server.items) == 40


def test_a_release_that_was_interrupted_is_carried_to_its_end(world: ItemWorld) -> None:
    for number in contacts(world):
        world.remove(number)
    world.look(ItemKind.CONTACT)
    release(world)
    world.server.faults = [*[None] * 60, Unavailable("cut")]
    with pytest.raises(Unavailable):
        world.look(ItemKind.CONTACT)
    left = len(world.server.items)
    assert 0 < left < MANY
    world.server.faults = [*[None] * 40, Unavailable("cut")]
    with pytest.raises(Unavailable):
        world.look(ItemKind.CONTACT)
    assert 0 < place(world).released <= left, "what is gone is not let go a second time"
    world.look(ItemKind.CONTACT)
    assert not world.server.items
    assert place(world).released == 0


def test_few_deletions_are_carried_over_at_once(world: ItemWorld) -> None:
    numbers = contacts(world, 30)
    for number in numbers[:10]:
        world.remove(number)
    assert (counts := world.look(ItemKind.CONTACT)).deleted_there == 10
    assert not counts.braked
    assert place(world).brake is None


def test_both_sides_count_together(world: ItemWorld) -> None:
    found = tasks(world, 40)
    numbers = [record.id for record in world.store.items()]
    for number in found[:6]:
        world.server.drop(number)
    for number in numbers[-6:]:
        world.remove(number)
    world.look(ItemKind.TASK)
    brake = place(world, ItemKind.TASK).brake
    assert (brake.here, brake.there, brake.limit) == (6, 6, 10)


def test_what_is_seen_only_while_things_go_out_waits_to_be_counted(world: ItemWorld) -> None:
    """Somebody empties the folder after the listing: the updates that find nothing must not delete one by one."""
    tasks(world)
    for record in [*world.store.items()]:
        world.change(record.id, description="more")
    world.server.step = lambda call: empty(world) if call == "before update" and world.server.items else None
    world.look(ItemKind.TASK)
    world.server.step = lambda _: None
    assert len([*world.store.items()]) == MANY
    assert all(link.state is LinkState.LINKED for link in world.store.links(world.mailbox_id, ItemKind.TASK))
    assert world.look(ItemKind.TASK).braked == MANY


def test_one_kind_holds_no_other(world: ItemWorld) -> None:
    contacts(world)
    empty(world)
    number = world.add(Task(subject="Call", scheduledend=date(2026, 4, 1)))
    counts = world.look()
    assert (counts.braked, counts.created) == (MANY, 1)
    assert world.store.links_of(number)


def test_the_limit_is_declared_and_says_where() -> None:
    assert item_limit({}, name="production").of(1000) == 100
    assert item_limit({}, name="production").of(50) == 10
    declared = item_limit({"brakes.itemDeletions.count": 3, "brakes.itemDeletions.percent": 0}, name="production")
    assert (declared.of(1000), declared.knob) == (3, "spec.brakes.itemDeletions of Environment/production")
    assert ItemLimit().of(0) == 10
