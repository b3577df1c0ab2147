"""What a long plan says many times over, said once: changes that differ in nothing but their name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from reconcile.model.change import Adopt, Cause, Change, Create, FieldChange, Update
from reconcile.model.key import Key

T = TypeVar("T")

#: Fewer than this many alike are shown one by one: a group takes as many lines.
_ALIKE = 4
_NAMED = 5


def alike(items: Iterable[T], shape: Callable[[T], Hashable | None]) -> Sequence[Sequence[T]]:
    """Items of one shape together, at the place of the first of them; shape None, and few alike, stay alone."""
    groups: dict[Hashable, list[T]] = {}
    for number, item in enumerate(items):
        found = shape(item)
        groups.setdefault(("alone", number) if found is None else ("shape", found), []).append(item)
    return [part for group in groups.values() for part in ([group] if len(group) >= _ALIKE else [[item] for item in group])]


def shape_of(change: Change) -> Hashable | None:
    """What is the same for every change of a group. None for what a person should see one by one: deletes, renames, commands."""
    match change:
        case Create():
            return "create", change.key.kind, change.consequences, _cause(change.cause)
        case Adopt():
            return "adopt", change.key.kind, change.consequences, _cause(change.cause), _fields(change.fields)
        case Update(previous=None, rotated=(), records=(), orphan=False):
            return "update", change.key.kind, change.consequences, _fields(change.fields)
        case _:
            return None


def _cause(cause: Cause) -> Hashable:
    return cause.moved, cause.note


def _fields(fields: Sequence[FieldChange]) -> Hashable:
    return tuple((field.path, field.before, field.after, _cause(field.cause)) for field in fields)


def names(keys: Sequence[Key]) -> str:
    """`2000 Mailbox: a, b, c, d, e and 1995 more`."""
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{len(keys)} {keys[0].kind}: {', '.join(key.name for key in keys[:_NAMED])}{more}"
