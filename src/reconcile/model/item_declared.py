"""What an Organization may declare of appointments, contacts and tasks in one line each: directions of fields, and filters.

direction   KIND.FIELD=DIRECTION                          contact.jobtitle=to-records
filter      KIND [owner=self|any] [state=WORD|any] [regarding=TYPE]     task owner=self state=open
"""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import ItemKind
from reconcile.model.item_field import Direction, Settable, by_name
from reconcile.model.item_record import STATES, ItemState


class TaskDeletion(StrEnum):
    """SSSTaskDeletionSyncBehaviorFromExchange (0, 1, 2): what becomes of a record whose task was deleted in the mailbox."""

    DELETE = "delete"
    UNLESS_COMPLETED = "unless-completed"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Records that go to a mailbox. `owned`: only those whose owner the mailbox belongs to. No `states` means any."""

    owned: bool = True
    states: frozenset[ItemState] = frozenset({ItemState.OPEN})
    regarding_type: str = ""


def read_direction(text: str) -> tuple[ItemKind, str, Direction]:
    """Raises ValueError."""
    place, equals, word = text.partition("=")
    kind_word, dot, name = place.strip().partition(".")
    if not equals or not dot:
        raise ValueError(f"{text!r} is no direction: write KIND.FIELD=DIRECTION, for example contact.jobtitle=to-records")
    kind = _kind(kind_word)
    field = by_name(kind).get(name)
    if field is None:
        settable = ", ".join(one.name for one in by_name(kind).values() if one.settable is Settable.SETTABLE)
        raise ValueError(f"a {kind} has no field {name!r}; those whose direction can be declared are {settable}")
    if field.settable is not Settable.SETTABLE:
        why = "is fixed" if field.settable is Settable.FIXED else "follows from other settings"
        raise ValueError(f"the direction of {kind}.{name} {why}")
    try:
        return kind, name, Direction(word.strip())
    except ValueError:
        raise ValueError(f"{word.strip()!r} is no direction: {', '.join(Direction)}") from None


def read_filter(text: str) -> tuple[ItemKind, ItemFilter]:
    """Raises ValueError."""
    words = text.split()
    if not words:
        raise ValueError("a filter begins with appointment, contact or task")
    kind, parts = _kind(words[0]), dict[str, str]()
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals or name not in ("owner", "state", "regarding") or name in parts or not value:
            raise ValueError(
                f"{word!r} is no part of a filter: owner=self or owner=any, state=WORD or state=any, regarding=TYPE, once each"
            )
        parts[name] = value
    if parts.get("owner", "self") not in ("self", "any"):
        raise ValueError("owner is self or any")
    state = parts.get("state", "open")
    if state != "any" and state not in STATES[kind]:
        raise ValueError(f"a {kind} is {', '.join(STATES[kind])}, or state=any")
    if kind is ItemKind.CONTACT and "regarding" in parts:
        raise ValueError("a contact is regarding nothing")
    states = frozenset[ItemState]() if state == "any" else frozenset({ItemState(state)})
    return kind, ItemFilter(owned=parts.get("owner", "self") == "self", states=states, regarding_type=parts.get("regarding", ""))


def _kind(word: str) -> ItemKind:
    try:
        return ItemKind(word)
    except ValueError:
        raise ValueError(f"{word!r} is none of {', '.join(ItemKind)}") from None
