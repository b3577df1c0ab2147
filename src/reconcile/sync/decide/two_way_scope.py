"""Which records go to a mailbox, and which items of a mailbox come in. Pure."""

from __future__ import annotations

from reconcile.model.item import Contact, Item, ItemKind, Task
from reconcile.model.item_declared import ItemFilter
from reconcile.model.item_record import Record
from reconcile.model.mail_address import same_mailbox
from reconcile.ports.collection import ListedItem, RemoteItem
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules


def in_scope(record: Record, address: str, rules: TwoWayRules, *, linked: bool) -> bool:
    """Whether any filter of its kind wants it in the mailbox with this address. Filters are united: each one more widens; none at all lets
    nothing out. The states of a filter decide which appointments and tasks go out, not which stay: one that is completed or canceled has to
    say so in the mailbox."""
    return any(_fits(record, address, one, linked=linked) for one in rules.filters.get(record.kind, ()))


def _fits(record: Record, address: str, wanted: ItemFilter, *, linked: bool) -> bool:
    if wanted.type is not None and isinstance(record.item, Task) and record.item.activitytypecode is not wanted.type:
        return False
    if wanted.owned and not same_mailbox(record.owner, address):
        return False
    if wanted.states and record.state not in wanted.states and (not linked or record.kind is ItemKind.CONTACT):
        return False
    return not wanted.regarding_type or _regarding(record.item).startswith(f"{wanted.regarding_type}:")


def _regarding(item: Item) -> str:
    return "" if isinstance(item, Contact) else item.regardingobjectid


def is_marked(listed: ListedItem, kind: ItemKind, rules: TwoWayRules) -> bool:
    """Whether it bears the category that brings it in."""
    return TRACKED in listed.categories and rules.tracks_by_category(kind)


def may_come_in(remote: RemoteItem, kind: ItemKind, rules: TwoWayRules) -> str:
    """Why an item that is marked is not taken all the same; "" when it is."""
    if kind is ItemKind.APPOINTMENT and not remote.organized_here and not rules.track_from_non_organizer:
        return "somebody else organizes it, and attendees may not track (linkedItems.trackFromNonOrganizer)"
    if remote.canceled:
        return "its organizer called it off"
    return ""
