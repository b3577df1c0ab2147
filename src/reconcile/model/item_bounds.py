"""What no calendar can work with, however well it is formed: years beyond all zones, zones that nobody knows, series without sense. Pure.

Exchange keeps dates from 1601 to 4500 ("Calendar items in Exchange", Microsoft Learn); arithmetic on the first and last days of a proleptic
calendar overflows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from reconcile.model.instant import zone
from reconcile.model.item import Appointment, Item
from reconcile.model.recurrence import ChangedOccurrence, EndsOn, problem

FIRST_YEAR: Final = 1601
LAST_YEAR: Final = 4500


def beyond_bounds(item: Item) -> tuple[str, str] | None:
    """(column, what is wrong with it); None where nothing is."""
    if not isinstance(item, Appointment):
        return None
    for column, moment in _moments(item):
        if not FIRST_YEAR <= moment.year < LAST_YEAR:
            return column, f"calendars have the years {FIRST_YEAR} to {LAST_YEAR - 1}, not {moment.year}"
    try:
        zone(item.timezone)
    except ValueError as error:
        return "timezone", str(error)
    if item.recurrence is not None:
        if isinstance(item.recurrence.range, EndsOn) and not FIRST_YEAR <= item.recurrence.range.day.year < LAST_YEAR:
            return "recurrence", f"a series ends before {LAST_YEAR}, or never"
        if words := problem(item.recurrence):
            return "recurrence", words
    return None


def unsound(item: Item) -> tuple[str, str] | None:
    """The same, and what single columns cannot tell of an item that somebody hands in."""
    if not isinstance(item, Appointment):
        return None
    if (beyond := beyond_bounds(item)) is not None:
        return beyond
    if item.scheduledend < item.scheduledstart:
        return "scheduledend", "it ends before it begins"
    local = [moment.astimezone(zone(item.timezone)) for moment in (item.scheduledstart, item.scheduledend)]
    if item.isalldayevent and any((one.hour, one.minute, one.second) != (0, 0, 0) for one in local):
        return "scheduledstart", f"an all-day event begins and ends at midnight in its timezone ({item.timezone})"
    if item.isalldayevent and item.scheduledend == item.scheduledstart:
        return "scheduledend", "an all-day event lasts a day at least"
    if item.exceptions and item.recurrence is None:
        return "exceptions", "only a series has exceptions"
    return None


def _moments(item: Appointment) -> Iterator[tuple[str, datetime]]:
    yield "scheduledstart", item.scheduledstart
    yield "scheduledend", item.scheduledend
    for one in item.exceptions:
        yield "exceptions", one.original
        if isinstance(one, ChangedOccurrence):
            yield "exceptions", one.scheduledstart
            yield "exceptions", one.scheduledend
