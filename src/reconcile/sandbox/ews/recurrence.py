"""Patterns of recurrence (t:Recurrence) and the days they give."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from typing import Final

from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_GROUPS: Final = {"Day": range(7), "Weekday": range(5), "WeekendDay": range(5, 7)}
_MONTHS: Final = tuple(calendar.month_name)
_WEEKS: Final = {"First": 0, "Second": 1, "Third": 2, "Fourth": 3, "Last": -1}
#: No series is followed further than this.
_LAST_YEAR: Final = 2200


def days(recurrence: Node) -> Iterator[date]:
    """The days of a series, first to last; without end where it has none. Raises EwsError ErrorCalendarInvalidRecurrence."""
    if len(recurrence.children) != 2:
        raise EwsError("ErrorCalendarInvalidRecurrence", "A recurrence is a pattern and a range.")
    pattern, extent = recurrence.children
    first = _date(extent.text_at("t:StartDate"))
    last = _date(extent.text_at("t:EndDate")) if extent.local == "EndDateRecurrence" else date(_LAST_YEAR, 1, 1)
    left = int(extent.text_at("t:NumberOfOccurrences", "0")) if extent.local == "NumberedRecurrence" else None
    for day in _pattern(pattern, first):
        if day > last or left == 0:
            return
        if day >= first:
            left = None if left is None else left - 1
            yield day


def _pattern(pattern: Node, first: date) -> Iterator[date]:
    interval = max(int(pattern.text_at("t:Interval", "1")), 1)
    match pattern.local:
        case "DailyRecurrence" | "DailyRegeneration":
            return _every(first, timedelta(days=interval))
        case "WeeklyRecurrence":
            return _weekly(pattern, first, interval)
        case "WeeklyRegeneration":
            return _every(first, timedelta(weeks=interval))
        case "AbsoluteMonthlyRecurrence" | "MonthlyRegeneration":
            wanted = int(pattern.text_at("t:DayOfMonth", str(first.day)))
            return (_day(year, month, wanted) for year, month in _months(first, interval))
        case "RelativeMonthlyRecurrence":
            return (_nth(year, month, pattern) for year, month in _months(first, interval))
        case "AbsoluteYearlyRecurrence" | "YearlyRegeneration":
            month = _month(pattern, first)
            wanted = int(pattern.text_at("t:DayOfMonth", str(first.day)))
            return (_day(year, month, wanted) for year in range(first.year, _LAST_YEAR))
        case "RelativeYearlyRecurrence":
            month = _month(pattern, first)
            return (_nth(year, month, pattern) for year in range(first.year, _LAST_YEAR))
        case _:
            raise EwsError("ErrorCalendarInvalidRecurrence", f"{pattern.local} is no pattern this server knows.")


def _every(first: date, step: timedelta) -> Iterator[date]:
    day = first
    while day.year < _LAST_YEAR:
        yield day
        day += step


def _weekly(pattern: Node, first: date, interval: int) -> Iterator[date]:
    wanted = _weekdays(pattern)
    start = _DAYS.index(pattern.text_at("t:FirstDayOfWeek", "Sunday"))
    week = first - timedelta(days=(first.weekday() - start) % 7)
    while week.year < _LAST_YEAR:
        yield from (day for offset in range(7) if (day := week + timedelta(days=offset)).weekday() in wanted)
        week += timedelta(weeks=interval)


def _months(first: date, interval: int) -> Iterator[tuple[int, int]]:
    for number in count(first.year * 12 + first.month - 1, interval):
        if number // 12 >= _LAST_YEAR:
            return
        yield number // 12, number % 12 + 1


def _day(year: int, month: int, wanted: int) -> date:
    """The last day of a shorter month, as Exchange does."""
    return date(year, month, min(wanted, calendar.monthrange(year, month)[1]))


def _nth(year: int, month: int, pattern: Node) -> date:
    wanted = _weekdays(pattern)
    found = [day for number in range(1, calendar.monthrange(year, month)[1] + 1) if (day := date(year, month, number)).weekday() in wanted]
    return found[_WEEKS.get(pattern.text_at("t:DayOfWeekIndex", "First"), 0)]


def _weekdays(pattern: Node) -> set[int]:
    found: set[int] = set()
    for name in pattern.text_at("t:DaysOfWeek").split():
        found |= set(_GROUPS[name]) if name in _GROUPS else {_DAYS.index(name)} if name in _DAYS else set()
    if not found:
        raise EwsError("ErrorCalendarInvalidRecurrence", "The pattern names no day of the week.")
    return found


def _month(pattern: Node, first: date) -> int:
    name = pattern.text_at("t:Month")
    return _MONTHS.index(name) if name in _MONTHS else first.month


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise EwsError("ErrorCalendarInvalidRecurrence", f"{text!r} is no date.") from None
