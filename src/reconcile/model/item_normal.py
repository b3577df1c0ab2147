"""One form for what means the same, so that two sides are compared by equality."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final, TypeVar, assert_never

from reconcile.model.item import Appointment, Attendee, Contact, Item, Response, Task, TaskStatus, columns, kind_of, value
from reconcile.model.recurrence import ChangedOccurrence, DeletedOccurrence, SeriesException

_COMPLETE: Final = 100
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: Texts of several lines.
MULTILINE: Final = frozenset({"description", "childrensnames", "address1_line1", "address2_line1", "address3_line1"})
I = TypeVar("I", Appointment, Contact, Task)  # noqa: E741


def normal(item: Item, *, today: date) -> Item:
    """Line ends, trailing space, order and case are made one; what goes together is put together. `today` is the day on which a task counts
    as completed that says only that it is. Doing it again changes nothing."""
    texts = {
        column: _text(found) if column in MULTILINE else _line(found)
        for column in columns(kind_of(item))
        if isinstance(found := value(item, column), str)
    }
    item = replace(item, **texts)  # type: ignore[arg-type]
    match item:
        case Appointment():
            return _appointment(item)
        case Contact():
            return _contact(item)
        case Task():
            return _task(item, today)
        case _:
            assert_never(item)


def _line(text: str) -> str:
    """Mailboxes hold line breaks and worse in what is one line for everybody else."""
    return _text(_CONTROL.sub(" ", text)).strip() if type(text) is str else text


def _text(text: str) -> str:
    """StrEnums stay what they are."""
    if type(text) is not str:
        return text
    lines = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).rstrip("\n")


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _attendees(people: Iterable[Attendee], without: Iterable[Attendee] = ()) -> tuple[Attendee, ...]:
    taken = {one.address for one in without}
    found: dict[str, Attendee] = {}
    for one in people:
        address = one.address.strip().lower()
        if address and address not in taken:
            found.setdefault(address, Attendee(address=address, name=one.name.strip()))
    return tuple(sorted(found.values()))


def _exceptions(found: Iterable[SeriesException]) -> tuple[SeriesException, ...]:
    by_original: dict[datetime, SeriesException] = {}
    for one in found:
        match one:
            case DeletedOccurrence():
                whole: SeriesException = DeletedOccurrence(original=_whole(one.original))
            case ChangedOccurrence():
                whole = replace(
                    one,
                    original=_whole(one.original),
                    scheduledstart=_whole(one.scheduledstart),
                    scheduledend=_whole(one.scheduledend),
                    subject=_text(one.subject),
                    location=_text(one.location),
                    description=_text(one.description),
                )
            case _:
                assert_never(one)
        by_original[whole.original] = whole
    return tuple(by_original[original] for original in sorted(by_original))


def _appointment(item: Appointment) -> Appointment:
    required = _attendees(item.requiredattendees)
    answers = {one.address.strip().lower(): one.answer for one in item.responses}
    return replace(
        item,
        scheduledstart=_whole(item.scheduledstart),
        scheduledend=_whole(item.scheduledend),
        organizer=item.organizer.strip().lower(),
        requiredattendees=required,
        optionalattendees=_attendees(item.optionalattendees, without=required),
        responses=tuple(Response(address=address, answer=answers[address]) for address in sorted(answers)),
        exceptions=_exceptions(item.exceptions) if item.recurrence is not None else (),
        attachments=tuple(sorted(set(item.attachments))),
    )


def whole_name(contact: Contact) -> str:
    """The name that follows from its parts."""
    parts = (contact.firstname, contact.middlename, contact.lastname, contact.suffix)
    return " ".join(part for part in parts if part)


def _contact(item: Contact) -> Contact:
    """A name as a whole, where it is given in parts only."""
    return item if item.fullname else replace(item, fullname=whole_name(item))


def _task(item: Task, today: date) -> Task:
    """The status leads: completed is 100 per cent and has a day, anything else is neither. A task that begins is due."""
    item = replace(item, percentcomplete=min(max(item.percentcomplete, 0), _COMPLETE))
    if item.scheduledstart is not None and item.scheduledend is None:
        item = replace(item, scheduledend=item.scheduledstart)
    if item.statuscode is TaskStatus.COMPLETED:
        return replace(item, percentcomplete=_COMPLETE, actualend=item.actualend or today)
    return replace(item, percentcomplete=min(item.percentcomplete, _COMPLETE - 1), actualend=None)
