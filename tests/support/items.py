"""A mailbox's appointments, contacts and tasks on both sides, for tests: a store, a server in memory, and looks between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from reconcile.mail.memory_collection import MemoryCollection, MemoryItems
from reconcile.model.item import Item, ItemKind
from reconcile.model.item_brake import ItemLimit
from reconcile.model.item_edit import AddItem, ChangeItem, ItemEdit, ItemEdited, RemoveItem
from reconcile.model.item_record import ItemState, Record
from reconcile.ports.item_store import ItemStore
from reconcile.sync.decide.two_way_rules import TwoWayRules
from reconcile.sync.items.look import look_at_items
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ADDRESS = "user@contoso.example"


@dataclass
class StandingClock:
    """It moves when a test moves it."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class ItemWorld:
    """One mailbox and its server. `add`, `change` and `remove` are edits on our side; the server's are on `server`."""

    store: ItemStore
    server: MemoryItems = field(default_factory=lambda: MemoryItems(address=ADDRESS))
    rules: TwoWayRules = field(default_factory=TwoWayRules)
    clock: StandingClock = field(default_factory=StandingClock)
    address: str = ADDRESS
    mailbox_id: str = "m1"
    limit: ItemLimit = field(default_factory=ItemLimit)
    keep_from: datetime | None = None
    tokens: count[int] = field(default_factory=count)

    @property
    def mailbox(self) -> ItemMailbox:
        return ItemMailbox(
            mailbox_id=self.mailbox_id,
            name="user",
            address=self.address,
            rules=self.rules,
            fingerprint=repr(self.rules),
            limit=self.limit,
            keep_from=self.keep_from,
        )

    def tools(self) -> ItemTools:
        return ItemTools(
            store=self.store,
            connect=lambda _, kind: MemoryCollection(self.server, kind, self.rules.excluded if self.rules.attachments else None),
            clock=self.clock,
            mint=lambda: f"{self.mailbox_id}-t{next(self.tokens)}",
        )

    def look(self, *kinds: ItemKind) -> ItemCounts:
        """One look at these kinds (all of them), with what it did."""
        counts = ItemCounts()
        self.clock.at += timedelta(seconds=1)
        for kind in kinds or tuple(ItemKind):
            look_at_items(self.mailbox, kind, self.tools(), counts)
        return counts

    def files(self, item_or_columns: object) -> dict[str, bytes]:
        """Bytes of attachments as tests give them: their names."""
        found = (
            getattr(item_or_columns, "attachments", ()) if not isinstance(item_or_columns, dict) else item_or_columns.get("attachments", ())
        )
        return {one.digest: one.filename.encode() for one in found}

    def edit(self, edit: ItemEdit) -> ItemEdited:
        (outcome,) = self.store.edit([edit], at=self.clock.now(), by="crm")
        assert isinstance(outcome, ItemEdited), outcome
        return outcome

    def add(self, item: Item, *, owner: str = "", state: ItemState = ItemState.OPEN) -> int:
        return self.edit(AddItem(item=item, owner=owner or self.address, state=state, files=self.files(item))).id

    def change(self, number: int, *, state: ItemState | None = None, owner: str | None = None, **columns: object) -> None:
        more: dict[str, object] = {}
        if state is not None:
            more["state"] = state
        if owner is not None:
            more["owner"] = owner
        self.edit(ChangeItem(item_id=number, kind=self.record(number).kind, columns=columns, files=self.files(columns), **more))  # type: ignore[arg-type]

    def remove(self, number: int) -> None:
        self.edit(RemoveItem(item_id=number))

    def record(self, number: int) -> Record:
        found = self.store.item(number)
        assert found is not None
        return found

    def theirs(self) -> list[Item]:
        """Everything in the mailbox's own folders."""
        return [one.item for one in self.server.items.values() if not one.folder]
