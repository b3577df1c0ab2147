"""Both ways with the Exchange of the sandbox: what goes over comes back the same, is announced once, and costs nothing when nothing is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from reconcile.model.item import Appointment, Attendee, Contact, Item, ItemKind, Task
from reconcile.model.item_edit import AddItem, ChangeItem, ItemEdited, RemoveItem
from reconcile.model.item_record import ItemState
from reconcile.model.recurrence import DeletedOccurrence, Numbered, Recurrence, Weekday, Weekly
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
        self._minted = 0

    def _mint(self) -> str:
        self._minted += 1
        return f"token-{self._minted}"

    def look(self) -> ItemCounts:
        counts = ItemCounts()
        mailbox = ItemMailbox(mailbox_id="m1", name="user", address=ADDRESS, rules=TwoWayRules(), fingerprint="1")
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


def test_a_forgotten_history_costs_no_item(both: Both) -> None:
    for item in (ADA, MEETING, CALL):
        both.add(item)
    both.look()
    both.there.forget()
    both.look()
    both.quiet()
    assert len([*both.store.items()]) == 3
    assert len(both.there.posted()) == 1
