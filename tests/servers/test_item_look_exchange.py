"""Both ways with the Exchange of the sandbox: what goes over comes back the same, is announced once, and costs nothing when nothing is new."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.ews import whereabouts
from reconcile.mail.ews.folder import folders_in
from reconcile.mail.ews.link import Link
from reconcile.model.item import Appointment, Attachment, Attendee, Contact, Item, ItemKind, Task, kind_of
from reconcile.model.item_brake import ItemLimit
from reconcile.model.item_edit import AddItem, ChangeItem, ItemEdited, RemoveItem
from reconcile.model.item_link import LinkState
from reconcile.model.item_record import ItemState, Record
from reconcile.model.recurrence import DeletedOccurrence, Numbered, Recurrence, Weekday, Weekly
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import RemoteItem
from reconcile.store.memory.items import MemoryItemStore
from reconcile.sync.decide.two_way_rules import TwoWayRules
from reconcile.sync.items.look import look_at_items
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from support.ews_items import ADDRESS, ExchangeItems, exchange_items
from support.items import StandingClock

SOON = datetime(2090, 3, 6, 9, 0, tzinfo=UTC)  # a Monday
ALICE = Attendee(address="alice@contoso.example", name="Alice")
ADA = Contact(firstname="Ada", lastname="Byron", fullname="Ada Byron", emailaddress1="ada@contoso.example", birthdate=date(1980, 12, 10))
MEETING = Appointment(
    subject="Budget", scheduledstart=SOON, scheduledend=SOON + timedelta(hours=1), timezone="Europe/Berlin", requiredattendees=(ALICE,)
)
SERIES = replace(MEETING, recurrence=Recurrence(pattern=Weekly(days=(Weekday.MO,)), range=Numbered(6)))
CALL = Task(subject="Call back", scheduledend=date(2090, 3, 7))


class Both:
    """A store of ours and the mailbox."""

    def __init__(self, there: ExchangeItems) -> None:
        self.there = there
        self.store = MemoryItemStore()
        self.clock = StandingClock()
        self.rules = TwoWayRules()
        self.limit = ItemLimit()
        self._minted = 0

    def _mint(self) -> str:
        self._minted += 1
        return f"token-{self._minted}"

    def look(self) -> ItemCounts:
        counts = ItemCounts()
        mailbox = ItemMailbox(mailbox_id="m1", name="user", address=ADDRESS, rules=self.rules, fingerprint="1", limit=self.limit)
        tools = ItemTools(store=self.store, connect=lambda _, kind: self.there.collection(kind), clock=self.clock, mint=self._mint)
        for kind in ItemKind:
            look_at_items(mailbox, kind, tools, counts)
        return counts

    def add(self, item: Item) -> int:
        (outcome,) = self.store.edit([AddItem(item=item, owner=ADDRESS)], at=self.clock.now(), by="crm")
        assert isinstance(outcome, ItemEdited)
        return outcome.id

    def change(self, number: int, kind: ItemKind, **columns: object) -> None:
        edit = ChangeItem(item_id=number, kind=kind, columns=columns)  # type: ignore[arg-type]
        (outcome,) = self.store.edit([edit], at=self.clock.now(), by="crm")
        assert isinstance(outcome, ItemEdited), outcome

    def remote(self, number: int, kind: ItemKind) -> RemoteItem:
        (link,) = self.store.links_of(number)
        (found,) = self.there.collection(kind).read([link.remote_id])
        assert isinstance(found, RemoteItem)
        return found

    def quiet(self) -> None:
        """Nothing is left to be done, on either side."""
        assert not self.look().anything
        assert not self.look().anything


@pytest.fixture
def both() -> Iterator[Both]:
    with exchange_items() as made:
        yield Both(made)


@pytest.mark.parametrize("item", [ADA, MEETING, SERIES, CALL], ids=["contact", "meeting", "series", "task"])
def test_both_ways(both: Both, item: Item) -> None:
    number = both.add(item)
    kind = next(kind for kind in ItemKind if kind.value == type(item).__name__.lower())
    assert both.look().created == 1
    both.quiet()
    there = both.remote(number, kind)
    both.there.edit(there.listed.remote_id, replace(there.item, description="from there"))
    counts = both.look()
    assert (counts.taken, counts.updated, counts.conflicts) == (1, 0, 0)
    both.change(number, kind, **({"jobtitle": "Countess"} if isinstance(item, Contact) else {"subject": "from here"}))
    counts = both.look()
    assert (counts.taken, counts.updated, counts.conflicts) == (0, 1, 0)
    both.quiet()
    found = both.store.item(number)
    assert found is not None
    after = both.remote(number, kind).item
    assert (after.description, found.item.description) == ("from there", "from there")
    announced = [what for what, _ in both.there.posted()]
    assert announced == (["invitation", "update"] if isinstance(item, Appointment) else [])


def test_a_series_with_exceptions(both: Both) -> None:
    number = both.add(SERIES)
    both.look()
    second = SOON + timedelta(days=7)
    both.change(number, ItemKind.APPOINTMENT, exceptions=(DeletedOccurrence(original=second),))
    both.look()
    assert both.remote(number, ItemKind.APPOINTMENT).item.exceptions == (DeletedOccurrence(original=second),)  # type: ignore[union-attr]
    both.quiet()


def test_deleting_here_calls_off_there_and_deleting_there_deletes_here(both: Both) -> None:
    meeting, call = both.add(MEETING), both.add(CALL)
    both.look()
    both.store.edit([RemoveItem(item_id=meeting)], at=both.clock.now(), by="crm")
    (link,) = both.store.links_of(call)
    both.there.drop(link.remote_id)
    counts = both.look()
    assert (counts.deleted_there, counts.deleted_here) == (1, 1)
    assert [what for what, _ in both.there.posted()] == ["invitation", "cancellation"]
    both.quiet()


def test_completing_a_task(both: Both) -> None:
    number = both.add(CALL)
    both.look()
    edit = ChangeItem(item_id=number, kind=ItemKind.TASK, columns={}, state=ItemState.COMPLETED)
    both.store.edit([edit], at=both.clock.now(), by="crm")
    both.look()
    there = both.remote(number, ItemKind.TASK).item
    assert isinstance(there, Task)
    assert there.percentcomplete == 100
    both.quiet()


@pytest.mark.parametrize("looks", [0, 1, 2])
@pytest.mark.parametrize("item", [ADA, replace(MEETING, requiredattendees=()), CALL], ids=["contact", "meeting", "task"])
def test_what_came_in_and_is_moved_away_comes_back_as_the_same_record(both: Both, item: Item, looks: int) -> None:
    kind = next(kind for kind in ItemKind if kind.value == type(item).__name__.lower())
    both.rules = TwoWayRules(track_contacts_by_category=True)
    remote_id = both.there.put(item)
    both.there.mark(kind, remote_id)
    both.look()
    (record,) = both.store.items()
    both.there.move(remote_id)
    for _ in range(looks):
        both.look()
    both.there.bring_back(kind)
    both.look()
    assert [one.id for one in both.store.items()] == [record.id]
    both.quiet()
    both.change(record.id, kind, description="still the same")
    both.look()
    assert both.remote(record.id, kind).item.description == "still the same"
    both.quiet()


def test_two_that_say_the_same_are_two(both: Both) -> None:
    for _ in range(2):
        both.there.mark(ItemKind.TASK, both.there.put(CALL))
    both.look()
    first, second = both.store.items()
    both.there.mark(ItemKind.TASK, both.there.put(CALL))
    (link,) = both.store.links_of(first.id)
    both.there.move(link.remote_id)
    both.look()
    assert len([*both.store.items()]) == 3
    both.there.bring_back(ItemKind.TASK)
    both.look()
    assert len([*both.store.items()]) == 3
    assert [both.store.links_of(one.id)[0].state for one in (first, second)] == [LinkState.LINKED, LinkState.LINKED]
    both.quiet()


ITEMS = [pytest.param(ADA, id="contact"), pytest.param(replace(MEETING, requiredattendees=()), id="meeting"), pytest.param(CALL, id="task")]


def came_in(both: Both, item: Item) -> tuple[ItemKind, Record, RemoteId]:
    kind = kind_of(item)
    both.rules = TwoWayRules(track_contacts_by_category=True)
    remote_id = both.there.put(item)
    both.there.mark(kind, remote_id)
    both.look()
    (record,) = both.store.items()
    return kind, record, remote_id


@pytest.mark.parametrize("looks", [0, 1])
@pytest.mark.parametrize("item", ITEMS)
def test_what_came_in_is_moved_away_and_edited_there_comes_back_as_the_same_record(both: Both, item: Item, looks: int) -> None:
    kind, record, remote_id = came_in(both, item)
    both.there.move(remote_id)
    for _ in range(looks):
        both.look()
    both.there.edit_elsewhere(kind, "edited while it was away")
    both.there.bring_back(kind)
    both.look()
    (after,) = both.store.items()
    assert (after.id, after.item.description) == (record.id, "edited while it was away")
    both.quiet()


@pytest.mark.parametrize("how", ["MoveToDeletedItems", "SoftDelete"])
@pytest.mark.parametrize("item", ITEMS)
def test_what_came_in_and_is_deleted_counts_as_deleted(both: Both, item: Item, how: str) -> None:
    kind, record, remote_id = came_in(both, item)
    both.there.delete(remote_id, how)
    both.look()
    found = both.store.item(record.id)
    if kind is ItemKind.CONTACT:
        (link,) = both.store.links_of(record.id)
        assert (link.state, link.why.startswith("deleted in the mailbox")) == (LinkState.PARTED, True)
        assert found is not None
    else:
        assert found is None
    both.quiet()


@pytest.mark.parametrize("answers", [True, False], ids=["there", "away"])
@pytest.mark.parametrize("made_here", [True, False])
def test_what_lies_in_the_archive_was_not_deleted(both: Both, made_here: bool, answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if made_here:
        number = both.add(CALL)
        both.look()
        remote_id = both.remote(number, ItemKind.TASK).listed.remote_id
    else:
        _, record, remote_id = came_in(both, CALL)
        number = record.id
    both.there.archive(remote_id)
    if not answers:

        def folders(link: Link, name: str) -> Iterator[tuple[str, str]]:
            if name == "archivemsgfolderroot":
                raise Unavailable("the store with the archive is away")
            return folders_in(link, name)

        monkeypatch.setattr(whereabouts, "folders_in", folders)
    both.look()
    assert both.store.item(number) is not None
    (link,) = both.store.links_of(number)
    assert (link.state, link.why) == (LinkState.LEFT, "it was moved to another folder")
    both.quiet()


def test_what_lies_in_a_folder_of_the_trash_was_deleted(both: Both) -> None:
    _, record, remote_id = came_in(both, CALL)
    both.there.put_below_the_trash(remote_id)
    both.look()
    assert both.store.item(record.id) is None
    both.quiet()


@pytest.mark.parametrize("item", ITEMS)
def test_what_is_nowhere_keeps_its_record(both: Both, item: Item) -> None:
    _, record, remote_id = came_in(both, item)
    both.there.drop(remote_id)  # for ever, as when it went to another mailbox
    both.look()
    (link,) = both.store.links_of(record.id)
    assert (both.store.item(record.id), link.state) == (record, LinkState.LEFT)
    assert "in no folder" in link.why
    both.quiet()


@pytest.mark.parametrize("item", ITEMS)
def test_what_is_taken_out_of_the_trash_is_kept_in_step_again(both: Both, item: Item) -> None:
    kind, record, remote_id = came_in(both, item)
    both.there.delete(remote_id, "MoveToDeletedItems")
    both.look()
    both.there.restore(kind)
    both.look()
    (after,) = both.store.items()
    assert after.item == record.item
    assert (after.id == record.id) is (kind is ItemKind.CONTACT)
    (link,) = both.store.links_of(after.id)
    assert link.state is LinkState.LINKED
    both.quiet()


@pytest.mark.parametrize("made_here", [True, False])
def test_a_contact_comes_out_of_the_trash_without_any_category(both: Both, made_here: bool) -> None:
    if made_here:
        number = both.add(ADA)
        both.look()
        remote_id = both.remote(number, ItemKind.CONTACT).listed.remote_id
    else:
        _, record, remote_id = came_in(both, ADA)
        number = record.id
        both.rules = TwoWayRules()
    both.there.delete(remote_id, "MoveToDeletedItems")
    both.look()
    assert both.store.links_of(number)[0].state is LinkState.PARTED
    both.there.restore(ItemKind.CONTACT)
    both.look()
    assert both.store.links_of(number)[0].state is LinkState.LINKED
    assert len([*both.store.items()]) == 1
    both.quiet()


def test_what_was_untracked_and_moved_is_still_the_one_that_relink_ties(both: Both) -> None:
    kind, record, remote_id = came_in(both, CALL)
    both.there.unmark(kind, remote_id)
    both.look()
    both.there.move(remote_id)
    both.look()
    both.there.bring_back(kind)
    both.look()
    assert both.store.links_of(record.id)[0].state is LinkState.PARTED
    both.store.relink(record.id)
    both.look()
    assert both.store.links_of(record.id)[0].state is LinkState.LINKED
    both.change(record.id, kind, description="tied again")
    both.look()
    assert both.remote(record.id, kind).item.description == "tied again"
    both.quiet()


def test_a_folder_that_somebody_empties_is_held_by_the_brake_whoever_made_its_items(both: Both) -> None:
    both.limit = ItemLimit(count=1, percent=0)
    for subject in ("one", "two", "three"):
        both.there.mark(ItemKind.TASK, both.there.put(replace(CALL, subject=subject)))
    both.look()
    for record in both.store.items():
        (link,) = both.store.links_of(record.id)
        both.there.delete(link.remote_id, "MoveToDeletedItems")
    both.look()
    brake = both.store.place("m1", ItemKind.TASK).brake
    assert brake is not None
    assert brake.here == 3
    assert len([*both.store.items()]) == 3
    both.there.restore(ItemKind.TASK)
    both.look()
    assert both.store.place("m1", ItemKind.TASK).brake is None
    assert len([*both.store.items()]) == 3
    both.quiet()


@pytest.mark.parametrize("made_here", [True, False])
def test_what_was_deleted_there_is_made_anew_when_somebody_asks_for_it(both: Both, made_here: bool) -> None:
    if made_here:
        number = both.add(ADA)
        both.look()
        remote_id = both.remote(number, ItemKind.CONTACT).listed.remote_id
    else:
        _, record, remote_id = came_in(both, ADA)
        number = record.id
    both.there.delete(remote_id, "MoveToDeletedItems")
    both.look()
    assert not both.there.exchange.subjects("contacts", ADDRESS)
    both.store.relink(number)
    both.look()
    assert not both.there.exchange.subjects("contacts", ADDRESS)  # only tied again where it is
    both.quiet()
    both.store.relink(number, anew=True)
    assert both.look().created == 1
    assert both.remote(number, ItemKind.CONTACT).item == ADA
    both.quiet()


def test_what_lies_in_another_folder_is_not_made_a_second_time(both: Both) -> None:
    kind, record, remote_id = came_in(both, ADA)
    both.there.move(remote_id)
    both.look()
    both.store.relink(record.id, anew=True)
    assert both.look().created == 0
    both.quiet()
    both.there.bring_back(kind)
    both.look()
    assert both.store.links_of(record.id)[0].state is LinkState.LINKED
    both.quiet()


def test_a_copy_of_what_came_in_is_ignored_until_copies_are_wanted(both: Both) -> None:
    _, _, remote_id = came_in(both, CALL)
    both.there.copy(remote_id)
    both.look()
    assert len([*both.store.items()]) == 1
    both.quiet()


def test_a_forgotten_history_costs_no_item(both: Both) -> None:
    for item in (ADA, MEETING, CALL):
        both.add(item)
    both.look()
    both.there.forget()
    both.look()
    both.quiet()
    assert len([*both.store.items()]) == 3
    assert len(both.there.posted()) == 1


@pytest.mark.parametrize("code", ["ErrorAttachmentSizeLimitExceeded", "ErrorInvalidItemForOperationCreateItemAttachment"])
def test_a_meeting_whose_file_the_server_refuses_leaves_nothing_there_and_invites_nobody(both: Both, code: str) -> None:
    content = b"plan"
    file = Attachment(filename="plan.txt", mimetype="text/plain", filesize=4, digest=hashlib.sha256(content).hexdigest())
    both.rules = TwoWayRules(attachments=True)
    edit = AddItem(item=replace(MEETING, attachments=(file,)), owner=ADDRESS, files={file.digest: content})
    both.store.edit([edit], at=both.clock.now(), by="crm")
    both.there.exchange.faults.refuse(code, "CreateAttachment", times=None)
    for _ in range(3):
        both.look()
        both.clock.at += timedelta(hours=12)
        assert not both.there.exchange.subjects("calendar", ADDRESS)
        assert not both.there.posted()
    both.there.exchange.faults.clear()
    both.look()
    assert both.there.exchange.subjects("calendar", ADDRESS) == ["Budget"]
    assert [what for what, _ in both.there.posted()] == ["invitation"]
    both.quiet()
