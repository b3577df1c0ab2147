"""What an organization declares about appointments, contacts and tasks, as the decisions read it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.item import ItemKind
from reconcile.model.item_declared import ItemFilter, TaskDeletion, read_direction, read_filter
from reconcile.model.item_field import Direction, ItemField, Settable
from reconcile.sync.decide.attachment_rules import NO_RULES, AttachmentRules, attachment_rules, blocked

#: The counterpart of the product's category "Tracked to Dynamics 365"; tracked e-mail at Exchange servers bears it, too.
TRACKED: Final = "Tracked to reconcile"
#: Octets of one file: what one request to an Exchange server takes, as base64.
LARGEST_FILE: Final = 32 << 20

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
    files: AttachmentRules = NO_RULES
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

    def excluded(self, name: str, media_type: str, size: int) -> str:
        """Why a file is carried neither way, "" when it is."""
        if size > LARGEST_FILE:
            return f"has {size:,} octets, and more than {LARGEST_FILE:,} are not carried"
        return blocked(self.files, name=name, media_type=media_type, size=size)

    def tracks_by_category(self, kind: ItemKind) -> bool:
        """Whether the category brings an item in."""
        return self.track_by_category and (kind is not ItemKind.CONTACT or self.track_contacts_by_category)


def two_way_rules(organization: Mapping[str, Leaf]) -> TwoWayRules:
    """From an Organization's applied spec; what it leaves out is as the product has it, but for the logical delete."""

    def flag(path: str, *, default: bool) -> bool:
        found = organization.get(path)
        return default if not isinstance(found, bool) else found

    directions = (read_direction(text) for text in _lines(organization, "linkedItems.directions") or ())
    filters = _lines(organization, "linkedItems.filters")
    deletion = organization.get("linkedItems.taskDeletion")
    return TwoWayRules(
        directions={(kind, name): direction for kind, name, direction in directions},
        filters=dict.fromkeys(ItemKind, _DEFAULT) if filters is None else _filters(filters),
        track_by_category=flag("tracking.trackCategorizedItems", default=True),
        track_contacts_by_category=flag("linkedItems.trackCategorizedContacts", default=False),
        track_from_non_organizer=flag("linkedItems.trackFromNonOrganizer", default=True),
        unlink_on_logical_delete=flag("linkedItems.unlinkOnLogicalDelete", default=True),
        update_past_meetings=flag("linkedItems.updatePastMeetings", default=False),
        propagate_cancellations=flag("linkedItems.propagateCancellations", default=False),
        task_deletion=TaskDeletion(str(deletion)) if deletion else TaskDeletion.DELETE,
        private_from_mailbox=flag("linkedItems.privateFromMailbox", default=False),
        attachments=flag("linkedItems.appointmentAttachments", default=False),
        files=attachment_rules(organization),
        ignore_copies=flag("tracking.ignoreCopiedItems", default=True),
        one_mailing_address=flag("linkedItems.oneMailingAddress", default=True),
    )


def _lines(spec: Mapping[str, Leaf], path: str) -> tuple[str, ...] | None:
    found = spec.get(path)
    return tuple(map(str, found)) if isinstance(found, (tuple, list)) else None


def _filters(lines: tuple[str, ...]) -> Mapping[ItemKind, tuple[ItemFilter, ...]]:
    read = [read_filter(text) for text in lines]
    return {kind: tuple(one for of, one in read if of is kind) for kind in ItemKind}
