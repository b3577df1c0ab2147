"""A pass over items: what is due by time, and what the server told of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from reconcile.controller.items import Items, ItemWork
from reconcile.errors import MailboxRefused
from reconcile.mail.memory_collection import MemoryCollection, MemoryItems
from reconcile.model.item import ItemKind
from reconcile.ports.collection import Collection
from reconcile.store.memory.items import MemoryItemStore
from reconcile.sync.admission import Limits
from reconcile.sync.items.mailbox import ItemMailbox, ItemTools
from support.applied import StillClock
from support.mail_fleet import fleet_mailbox

A, C, T = ItemKind.APPOINTMENT, ItemKind.CONTACT, ItemKind.TASK


@dataclass
class Office:
    """One mailbox that is kept in step; `looked` are the kinds of the last pass."""

    clock: StillClock = field(default_factory=StillClock)
    store: MemoryItemStore = field(default_factory=MemoryItemStore)
    side: MemoryItems = field(default_factory=lambda: MemoryItems(address="sales@contoso.example"))
    looked: list[ItemKind] = field(default_factory=list)
    refuses: bool = False
    #: Is told while a folder is looked at.
    meanwhile: frozenset[ItemKind] = frozenset()

    def __post_init__(self) -> None:
        self.items = Items(opened=self.opened, clock=self.clock, limits=Limits(parallel=1, per_server=1))

    @contextmanager
    def opened(self) -> Iterator[ItemWork]:
        tools = ItemTools(store=self.store, connect=self.connect, clock=self.clock, mint=lambda: "t")
        reach = replace(fleet_mailbox("sales"), mailbox_id="id")
        yield ItemWork(mailboxes=[ItemMailbox(mailbox_id="id", name="sales", address="sales@contoso.example", reach=reach)], tools=tools)

    def connect(self, _: ItemMailbox, kind: ItemKind) -> Collection:
        self.looked.append(kind)
        if self.meanwhile:
            self.items.news("id", self.meanwhile)
        if self.refuses:
            raise MailboxRefused("no")
        return MemoryCollection(self.side, kind)

    def after(self, seconds: float) -> list[ItemKind]:
        """The kinds that a pass looks at, so many seconds later."""
        self.clock.pass_by(seconds=seconds)
        self.looked.clear()
        self.items.run()
        return list(self.looked)


def test_without_news_a_folder_is_looked_at_each_five_minutes() -> None:
    office = Office()
    assert office.after(0) == [A, C, T]
    assert (office.after(60), office.items.early()) == ([], False)
    assert office.after(400) == [A, C, T]


def test_what_was_told_of_is_looked_at_soon_and_once() -> None:
    office = Office()
    office.after(0)
    office.items.news("id", frozenset({C}))
    assert office.items.early() is False
    office.clock.pass_by(seconds=11)
    assert office.items.early() is True
    assert office.after(20) == [C]
    assert (office.items.early(), office.after(20)) == (False, [])


def test_a_folder_that_was_just_looked_at_waits_and_is_not_forgotten() -> None:
    office = Office()
    office.after(0)
    office.items.news("id", frozenset({A}))
    assert office.after(5) == []
    assert office.after(30) == [A]


def test_what_is_told_during_a_look_is_for_the_next() -> None:
    office = Office()
    office.after(0)
    office.items.news("id", frozenset({A}))
    office.meanwhile = frozenset({A})
    assert office.after(40) == [A]
    office.meanwhile = frozenset()
    assert office.after(40) == [A]
    assert office.after(40) == []


def test_a_mailbox_that_fails_keeps_its_pauses_whatever_is_told_of_it() -> None:
    office = Office(refuses=True)
    office.after(0)
    office.items.news("id", frozenset(ItemKind))
    assert office.after(40) == []


def test_news_of_a_mailbox_that_fails_brings_no_early_passes_for_all() -> None:
    office = Office(refuses=True)
    office.after(0)
    office.items.news("id", frozenset(ItemKind))
    office.after(40)
    office.clock.pass_by(seconds=30)
    assert office.items.early() is False


def test_news_of_who_is_not_kept_in_step_is_dropped() -> None:
    office = Office()
    office.items.news("another", frozenset(ItemKind))
    office.after(0)
    office.clock.pass_by(seconds=60)
    assert office.items.early() is False


@pytest.mark.parametrize("names", [(), ("id",)])
def test_nothing_is_early_without_news(names: tuple[str, ...]) -> None:
    office = Office()
    for name in names:
        office.items.news(name, frozenset())
    office.clock.pass_by(seconds=100)
    assert office.items.early() is False
