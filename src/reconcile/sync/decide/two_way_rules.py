"""What an organization declares about appointments, contacts and tasks, as the decisions read it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import ItemKind
from reconcile.model.item_field import FIELDS, Direction, ItemField, Settable
from reconcile.model.item_record import ItemState

#: The counterpart of the product's category of the same name.
TRACKED: Final = "Tracked to Dynamics 365"


class TaskDeletion(StrEnum):
    """SSSTaskDeletionSyncBehaviorFromExchange: what becomes of a record whose task was deleted in the mailbox."""

    DELETE = "delete"
    UNLESS_COMPLETED = "unless-completed"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Records that go to a mailbox. `owned`: only those whose owner the mailbox belongs to. No `states` means any."""

    owned: bool = True
    states: frozenset[ItemState] = frozenset({ItemState.OPEN})
    regarding_type: str = ""


_DEFAULT: Final = (ItemFilter(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWayRules:
    """Defaults are the product's but for `unlink_on_logical_delete`: there a record that only left a filter has its meeting canceled."""

    directions: Mapping[tuple[ItemKind, str], Direction] = field(default_factory=dict)
    filters: Mapping[ItemKind, tuple[ItemFilter, ...]] = field(default_factory=lambda: dict.fromkeys(ItemKind, _DEFAULT))
    track_by_category: bool = True
    track_contacts_by_category: bool = False
    track_from_non_organizer: bool = True
    unlink_on_logical_delete: bool = True
    update_past_meetings: bool = False
    propagate_cancellations: bool = False
    task_deletion: TaskDeletion = TaskDeletion.DELETE
    private_from_mailbox: bool = False
    attachments: bool = False
    ignore_copies: bool = True
    one_mailing_address: bool = True

    def direction(self, kind: ItemKind, of: ItemField) -> Direction:
        """Which way a field goes, whoever organizes."""
        match of.settable:
            case Settable.FIXED:
                return of.default
            case Settable.SETTABLE:
                return self.directions.get((kind, of.name), of.default)
            case Settable.COMPUTED:
                return self._computed(kind, of)

    def _computed(self, kind: ItemKind, of: ItemField) -> Direction:
        match kind, of.name:
            case ItemKind.APPOINTMENT, "attachments":
                return Direction.BOTH if self.attachments else Direction.NONE
            case ItemKind.APPOINTMENT, "isprivate":
                return Direction.TO_OURS if self.private_from_mailbox else Direction.NONE
            case ItemKind.CONTACT, "address2" | "address3":
                return Direction.NONE if self.one_mailing_address else Direction.BOTH
            case _:
                return of.default

    def tracks_by_category(self, kind: ItemKind) -> bool:
        """Whether the category brings an item in."""
        return self.track_by_category and (kind is not ItemKind.CONTACT or self.track_contacts_by_category)


def settable(kind: ItemKind) -> tuple[str, ...]:
    """Names of the fields whose direction may be declared."""
    return tuple(one.name for one in FIELDS[kind] if one.settable is Settable.SETTABLE)
