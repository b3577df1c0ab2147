"""A mailbox whose appointments, contacts and tasks are kept in step, what a look at it works with, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import ItemKind
from reconcile.model.item_brake import ItemLimit
from reconcile.model.item_record import MAILBOX_EDITOR
from reconcile.model.remote_id import RemoteId
from reconcile.ports.clock import Clock
from reconcile.ports.collection import Collection
from reconcile.ports.item_store import ItemStore
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.decide.two_way_rules import TwoWayRules


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMailbox:
    """`address` in lower case. `fingerprint` changes with the rules: then everything is decided anew. `reach` says how a connector opens
    it, `limit` how many deletions one look carries over. What was over before `keep_from` does not come in."""

    mailbox_id: str
    name: str
    address: str
    rules: TwoWayRules = field(default_factory=TwoWayRules)
    fingerprint: str = ""
    reach: ReceivingMailbox | None = None
    limit: ItemLimit = ItemLimit()
    keep_from: datetime | None = None

    @property
    def editor(self) -> str:
        """Who edited a record that it changed."""
        return f"{MAILBOX_EDITOR}{self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTools:
    """`connect` opens a folder; `mint` gives a token that nobody gave before."""

    store: ItemStore
    connect: Callable[[ItemMailbox, ItemKind], Collection]
    clock: Clock
    mint: Callable[[], str]
    stopping: Callable[[], bool] = lambda: False


@dataclass(slots=True, kw_only=True)
class ItemCounts:
    """What a look did. `braked` deletions were not carried over: they are too many. `failed` are (record id, 0 for none, and words) of
    items that could not be dealt with; `unread` says of those that the mailbox does not show where they lie."""

    imported: int = 0
    taken: int = 0
    deleted_here: int = 0
    created: int = 0
    updated: int = 0
    deleted_there: int = 0
    parted: int = 0
    linked: int = 0
    conflicts: int = 0
    held: int = 0
    announced: int = 0
    braked: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    unread: list[tuple[RemoteId, str]] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether it did anything at all."""
        done = (self.imported, self.taken, self.deleted_here, self.created, self.updated, self.deleted_there, self.parted, self.linked)
        return any(done) or bool(self.failed)

    def add(self, other: ItemCounts) -> None:
        """Another look's."""
        for name in ItemCounts.__slots__:
            mine, more = getattr(self, name), getattr(other, name)
            setattr(self, name, [*mine, *more] if isinstance(mine, list) else mine + more)


KINDS: Sequence[ItemKind] = tuple(ItemKind)
