"""How an appointment comes back: a pattern, a range, and the occurrences that differ.

What Exchange, Graph, iCalendar (RFC 5545, 3.3.10) and the product's `recurrencerule` table can all say. Dates are those of the series' own
zone: a meeting at nine stays at nine when the clocks change.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final, TypeAlias, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.instant import zone

#: The product takes no longer interval and no longer count.
MOST_INTERVAL: Final = 1000
MOST_OCCURRENCES: Final = 999


class Weekday(StrEnum):
    """As RFC 5545 writes them, Monday first."""

    MO = "mo"
    TU = "tu"
    WE = "we"
    TH = "th"
    FR = "fr"
    SA = "sa"
    SU = "su"


_DAYS: Final = tuple(Weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Every `interval` days."""

    interval: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """On these days of every `interval`-th week, which begins with `firstdayofweek`."""

    days: tuple[Weekday, ...]
    interval: int = 1
    firstdayofweek: Weekday = Weekday.MO


@dataclass(frozen=True, slots=True, kw_only=True)
class Monthly:
    """On day `day` (1 to 31) of every `interval`-th month; a shorter month has it on its last day."""

    day: int
    interval: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyNth:
    """On the `nth` (1 to 4, -1: the last) of these days of every `interval`-th month."""

    nth: int
    days: tuple[Weekday, ...]
    interval: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Yearly:
    """Once a year, on day `day` of `month` (1 to 12)."""

    month: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyNth:
    """Once a year, on the `nth` of these days of `month`."""

    month: int
    nth: int
    days: tuple[Weekday, ...]


Pattern: TypeAlias = Daily | Weekly | Monthly | MonthlyNth | Yearly | YearlyNth


@dataclass(frozen=True, slots=True)
class NoEnd:
    """It never ends."""


@dataclass(frozen=True, slots=True)
class EndsOn:
    """No occurrence begins after this day."""

    day: date


@dataclass(frozen=True, slots=True)
class Numbered:
    """It comes so often, deleted occurrences counted."""

    occurrences: int


Range: TypeAlias = NoEnd | EndsOn | Numbered


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """The first occurrence is the appointment's own start."""

    pattern: Pattern
    range: Range = NoEnd()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedOccurrence:
    """The occurrence that the pattern has at `original` (UTC) does not take place."""

    original: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedOccurrence:
    """The occurrence that the pattern has at `original` is this instead. All instants are UTC."""

    original: datetime
    scheduledstart: datetime
    scheduledend: datetime
    subject: str
    location: str = ""
    description: str = ""


SeriesException: TypeAlias = DeletedOccurrence | ChangedOccurrence


def problem(recurrence: Recurrence) -> str:
    """What is wrong with it, "" when nothing is."""
    pattern = recurrence.pattern
    interval = getattr(pattern, "interval", 1)
    if not 1 <= interval <= MOST_INTERVAL:
        return f"the interval {interval} is not between 1 and {MOST_INTERVAL}"
    if getattr(pattern, "days", True) == ():
        return "no day of the week is named"
    if getattr(pattern, "nth", 1) not in (1, 2, 3, 4, -1):
        return "nth is 1, 2, 3, 4, or -1 for the last"
    month = getattr(pattern, "month", 1)
    if not 1 <= month <= 12:
        return f"there is no month {month}"
    if not 1 <= getattr(pattern, "day", 1) <= 31:
        return "a day of the month is 1 to 31"
    if isinstance(recurrence.range, Numbered) and not 1 <= recurrence.range.occurrences <= MOST_OCCURRENCES:
        return f"a series has 1 to {MOST_OCCURRENCES} occurrences"
    return ""


