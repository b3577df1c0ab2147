"""Items from JSON of our own writing.

Mailboxes hold what `item_json.loaded` would refuse from people (addresses that are none, texts beyond any bound), and what was kept must
come back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, Final

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
)
from reconcile.model.item_json import loaded_columns
from reconcile.model.recurrence import ChangedOccurrence, DeletedOccurrence, SeriesException


def restored(kind: ItemKind, written: Mapping[str, Any]) -> Item:
    """The item that `item_json.dumped` wrote."""
    found: dict[str, Any] = {column: restored_value(kind, column, one) for column, one in written.items()}
    return TYPES[kind](**found)


def restored_value(kind: ItemKind, column: str, written: Any) -> Value:
    """One column that `item_json.dumped_value` wrote."""
    read = _readers(kind).get(column)
    found: Value = written if read is None or written is None else read(written)
    return found


def _exception(one: Mapping[str, Any]) -> SeriesException:
    original = datetime.fromisoformat(one["original"])
    if one.get("deleted"):
        return DeletedOccurrence(original=original)
    return ChangedOccurrence(
        original=original,
        scheduledstart=datetime.fromisoformat(one["scheduledstart"]),
        scheduledend=datetime.fromisoformat(one["scheduledend"]),
        subject=one.get("subject", ""),
        location=one.get("location", ""),
        description=one.get("description", ""),
    )


def _response(one: Mapping[str, Any]) -> Response:
    return Response(address=one["address"], answer=Answer(one["answer"]))


def _attachment(one: Mapping[str, Any]) -> Attachment:
    return Attachment(
        filename=one.get("filename", ""), mimetype=one.get("mimetype", ""), filesize=one.get("filesize", 0), digest=one.get("digest", "")
    )


def _many(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda found: tuple(read(one) for one in found)


def _attendee(one: Mapping[str, Any]) -> Attendee:
    return Attendee(address=one["address"], name=one.get("name", ""))


_BY_COLUMN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "exceptions": _many(_exception),
    "requiredattendees": _many(_attendee),
    "optionalattendees": _many(_attendee),
    "responses": _many(_response),
    "attachments": _many(_attachment),
    "recurrence": lambda found: loaded_columns(ItemKind.APPOINTMENT, {"recurrence": found})["recurrence"],
    "prioritycode": Priority,
    "activitytypecode": TaskType,
    "isalldayevent": bool,
    "isprivate": bool,
    "actualend": date.fromisoformat,
    "birthdate": date.fromisoformat,
    "anniversary": date.fromisoformat,
}


@cache
def _readers(kind: ItemKind) -> Mapping[str, Callable[[Any], Any]]:
    """Columns that are more than a text or a number."""
    times = datetime.fromisoformat if kind is ItemKind.APPOINTMENT else date.fromisoformat
    found = {**_BY_COLUMN, "scheduledstart": times, "scheduledend": times}
    found["statuscode"] = ShowAs if kind is ItemKind.APPOINTMENT else TaskStatus
    return {column: found[column] for column in columns(kind) if column in found}
