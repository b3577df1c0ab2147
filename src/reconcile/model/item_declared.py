"""What an Organization may declare of appointments, contacts and tasks in one line each: directions of fields, and filters.

direction   KIND.FIELD=DIRECTION                          contact.jobtitle=to-records
filter      KIND [owner=self|any] [state=WORD|any] [regarding=TYPE]     task owner=self state=open

A filter's kind may be phonecall, letter or fax, too: those go to mailboxes as tasks.
"""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import ItemKind, TaskType
from reconcile.model.item_field import Direction, Settable, by_name
from reconcile.model.item_record import STATES, ItemState


class TaskDeletion(StrEnum):
    """SSSTaskDeletionSyncBehaviorFromExchange (0, 1, 2): what becomes of a record whose task was deleted in the mailbox."""

    DELETE = "delete"
    UNLESS_COMPLETED = "unless-completed"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Records that go to a mailbox. `owned`: only those whose owner the mailbox belongs to. No `states` means any. Of tasks only those of
    this `type`, None: of any."""

    owned: bool = True
    states: frozenset[ItemState] = frozenset({ItemState.OPEN})
    regarding_type: str = ""
    type: TaskType | None = None


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
        raise ValueError(f"{kind}s have no field {name!r}; those whose direction can be declared are {settable}")
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
        raise ValueError("a filter begins with appointment, contact, task, phonecall, letter or fax")
    type_ = TaskType(words[0]) if words[0] in tuple(TaskType) else None
    kind, parts = ItemKind.TASK if type_ is not None else _kind(words[0]), dict[str, str]()
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
        raise ValueError(f"a {words[0]} is {', '.join(STATES[kind])}, or state=any")
    if kind is ItemKind.CONTACT and "regarding" in parts:
        raise ValueError("a contact is regarding nothing")
    states = frozenset[ItemState]() if state == "any" else frozenset({ItemState(state)})
    owned = parts.get("owner", "self") == "self"
    return kind, ItemFilter(owned=owned, states=states, regarding_type=parts.get("regarding", ""), type=type_)


def not_kept(word: str) -> str:
    """Why items of this kind are not kept, "" for a word that names none of the product's."""
    if word in ("serviceappointment", "serviceactivity"):
        return f"{word}: service activities are not kept; they are planned for resources and services, which nobody keeps here"
    if word in tuple(TaskType):
        return f"{word}: only filters name it; elsewhere it is a task with activitytypecode={word}"
    return ""


def _kind(word: str) -> ItemKind:
    if why := not_kept(word) if word not in tuple(ItemKind) else "":
        raise ValueError(why)
    try:
        return ItemKind(word)
    except ValueError:
        raise ValueError(f"{word!r} is none of {', '.join(ItemKind)}") from None