def starts(recurrence: Recurrence, first: datetime, timezone: str, *, until: datetime | None = None) -> Iterator[datetime]:
    """The starts (UTC) that the pattern gives, in order, exceptions not considered; `first` is UTC and counts as the first of them. Without
    `until`, a series that has no end goes on to the end of the calendar."""
    place = zone(timezone)
    local = first.astimezone(place)

    def at(day: date) -> datetime:
        # fold=0: of an hour that the clocks show twice, the earlier one.
        return datetime.combine(day, local.time(), tzinfo=place).astimezone(UTC)

    days: Iterator[date] = (day for day in _days(recurrence.pattern, local.date()) if day >= local.date())
    match recurrence.range:
        case Numbered(occurrences):
            days = islice(days, occurrences)
        case EndsOn() | NoEnd():
            pass
        case _:
            assert_never(recurrence.range)
    for day in days:
        if isinstance(recurrence.range, EndsOn) and day > recurrence.range.day:
            return
        start = at(day)
        if until is not None and start > until:
            return
        yield start


def goes_on(recurrence: Recurrence, first: datetime, timezone: str, moment: datetime) -> bool:
    """Whether the pattern gives a start at `moment` or later, without going through those before it: a series may be centuries old."""
    match recurrence.range:
        case NoEnd():
            return True
        case Numbered():
            return any(start >= moment for start in starts(recurrence, first, timezone))
        case EndsOn(day=last):
            place = zone(timezone)
            begins = first.astimezone(place).date()
            near = _aligned(recurrence.pattern, begins, moment.astimezone(place).date() - timedelta(days=2))
            clock = first.astimezone(place).time()
            for day in _days(recurrence.pattern, near):
                if day > last:
                    return False
                if day >= begins and datetime.combine(day, clock, tzinfo=place) >= moment:
                    return True
            return False
        case _:
            assert_never(recurrence.range)


def _aligned(pattern: Pattern, first: date, near: date) -> date:
    """A day at or before `near` from which the pattern gives the same days as from `first`."""
    if near <= first:
        return first
    match pattern:
        case Daily(interval=interval):
            return first + timedelta(days=(near - first).days // interval * interval)
        case Weekly(interval=interval):
            return first + timedelta(weeks=(near - first).days // (7 * interval) * interval)
        case Monthly(interval=interval) | MonthlyNth(interval=interval):
            months = (near.year - first.year) * 12 + near.month - first.month
            month = first.year * 12 + first.month - 1 + months // interval * interval
            return date(month // 12, month % 12 + 1, 1)
        case Yearly() | YearlyNth():
            return date(near.year, 1, 1)
        case _:
            assert_never(pattern)


def _days(pattern: Pattern, first: date) -> Iterator[date]:
    try:
        match pattern:
            case Daily():
                day = first
                while True:
                    yield day
                    day += timedelta(days=pattern.interval)
            case Weekly():
                offset = (first.weekday() - _DAYS.index(pattern.firstdayofweek)) % 7
                monday = first - timedelta(days=offset)
                order = sorted((_DAYS.index(day) - _DAYS.index(pattern.firstdayofweek)) % 7 for day in set(pattern.days))
                while True:
                    yield from (monday + timedelta(days=number) for number in order)
                    monday += timedelta(weeks=pattern.interval)
            case Monthly() | MonthlyNth():
                month = first.year * 12 + first.month - 1
                while True:
                    yield _in_month(pattern, month // 12, month % 12 + 1)
                    month += pattern.interval
            case Yearly() | YearlyNth():
                for year in range(first.year, date.max.year + 1):
                    yield _in_month(pattern, year, pattern.month)
            case _:
                assert_never(pattern)
    except (OverflowError, ValueError):
        return  # behind the last day of the calendar


def _in_month(pattern: Monthly | MonthlyNth | Yearly | YearlyNth, year: int, month: int) -> date:
    begin = date(year, month, 1)
    length = ((begin.replace(day=28) + timedelta(days=4)).replace(day=1) - begin).days
    if isinstance(pattern, (Monthly, Yearly)):
        return begin.replace(day=min(pattern.day, length))
    fitting = [begin.replace(day=day) for day in range(1, length + 1) if _DAYS[begin.replace(day=day).weekday()] in pattern.days]
    return fitting[-1] if pattern.nth == -1 else fitting[pattern.nth - 1]
