"""Occurrences of a series that differ: read by their ids, written by their place in the series."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconcile.errors import PermanentError
from reconcile.mail.ews import operations
from reconcile.mail.ews.answers import T, items_of
from reconcile.mail.ews.appointment_fields import changed_occurrences, deleted_occurrences
from reconcile.mail.ews.changes import moment_of
from reconcile.mail.ews.codes import GONE
from reconcile.mail.ews.collection_requests import ItemRequests
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.item_fields import APPOINTMENT
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.operations import item_id
from reconcile.model.item import Appointment
from reconcile.model.recurrence import ChangedOccurrence, DeletedOccurrence, SeriesException, starts

#: An occurrence that is already away.
_AWAY = frozenset({"ErrorCalendarOccurrenceIsDeletedFromRecurrence", *GONE})


def exceptions_of(link: Link, ask: ItemRequests, element: Any) -> tuple[SeriesException, ...]:
    """In the order of the series."""
    found: list[SeriesException] = [*deleted_occurrences(element)]
    for name, original in changed_occurrences(element):
        answer = link.one(ask.get_occurrence(item_id(name)))
        item = next(items_of(answer))
        start, end = moment_of(item.findtext(f"{T}Start")), moment_of(item.findtext(f"{T}End"))
        if start is None or end is None:
            raise PermanentError(f"{link.where}: an occurrence has no time", hint="Look at the series in Outlook.")
        found.append(
            ChangedOccurrence(
                original=original,
                scheduledstart=start,
                scheduledend=end,
                subject=str(APPOINTMENT["subject"].read(item)),
                location=str(APPOINTMENT["location"].read(item)),
                description=str(APPOINTMENT["description"].read(item)),
            )
        )
    return tuple(sorted(found, key=lambda one: one.original))


class ExceptionWriter:
    """Each occurrence by itself: what is so already is written again, which changes nothing."""

    def __init__(self, link: Link, ask: ItemRequests) -> None:
        self._link = link
        self._ask = ask

    def write(self, series: str, item: Appointment, *, invite: bool) -> None:
        """Raises PermanentError where an exception is of no occurrence."""
        if item.recurrence is None:
            return
        for one in item.exceptions:
            identified = self._ask.occurrence(series, self._index(item, one.original))
            if isinstance(one, DeletedOccurrence):
                self._done(self._ask.delete_occurrence(identified, cancel=invite), away_is_well=True)
            else:
                self._done(self._ask.update_occurrence(identified, self._changes(one), invite=invite), away_is_well=False)

    def _index(self, item: Appointment, original: datetime) -> int:
        """Its place, from 1, deleted ones counted."""
        assert item.recurrence is not None
        for index, start in enumerate(starts(item.recurrence, item.scheduledstart, item.timezone, until=original), 1):
            if start == original:
                return index
        raise PermanentError("an exception is of no occurrence of its series", hint="Mend the item's exceptions.")

    def _changes(self, one: ChangedOccurrence) -> list[tuple[str, str]]:
        found = [
            ('<t:FieldURI FieldURI="calendar:Start"/>', f"<t:Start>{operations.moment(one.scheduledstart)}</t:Start>"),
            ('<t:FieldURI FieldURI="calendar:End"/>', f"<t:End>{operations.moment(one.scheduledend)}</t:End>"),
        ]
        for column in ("subject", "location", "description"):
            field = APPOINTMENT[column]
            xml = field.write(getattr(one, column))
            if xml:
                found.append((field.path, xml))
        return found

    def _done(self, request: bytes, *, away_is_well: bool) -> None:
        for answer in self._link.ask(request, again=False):
            if not answer.done and not (away_is_well and answer.code in _AWAY):
                raise refusal(answer, self._link.where)
