"""Two versions and the state in which they last agreed become one, field by field. Pure.

Each side is compared with its own past. A field that one side changed is taken from there; where both did, and not to the same, the
mailbox wins, and what lost is told as a conflict, so that both versions are kept (ADR 0040). A direction that is declared wins over that.
Attendees, attachments and exceptions of a series are sets: what one side added or took away joins what the other did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import Appointment, Attachment, Attendee, Item, ItemKind, ShowAs, Task, TaskStatus, Value, kind_of
from reconcile.model.item_field import FIELDS, GIVEN, Direction, ItemField, values
from reconcile.model.item_link import Agreed
from reconcile.model.recurrence import ChangedOccurrence, DeletedOccurrence, SeriesException

_PEOPLE: Final = ("requiredattendees", "optionalattendees")
#: What each attendee's copy says for itself, and the record as the last of them: where these only come in, nobody's edit is lost.
_OF_EACH_COPY: Final = ("statuscode", "prioritycode")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldConflict:
    """Both sides changed a field. `ours` and `theirs` are what its columns held, `ours_wins` who was followed."""

    field: str
    ours: tuple[Value, ...]
    theirs: tuple[Value, ...]
    ours_wins: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """`ours` is the record's item from now on. `columns` are to be written to the mailbox from it; until that is done, `agreed` holds.
    `taken` are names of fields that came from the mailbox."""

    ours: Item
    columns: frozenset[str]
    taken: frozenset[str]
    conflicts: tuple[FieldConflict, ...]
    agreed: Agreed


@dataclass(slots=True)
class _Field:
    """A field while it is merged: new contents of ours, whether they are to be written, whether they came from there."""

    ours: tuple[Value, ...]
    write: bool = False
    taken: bool = False
    conflict: FieldConflict | None = None


def merged(ours: Item, theirs: Item, agreed: Agreed, direction: Callable[[ItemField], Direction]) -> Merged:
    """All four items are of one kind and in their normal form, `theirs` as `as_ours` reads it."""
    kind = kind_of(ours)
    found: dict[str, _Field] = {}
    for field in FIELDS[kind]:
        found[field.name] = _field(
            field,
            values(ours, field),
            values(theirs, field),
            (values(agreed.ours, field), values(agreed.theirs, field)),
            direction(field),
        )
    if kind is ItemKind.APPOINTMENT:
        _exceptions_follow(found, ours, theirs)
    if isinstance(ours, Task) and isinstance(theirs, Task):
        _completion_follows(found, ours, theirs, direction)
    after = ours
    base_ours, base_theirs = agreed.ours, theirs
    for field in FIELDS[kind]:
        one = found[field.name]
        after = _with(after, field, one.ours)
        if field.name == "attachments" and direction(field) is Direction.NONE:
            # Files that went nowhere are still to go when they may: what was agreed of them stays agreed.
            base_theirs = _with(base_theirs, field, values(agreed.theirs, field))
        elif direction(field) is Direction.TO_OURS and field.name not in _OF_EACH_COPY:
            # An edit of ours that goes nowhere stays one, so that what comes in later does not go over it unseen.
            if one.taken or one.ours == values(theirs, field) or field.name == "attachments":
                base_ours = _with(base_ours, field, values(theirs, field))
        elif not one.write:
            base_ours = _with(base_ours, field, one.ours)
    return Merged(
        ours=after,
        columns=frozenset(column for field in FIELDS[kind] if found[field.name].write for column in field.columns),
        taken=frozenset(name for name, one in found.items() if one.taken),
        conflicts=tuple(one.conflict for one in found.values() if one.conflict is not None),
        agreed=Agreed(ours=base_ours, theirs=base_theirs),
    )


def joined(ours: Item, theirs: Item, direction: Callable[[ItemField], Direction], *, ours_leads: bool) -> Merged:
    """As `merged`, for two that never agreed. What only one side says is kept, as are files of both. Where both say something, theirs
    comes in; with `ours_leads` our texts go over instead, and people of both are kept. Texts, times and people that lose are told."""
    kind = kind_of(ours)
    if ours_leads and isinstance(ours, Appointment) and isinstance(theirs, Appointment):
        ours = _asked_as_there(ours, theirs)
    base = ours
    for field in FIELDS[kind]:
        mine, other = values(ours, field), values(theirs, field)
        if field.name in ("attachments", *_PEOPLE):
            # Whoever is missing on one side was never taken off there.
            base = _with(base, field, ((),))
        elif any(mine) and (not any(other) or (ours_leads and _is_text(mine) and direction(field) is not Direction.TO_OURS)):
            base = _with(base, field, other)
    found = merged(ours, theirs, Agreed(ours=base, theirs=base), direction)
    lost = list[FieldConflict]()
    for field in FIELDS[kind]:
        mine, other = values(ours, field), values(theirs, field)
        goes = not found.columns.isdisjoint(field.columns)
        tells = (_is_text(mine) and _is_text(other)) or field.name == "scheduledstart"
        if mine != other and tells and GIVEN[kind].isdisjoint(field.columns) and (goes or field.name in found.taken):
            lost.append(FieldConflict(field=field.name, ours=mine, theirs=other, ours_wins=goes))
    return replace(found, conflicts=(*found.conflicts, *lost))


def _is_text(said: tuple[Value, ...]) -> bool:
    return all(type(one) is str and one for one in said)


def _asked_as_there(ours: Appointment, theirs: Appointment) -> Appointment:
    """Nobody is asked to come and free to stay away at once: as the organizer says."""
    required, optional = (frozenset(one.address for one in some) for some in (theirs.requiredattendees, theirs.optionalattendees))
    return replace(
        ours,
        requiredattendees=tuple(one for one in ours.requiredattendees if one.address not in optional),
        optionalattendees=tuple(one for one in ours.optionalattendees if one.address not in required),
    )


def _completion_follows(found: dict[str, _Field], ours: Task, theirs: Task, direction: Callable[[ItemField], Direction]) -> None:
    """The status leads, also where the sides gave one field each: completed is 100 per cent and has a day, anything else is neither."""
    (status,) = found["statuscode"].ours
    percent, ended = found["percentcomplete"].ours[0], found["actualend"].ours[0]
    if status is TaskStatus.COMPLETED:
        done = ours if ours.statuscode is TaskStatus.COMPLETED and not found["statuscode"].taken else theirs
        percent, ended = done.percentcomplete, ended or done.actualend
    else:
        percent, ended = min(percent, 99) if isinstance(percent, int) else percent, None
    for field in FIELDS[ItemKind.TASK]:
        new = {"percentcomplete": percent, "actualend": ended}.get(field.name)
        if field.name in ("percentcomplete", "actualend") and found[field.name].ours != (new,):
            write = direction(field) in (Direction.BOTH, Direction.TO_THEIRS) and (new,) != values(theirs, field)
            found[field.name] = replace(found[field.name], ours=(new,), write=write, taken=(new,) != values(ours, field))


def as_ours(theirs: Item) -> Item:
    """What a mailbox says, in values that our columns have: working elsewhere is free (statuscode has no word for it)."""
    if isinstance(theirs, Appointment) and theirs.statuscode is ShowAs.ELSEWHERE:
        return replace(theirs, statuscode=ShowAs.FREE)
    return theirs


def _with(item: Item, field: ItemField, new: tuple[Value, ...]) -> Item:
    changes: Mapping[str, Value] = dict(zip(field.columns, new, strict=True))
    return replace(item, **changes)  # type: ignore[arg-type]


def _field(
    field: ItemField,
    ours: tuple[Value, ...],
    theirs: tuple[Value, ...],
    base: tuple[tuple[Value, ...], tuple[Value, ...]],
    direction: Direction,
) -> _Field:
    our_change, their_change = ours != base[0], theirs != base[1]
    if ours == theirs or not (our_change or their_change):
        return _Field(ours)
    both = our_change and their_change
    match direction:
        case Direction.NONE:
            return _Field(ours)
        case Direction.TO_OURS:
            if not their_change:
                return _Field(ours)
            if both and field.name == "attachments":
                joined = _joined(ours, theirs, base)
                return _Field((joined,), taken=(joined,) != ours)
            lost = both and ours != base[1] and field.name not in _OF_EACH_COPY
            return _Field(theirs, taken=True, conflict=FieldConflict(field=field.name, ours=ours, theirs=theirs) if lost else None)
        case Direction.TO_THEIRS:
            conflict = FieldConflict(field=field.name, ours=ours, theirs=theirs, ours_wins=True) if both else None
            return _Field(ours, write=our_change, conflict=conflict)
        case Direction.BOTH:
            if not both:
                return _Field(theirs, taken=True) if their_change else _Field(ours, write=True)
            return _both(field, ours, theirs, base)
        case _:
            assert_never(direction)


def _both(
    field: ItemField, ours: tuple[Value, ...], theirs: tuple[Value, ...], base: tuple[tuple[Value, ...], tuple[Value, ...]]
) -> _Field:
    (mine, *_), (other, *_), (mine_before, *_), (other_before, *_) = ours, theirs, *base
    if field.name in _PEOPLE:
        joined: tuple[Value, ...] = (_people(mine, other, mine_before, other_before),)
        return _Field(joined, write=joined != theirs, taken=joined != ours)
    if field.name == "attachments":
        joined = (_joined(ours, theirs, base),)
        return _Field(joined, write=joined != theirs, taken=joined != ours)
    if field.name == "exceptions":
        kept, lost = _occurrences(mine, other, mine_before, other_before)
        conflict = FieldConflict(field=field.name, ours=ours, theirs=theirs) if lost else None
        return _Field((kept,), write=(kept,) != theirs, taken=(kept,) != ours, conflict=conflict)
    return _Field(theirs, taken=True, conflict=FieldConflict(field=field.name, ours=ours, theirs=theirs))


def _people(ours: Value, theirs: Value, ours_before: Value, theirs_before: Value) -> tuple[Attendee, ...]:
    mine, other, mine_before = (_by_address(one) for one in (ours, theirs, ours_before))
    added = {address: mine[address] for address in mine.keys() - mine_before.keys()}
    left = mine_before.keys() - mine.keys()
    # Names are the mailbox's: it looks people up in its directory.
    joined = {**added, **{address: one for address, one in other.items() if address not in left}}
    gone_there = _by_address(theirs_before).keys() - other.keys()
    return tuple(sorted(one for address, one in joined.items() if address not in gone_there or address in added))


def _by_address(found: Value) -> dict[str, Attendee]:
    return {one.address: one for one in found if isinstance(one, Attendee)} if isinstance(found, tuple) else {}


def _joined(
    ours: tuple[Value, ...], theirs: tuple[Value, ...], base: tuple[tuple[Value, ...], tuple[Value, ...]]
) -> tuple[Attachment, ...]:
    """Files of both sides. Two versions of one name stay side by side: both were meant."""
    mine, other, mine_before, other_before = (_by_content(one[0]) for one in (ours, theirs, *base))
    added, left, gone_there = mine.keys() - mine_before.keys(), mine_before.keys() - mine.keys(), other_before.keys() - other.keys()
    joined = {key: mine[key] for key in added} | {key: one for key, one in other.items() if key not in left}
    return tuple(sorted(one for key, one in joined.items() if key not in gone_there or key in added))


def _by_content(found: Value) -> dict[tuple[str, str], Attachment]:
    return {(one.filename, one.digest): one for one in found if isinstance(one, Attachment)} if isinstance(found, tuple) else {}


def _occurrences(ours: Value, theirs: Value, ours_before: Value, theirs_before: Value) -> tuple[tuple[SeriesException, ...], bool]:
    """Joined, and whether one occurrence was changed on both sides."""
    mine, other, mine_before, other_before = (_by_original(one) for one in (ours, theirs, ours_before, theirs_before))
    joined, lost = {}, False
    for original in sorted({*mine, *other}):
        our_change = mine.get(original) != mine_before.get(original)
        their_change = other.get(original) != other_before.get(original)
        lost |= our_change and their_change and mine.get(original) != other.get(original)
        chosen = other.get(original) if their_change or not our_change else mine.get(original)
        if chosen is not None:
            joined[original] = chosen
    return tuple(joined[original] for original in sorted(joined)), lost


def _by_original(found: Value) -> dict[datetime, SeriesException]:
    if not isinstance(found, tuple):
        return {}
    return {one.original: one for one in found if isinstance(one, (ChangedOccurrence, DeletedOccurrence))}


def _exceptions_follow(found: dict[str, _Field], ours: Item, theirs: Item) -> None:
    """Who moves a series makes its old exceptions void: they come from the side whose time holds."""
    time, exceptions = found["scheduledstart"], found["exceptions"]
    assert isinstance(ours, Appointment)
    assert isinstance(theirs, Appointment)
    if time.taken:
        exceptions.ours, exceptions.write, exceptions.taken = (theirs.exceptions,), False, True
    elif time.write:
        exceptions.ours, exceptions.taken = (ours.exceptions,), False
        exceptions.write = exceptions.write or ours.exceptions != theirs.exceptions
