"""When attendees are told. Nobody is ever told by accident: every answer here is no unless everything says yes. Pure."""

from __future__ import annotations

from datetime import datetime

from reconcile.model.item import Appointment, Item, ItemKind
from reconcile.model.item_field import FIELDS
from reconcile.model.item_record import ItemState, Record
from reconcile.model.recurrence import ChangedOccurrence, goes_on

#: Columns whose change attendees are told of.
SENSITIVE = frozenset(column for field in FIELDS[ItemKind.APPOINTMENT] if field.sensitive for column in field.columns)


def is_past(item: Appointment, now: datetime) -> bool:
    """Whether its start is past; of a series, the start of its last occurrence."""
    if item.recurrence is None:
        return item.scheduledstart < now
    moved = (one.scheduledstart for one in item.exceptions if isinstance(one, ChangedOccurrence))
    if any(start >= now for start in (item.scheduledstart, *moved)):
        return False
    return not goes_on(item.recurrence, item.scheduledstart, item.timezone, now)


def has_attendees(item: Appointment) -> bool:
    return bool(item.requiredattendees or item.optionalattendees)


def invites_on_create(record: Record, now: datetime) -> bool:
    """Whether a new meeting is announced: it lies ahead, is not called off, and somebody is asked to come."""
    item = record.item
    return isinstance(item, Appointment) and record.state is ItemState.OPEN and has_attendees(item) and not is_past(item, now)


def invites_on_update(record: Record, before: Item, columns: frozenset[str], *, organized_here: bool, now: datetime) -> bool:
    """Whether a change is announced. `before` is the item in the mailbox: whoever is taken off the list hears of it, too."""
    item = record.item
    if not isinstance(item, Appointment) or not isinstance(before, Appointment):
        return False
    return (
        organized_here
        and record.state is ItemState.OPEN
        and (has_attendees(item) or has_attendees(before))
        and not is_past(item, now)
        and not columns.isdisjoint(SENSITIVE)
    )
