"""A record of ours: an item, and what only we know of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import Item, ItemKind, kind_of


class ItemState(StrEnum):
    """statecode. A contact is open (active) or inactive, the others are open, completed or canceled."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELED = "canceled"
    INACTIVE = "inactive"


STATES: Final[Mapping[ItemKind, tuple[ItemState, ...]]] = {
    ItemKind.APPOINTMENT: (ItemState.OPEN, ItemState.COMPLETED, ItemState.CANCELED),
    ItemKind.CONTACT: (ItemState.OPEN, ItemState.INACTIVE),
    ItemKind.TASK: (ItemState.OPEN, ItemState.COMPLETED, ItemState.CANCELED),
}
#: How `edited_by` begins where a mailbox changed a record; triggers of the store know it, too.
MAILBOX_EDITOR: Final = "mailbox "


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`id` is ours and never used again. `version` counts edits from 1. `owner` is an address in lower case. `edited_by` says
    who made the last change: a person's or system's name, or "mailbox ADDRESS". Instants are UTC RFC 3339."""

    id: int
    item: Item
    owner: str
    state: ItemState
    version: int
    created_at: str
    edited_at: str
    edited_by: str

    @property
    def kind(self) -> ItemKind:
        return kind_of(self.item)
