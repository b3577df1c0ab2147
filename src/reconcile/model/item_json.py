"""Items as JSON: in the store, in batches, in reports. One form, by the names of the columns.

Empty columns are left out. Instants are RFC 3339 in UTC, days ISO 8601; attendees, recurrence and exceptions are objects. What cannot be
read raises ItemFormatError with the path of what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar, assert_never

from reconcile.errors import UserError
from reconcile.model import instant
from reconcile.model.instant import zone
from reconcile.model.item import (
    TYPES,
    Answer,
    Attachment,
    Attendee,
    Item,
    ItemKind,
    Priority,
    Response,
    ShowAs,
    TaskStatus,
    TaskType,
    Value,
    columns,
    kind_of,
    value,
)
from reconcile.model.item_bounds import unsound
from reconcile.model.recurrence import (
    ChangedOccurrence,
    Daily,
    DeletedOccurrence,
    EndsOn,
    Monthly,
    MonthlyNth,
    NoEnd,
    Numbered,
    Pattern,
    Recurrence,
    SeriesException,
    Weekday,
    Weekly,
    Yearly,
    YearlyNth,
    problem,
)

_LONGEST_TEXT: Final = 1_000_000
_LONGEST_LINE: Final = 4_000
_MOST: Final = 10_000
_PATTERNS: Final[Mapping[str, type[Any]]] = {
    "daily": Daily,
    "weekly": Weekly,
    "monthly": Monthly,
    "monthly-nth": MonthlyNth,
    "yearly": Yearly,
    "yearly-nth": YearlyNth,
}
_E = TypeVar("_E", bound=StrEnum)


class ItemFormatError(UserError):
    """`path` leads to what is wrong."""

    def __init__(self, path: Sequence[str | int], words: str) -> None:
        self.path = tuple(path)
        super().__init__(f"{'.'.join(map(str, path))}: {words}" if path else words, hint="docs/items.md has the columns and their forms.")


def dumped(item: Item) -> dict[str, Any]:
    """Only what says something: defaults are left out."""
    defaults = {field.name: field.default for field in fields(TYPES[kind_of(item)])}
    found = {column: value(item, column) for column in columns(kind_of(item))}
    return {column: dumped_value(one) for column, one in found.items() if one != defaults[column]}


def dumped_value(found: Value) -> Any:
    """One column."""
    match found:
        case None | str() | bool() | int():
            return str(found) if isinstance(found, StrEnum) else found
        case datetime():
            return instant.text(found.replace(microsecond=0))
        case date():
            return found.isoformat()
        case Recurrence():
            return _recurrence(found)
        case tuple():
            return [_member(one) for one in found]
        case _:
            assert_never(found)


def _member(one: object) -> dict[str, Any]:
    match one:
        case DeletedOccurrence():
            return {"original": dumped_value(one.original), "deleted": True}
        case ChangedOccurrence() | Attendee() | Response() | Attachment():
            found = {field.name: getattr(one, field.name) for field in fields(one)}
            return {name: dumped_value(each) for name, each in found.items() if each != ""}
        case _:
            raise TypeError(one)


def _recurrence(found: Recurrence) -> dict[str, Any]:
    name = next(name for name, of in _PATTERNS.items() if type(found.pattern) is of)
    pattern = {field.name: getattr(found.pattern, field.name) for field in fields(found.pattern)}
    written: dict[str, Any] = {"pattern": name}
    written |= {key: [str(day) for day in each] if isinstance(each, tuple) else dumped_value(each) for key, each in pattern.items()}
    match found.range:
        case NoEnd():
            pass
        case EndsOn(day):
            written["until"] = day.isoformat()
        case Numbered(occurrences):
            written["occurrences"] = occurrences
        case _:
            assert_never(found.range)
    return written


def loaded(kind: ItemKind, written: Mapping[str, Any]) -> Item:
    """A whole item. Raises ItemFormatError."""
    found = loaded_columns(kind, written)
    if kind is ItemKind.APPOINTMENT:
        for column in ("scheduledstart", "scheduledend"):
            if column not in found:
                raise ItemFormatError((), f"{column} is missing")
    return checked(TYPES[kind](**found))  # type: ignore[arg-type]


def loaded_columns(kind: ItemKind, written: Mapping[str, Any]) -> dict[str, Value]:
    """Some columns; null is the empty one. Raises ItemFormatError."""
    defaults: dict[str, Any] = {field.name: field.default for field in fields(TYPES[kind])}
    found: dict[str, Value] = {}
    for column, one in written.items():
        if column not in defaults:
            raise ItemFormatError((column,), f"there is no such column of {kind}s")
        if one is None:
            if column in ("scheduledstart", "scheduledend") and kind is ItemKind.APPOINTMENT:
                raise ItemFormatError((column,), "an appointment has one")
            found[column] = defaults[column]
        else:
            found[column] = _READERS.get((kind, column), _READERS_BY_COLUMN.get(column, _line))(one, (column,))
    return found


def checked(item: Item) -> Item:
    """What single columns cannot tell. Raises ItemFormatError."""
    if (wrong := unsound(item)) is not None:
        raise ItemFormatError((wrong[0],), wrong[1])
    return item


_fail: Final = ItemFormatError


def _text(one: object, path: Sequence[str | int], longest: int = _LONGEST_TEXT) -> str:
    if not isinstance(one, str):
        raise _fail(path, "a text is wanted")
    if len(one) > longest:
        raise _fail(path, f"it has {len(one):,} characters, {longest:,} are the most")
    if "\0" in one or any("\ud800" <= character <= "\udfff" for character in one):
        raise _fail(path, "it has characters that are no text (a NUL or half a surrogate pair)")
    return one


def _line(one: object, path: Sequence[str | int]) -> str:
    found = _text(one, path, _LONGEST_LINE)
    if any(ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u2028\u2029" for character in found):
        raise _fail(path, "it has a line break or another control character")
    return found


def _lines(one: object, path: Sequence[str | int]) -> str:
    return _text(one, path, _LONGEST_LINE)


def _address(one: object, path: Sequence[str | int]) -> str:
    found = _line(one, path).strip().lower()
    if found and ("@" not in found or any(character in ' \t,;<>"' for character in found)):
        raise _fail(path, f"{found!r} is no address")
    return found


def _flag(one: object, path: Sequence[str | int]) -> bool:
    if not isinstance(one, bool):
        raise _fail(path, "true or false is wanted")
    return one


def _number(one: object, path: Sequence[str | int]) -> int:
    if not isinstance(one, int) or isinstance(one, bool):
        raise _fail(path, "a whole number is wanted")
    return one


def _percent(one: object, path: Sequence[str | int]) -> int:
    found = _number(one, path)
    if not 0 <= found <= 100:
        raise _fail(path, "0 to 100 is wanted")
    return found


def _day(one: object, path: Sequence[str | int]) -> date:
    try:
        return date.fromisoformat(_line(one, path))
    except ValueError as error:
        raise _fail(path, f"{one!r} is no day: write 2026-03-31") from error


def _instant(one: object, path: Sequence[str | int]) -> datetime:
    try:
        found = datetime.fromisoformat(_line(one, path).upper())
    except ValueError as error:
        raise _fail(path, f"{one!r} is no instant: write 2026-03-31T09:00:00+02:00") from error
    if found.tzinfo is None:
        raise _fail(path, f"{one!r} lacks its offset from UTC: write 2026-03-31T09:00:00+02:00")
    try:
        return found.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise _fail(path, f"{one!r} lies outside the years 1 to 9999") from error


def _zone(one: object, path: Sequence[str | int]) -> str:
    name = _line(one, path)
    try:
        zone(name)
    except ValueError as error:
        raise _fail(path, str(error)) from error
    return name


def _word(of: type[_E]) -> Callable[[object, Sequence[str | int]], _E]:
    def read(one: object, path: Sequence[str | int]) -> _E:
        try:
            return of(_line(one, path))
        except ValueError as error:
            raise _fail(path, f"{one!r} is none of {', '.join(of)}") from error

    return read


def _object(one: object, path: Sequence[str | int], known: frozenset[str], required: frozenset[str]) -> dict[str, Any]:
    if not isinstance(one, dict):
        raise _fail(path, "an object is wanted")
    for name in one:
        if name not in known:
            raise _fail((*path, name), f"unknown; known are {', '.join(sorted(known))}")
    for name in sorted(required - one.keys()):
        raise _fail((*path, name), "is missing")
    return one


def _list(one: object, path: Sequence[str | int]) -> list[Any]:
    if not isinstance(one, list):
        raise _fail(path, "a list is wanted")
    if len(one) > _MOST:
        raise _fail(path, f"it has {len(one):,} members, {_MOST:,} are the most")
    return one


def _attendees(one: object, path: Sequence[str | int]) -> tuple[Attendee, ...]:
    found = []
    for number, each in enumerate(_list(one, path)):
        place = (*path, number)
        # An address alone is an attendee, too.
        given = {"address": each} if isinstance(each, str) else _object(each, place, frozenset({"address", "name"}), frozenset({"address"}))
        address = _address(given["address"], (*place, "address"))
        if not address:
            raise _fail((*place, "address"), "an attendee has an address")
        found.append(Attendee(address=address, name=_line(given.get("name", ""), (*place, "name"))))
    return tuple(found)


def _responses(one: object, path: Sequence[str | int]) -> tuple[Response, ...]:
    found = []
    for number, each in enumerate(_list(one, path)):
        place, both = (*path, number), frozenset({"address", "answer"})
        given = _object(each, place, both, both)
        found.append(Response(address=_address(given["address"], place), answer=_word(Answer)(given["answer"], (*place, "answer"))))
    return tuple(found)


def _attachments(one: object, path: Sequence[str | int]) -> tuple[Attachment, ...]:
    found = []
    names = frozenset({"filename", "mimetype", "filesize", "digest"})
    for number, each in enumerate(_list(one, path)):
        place = (*path, number)
        given = _object(each, place, names, frozenset({"digest"}))
        found.append(
            Attachment(
                # A mailbox may have files without a name, or with any: who edits hands them back as they are.
                filename=_text(given.get("filename", ""), (*place, "filename")),
                mimetype=_text(given.get("mimetype", ""), (*place, "mimetype")),
                filesize=_number(given.get("filesize", 0), (*place, "filesize")),
                digest=_line(given["digest"], (*place, "digest")),
            )
        )
    return tuple(found)


def _read_recurrence(one: object, path: Sequence[str | int]) -> Recurrence:
    known = frozenset({"pattern", "interval", "days", "firstdayofweek", "day", "nth", "month", "until", "occurrences"})
    given = dict(_object(one, path, known, frozenset({"pattern"})))
    name = given.pop("pattern")
    if not isinstance(name, str) or name not in _PATTERNS:
        raise _fail((*path, "pattern"), f"{name!r} is none of {', '.join(_PATTERNS)}")
    until, occurrences = given.pop("until", None), given.pop("occurrences", None)
    if until is not None and occurrences is not None:
        raise _fail((*path, "occurrences"), "a series ends on a day or after so many, not both")
    of = _PATTERNS[name]
    parts: dict[str, Any] = {}
    for key, each in given.items():
        if key not in {field.name for field in fields(of)}:
            raise _fail((*path, key), f"the pattern {name} has no such part")
        if key == "days":
            parts[key] = tuple(sorted({_word(Weekday)(day, (*path, key)) for day in _list(each, (*path, key))}, key=list(Weekday).index))
        else:
            parts[key] = _word(Weekday)(each, (*path, key)) if key == "firstdayofweek" else _number(each, (*path, key))
    for field in fields(of):
        if field.name not in parts and field.default is MISSING and field.name in ("days", "day", "nth", "month"):
            raise _fail((*path, field.name), "is missing")
    pattern: Pattern = of(**parts)
    ends = EndsOn(_day(until, (*path, "until"))) if until is not None else None
    numbered = Numbered(_number(occurrences, (*path, "occurrences"))) if occurrences is not None else None
    found = Recurrence(pattern=pattern, range=ends or numbered or NoEnd())
    if words := problem(found):
        raise _fail(path, words)
    return found


def _exceptions(one: object, path: Sequence[str | int]) -> tuple[SeriesException, ...]:
    known = frozenset({"original", "deleted", "scheduledstart", "scheduledend", "subject", "location", "description"})
    found: list[SeriesException] = []
    for number, each in enumerate(_list(one, path)):
        place = (*path, number)
        given = _object(each, place, known, frozenset({"original"}))
        original = _instant(given["original"], (*place, "original"))
        if _flag(given.get("deleted", False), (*place, "deleted")):
            found.append(DeletedOccurrence(original=original))
            continue
        _object(each, place, known, frozenset({"scheduledstart", "scheduledend"}))
        found.append(
            ChangedOccurrence(
                original=original,
                scheduledstart=_instant(given["scheduledstart"], (*place, "scheduledstart")),
                scheduledend=_instant(given["scheduledend"], (*place, "scheduledend")),
                subject=_line(given.get("subject", ""), (*place, "subject")),
                location=_line(given.get("location", ""), (*place, "location")),
                description=_text(given.get("description", ""), (*place, "description")),
            )
        )
    return tuple(found)


_READERS: Final[Mapping[tuple[ItemKind, str], Callable[[object, Sequence[str | int]], Value]]] = {
    (ItemKind.APPOINTMENT, "scheduledstart"): _instant,
    (ItemKind.APPOINTMENT, "scheduledend"): _instant,
    (ItemKind.TASK, "scheduledstart"): _day,
    (ItemKind.TASK, "scheduledend"): _day,
    (ItemKind.APPOINTMENT, "statuscode"): _word(ShowAs),
    (ItemKind.TASK, "statuscode"): _word(TaskStatus),
    (ItemKind.TASK, "activitytypecode"): _word(TaskType),
}
_READERS_BY_COLUMN: Final[Mapping[str, Callable[[object, Sequence[str | int]], Value]]] = {
    "description": _text,
    "isalldayevent": _flag,
    "isprivate": _flag,
    "timezone": _zone,
    "prioritycode": _word(Priority),
    "organizer": _address,
    "requiredattendees": _attendees,
    "optionalattendees": _attendees,
    "responses": _responses,
    "attachments": _attachments,
    "recurrence": _read_recurrence,
    "exceptions": _exceptions,
    "actualend": _day,
    "birthdate": _day,
    "anniversary": _day,
    "percentcomplete": _percent,
    # Street and the names of children may stand on several lines.
    **{f"address{number}_line1": _lines for number in (1, 2, 3)},
    "childrensnames": _lines,
}
