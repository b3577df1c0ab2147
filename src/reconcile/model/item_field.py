"""Which way each field of an item goes between us and a mailbox: one table.

Source: Power Platform, "What fields can be synchronized between customer engagement apps and Outlook". What the page leaves open (columns
that belong together, series) is settled in ADR 0040.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import Item, ItemKind, Value, columns, value


class Direction(StrEnum):
    """Where a change of a field goes."""

    BOTH = "both"
    TO_OURS = "to-records"
    TO_THEIRS = "to-mailbox"
    NONE = "none"


class Settable(StrEnum):
    """Who decides the direction."""

    SETTABLE = "settable"  # an administrator may declare another one
    FIXED = "fixed"  # nobody
    COMPUTED = "computed"  # another setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemField:
    """Columns that change together, under the name by which people set them. `sensitive`: attendees are told of a change of it."""

    name: str
    columns: tuple[str, ...]
    default: Direction = Direction.BOTH
    settable: Settable = Settable.SETTABLE
    sensitive: bool = False


def _one(*names: str) -> tuple[ItemField, ...]:
    return tuple(ItemField(name=name, columns=(name,)) for name in names)


def _fixed(name: str, *more: str, default: Direction = Direction.BOTH, sensitive: bool = False) -> ItemField:
    return ItemField(name=name, columns=(name, *more), default=default, settable=Settable.FIXED, sensitive=sensitive)


def _address(number: int) -> ItemField:
    parts = ("line1", "city", "stateorprovince", "postalcode", "country")
    return ItemField(
        name=f"address{number}",
        columns=tuple(f"address{number}_{part}" for part in parts),
        default=Direction.BOTH if number == 1 else Direction.NONE,
        settable=Settable.SETTABLE if number == 1 else Settable.COMPUTED,
    )


FIELDS: Final[Mapping[ItemKind, tuple[ItemField, ...]]] = {
    ItemKind.APPOINTMENT: (
        ItemField(name="subject", columns=("subject",), sensitive=True),
        ItemField(name="description", columns=("description",), sensitive=True),
        ItemField(name="location", columns=("location",), sensitive=True),
        # A start from one side and an end from the other would be a time that nobody chose.
        _fixed("scheduledstart", "scheduledend", "isalldayevent", "timezone", "recurrence", sensitive=True),
        _fixed("exceptions", sensitive=True),
        _fixed("prioritycode", sensitive=True),
        _fixed("statuscode", sensitive=True),
        _fixed("organizer", default=Direction.TO_OURS, sensitive=True),
        _fixed("requiredattendees", sensitive=True),
        _fixed("optionalattendees", sensitive=True),
        _fixed("responses", default=Direction.TO_OURS),
        ItemField(name="isprivate", columns=("isprivate",), default=Direction.NONE, settable=Settable.COMPUTED),
        _fixed("regardingobjectid"),
        ItemField(name="attachments", columns=("attachments",), default=Direction.NONE, settable=Settable.COMPUTED),
        _fixed("globalobjectid", default=Direction.TO_OURS),
    ),
    ItemKind.CONTACT: (
        _fixed("fullname", "firstname", "middlename", "lastname", "suffix"),
        *_one("jobtitle", "company"),
        _fixed("parentcustomerid"),
        *_one("department", "managername", "assistantname", "assistantphone", "emailaddress1", "emailaddress2", "emailaddress3"),
        *_one("telephone1", "business2", "telephone2", "home2", "telephone3", "mobilephone", "pager", "fax", "callback"),
        *_one("websiteurl", "ftpsiteurl", "governmentid", "nickname", "spousesname", "childrensnames", "birthdate", "anniversary"),
        *_one("yomifirstname", "yomilastname", "description"),
        _address(1),
        _address(2),
        _address(3),
    ),
    ItemKind.TASK: (
        _fixed("activitytypecode", default=Direction.NONE),
        *_one("subject", "description", "scheduledstart", "scheduledend", "percentcomplete", "actualend"),
        ItemField(name="statuscode", columns=("statuscode",), settable=Settable.COMPUTED),
        _fixed("prioritycode"),
        _fixed("regardingobjectid"),
    ),
}

#: Columns that only the mailbox can say: who organizes, what the meeting is called everywhere, who answered.
GIVEN: Final[Mapping[ItemKind, frozenset[str]]] = {
    kind: frozenset(
        column for one in fields if one.settable is Settable.FIXED and one.default is Direction.TO_OURS for column in one.columns
    )
    for kind, fields in FIELDS.items()
}


@cache
def by_name(kind: ItemKind) -> Mapping[str, ItemField]:
    """The fields of a kind by their names."""
    return {field.name: field for field in FIELDS[kind]}


def values(item: Item, field: ItemField) -> tuple[Value, ...]:
    """What stands in a field's columns."""
    return tuple(value(item, column) for column in field.columns)


@cache
def placed(kind: ItemKind) -> frozenset[str]:
    """All columns that belong to a field: a test holds that these are all there are."""
    found = frozenset(column for field in FIELDS[kind] for column in field.columns)
    assert found == frozenset(columns(kind))
    return found
