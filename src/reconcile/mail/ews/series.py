"""Series as Exchange writes them, and time zones by Windows' names."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, assert_never

from reconcile.errors import PermanentError
from reconcile.mail.ews.answers import T
from reconcile.model.recurrence import (
    Daily,
    EndsOn,
    Monthly,
    MonthlyNth,
    NoEnd,
    Numbered,
    Pattern,
    Range,
    Recurrence,
    Weekday,
    Weekly,
    Yearly,
    YearlyNth,
)

_DAYS: Final = {
    Weekday.MO: "Monday",
    Weekday.TU: "Tuesday",
    Weekday.WE: "Wednesday",
    Weekday.TH: "Thursday",
    Weekday.FR: "Friday",
    Weekday.SA: "Saturday",
    Weekday.SU: "Sunday",
}
_BACK: Final = {name: day for day, name in _DAYS.items()}
_GROUPS: Final = {"Day": tuple(Weekday), "Weekday": tuple(Weekday)[:5], "WeekendDay": tuple(Weekday)[5:]}
_NTH: Final = {1: "First", 2: "Second", 3: "Third", 4: "Fourth", -1: "Last"}
_NTH_BACK: Final = {name: nth for nth, name in _NTH.items()}
_MONTHS: Final = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]


def recurrence_xml(recurrence: Recurrence, first: date) -> str:
    """The t:Recurrence; `first` is the day of the first occurrence, in the series' own zone."""
    return f"<t:Recurrence>{_pattern(recurrence.pattern)}{_range(recurrence.range, first)}</t:Recurrence>"


def _pattern(pattern: Pattern) -> str:
    match pattern:
        case Daily(interval=interval):
            return f"<t:DailyRecurrence><t:Interval>{interval}</t:Interval></t:DailyRecurrence>"
        case Weekly(days=days, interval=interval, firstdayofweek=first):
            names = " ".join(_DAYS[day] for day in days)
            return (
                f"<t:WeeklyRecurrence><t:Interval>{interval}</t:Interval><t:DaysOfWeek>{names}</t:DaysOfWeek>"
                f"<t:FirstDayOfWeek>{_DAYS[first]}</t:FirstDayOfWeek></t:WeeklyRecurrence>"
            )
        case Monthly(day=day, interval=interval):
            return (
                f"<t:AbsoluteMonthlyRecurrence><t:Interval>{interval}</t:Interval><t:DayOfMonth>{day}</t:DayOfMonth>"
                "</t:AbsoluteMonthlyRecurrence>"
            )
        case MonthlyNth(nth=nth, days=days, interval=interval):
            return (
                f"<t:RelativeMonthlyRecurrence><t:Interval>{interval}</t:Interval><t:DaysOfWeek>{_group(days)}</t:DaysOfWeek>"
                f"<t:DayOfWeekIndex>{_NTH[nth]}</t:DayOfWeekIndex></t:RelativeMonthlyRecurrence>"
            )
        case Yearly(month=month, day=day):
            return (
                f"<t:AbsoluteYearlyRecurrence><t:DayOfMonth>{day}</t:DayOfMonth><t:Month>{_MONTHS[month - 1]}</t:Month>"
                "</t:AbsoluteYearlyRecurrence>"
            )
        case YearlyNth(month=month, nth=nth, days=days):
            return (
                f"<t:RelativeYearlyRecurrence><t:DaysOfWeek>{_group(days)}</t:DaysOfWeek><t:DayOfWeekIndex>{_NTH[nth]}</t:DayOfWeekIndex>"
                f"<t:Month>{_MONTHS[month - 1]}</t:Month></t:RelativeYearlyRecurrence>"
            )
        case _:
            assert_never(pattern)


def _group(days: tuple[Weekday, ...]) -> str:
    if len(days) == 1:
        return _DAYS[days[0]]
    for name, group in _GROUPS.items():
        if set(days) == set(group):
            return name
    raise PermanentError("Exchange has no such series: the nth of several days", hint="Use one day, weekdays, weekend days, or every day.")


def _range(found: Range, first: date) -> str:
    start = f"<t:StartDate>{first.isoformat()}</t:StartDate>"
    match found:
        case NoEnd():
            return f"<t:NoEndRecurrence>{start}</t:NoEndRecurrence>"
        case EndsOn(day=day):
            return f"<t:EndDateRecurrence>{start}<t:EndDate>{day.isoformat()}</t:EndDate></t:EndDateRecurrence>"
        case Numbered(occurrences=count):
            return f"<t:NumberedRecurrence>{start}<t:NumberOfOccurrences>{count}</t:NumberOfOccurrences></t:NumberedRecurrence>"
        case _:
            assert_never(found)


def recurrence_of(element: Any) -> Recurrence | None:
    """From a t:Recurrence. Raises PermanentError for a pattern that is none of ours (those of tasks that come back by being done)."""
    if element is None:
        return None
    pattern: Pattern | None = None
    found: Range = NoEnd()
    for one in element:
        name = one.tag.removeprefix(T)
        interval = int(one.findtext(f"{T}Interval") or "1")
        days = tuple(
            day for word in (one.findtext(f"{T}DaysOfWeek") or "").split() for day in (_GROUPS[word] if word in _GROUPS else (_BACK[word],))
        )
        nth = _NTH_BACK.get(one.findtext(f"{T}DayOfWeekIndex") or "", 1)
        at = int(one.findtext(f"{T}DayOfMonth") or "1")
        month = _MONTHS.index(one.findtext(f"{T}Month") or "January") + 1
        match name:
            case "DailyRecurrence":
                pattern = Daily(interval=interval)
            case "WeeklyRecurrence":
                first = _BACK.get(one.findtext(f"{T}FirstDayOfWeek") or "", Weekday.MO)
                pattern = Weekly(days=days, interval=interval, firstdayofweek=first)
            case "AbsoluteMonthlyRecurrence":
                pattern = Monthly(day=at, interval=interval)
            case "RelativeMonthlyRecurrence":
                pattern = MonthlyNth(nth=nth, days=days, interval=interval)
            case "AbsoluteYearlyRecurrence":
                pattern = Yearly(month=month, day=at)
            case "RelativeYearlyRecurrence":
                pattern = YearlyNth(month=month, nth=nth, days=days)
            case "NumberedRecurrence":
                found = Numbered(int(one.findtext(f"{T}NumberOfOccurrences") or "1"))
            case "EndDateRecurrence":
                found = EndsOn(date.fromisoformat((one.findtext(f"{T}EndDate") or "")[:10]))
            case _:
                continue
    if pattern is None:
        raise PermanentError("a series comes back in a way that is not known here", hint="Look at it in Outlook.")
    return Recurrence(pattern=pattern, range=found)


def windows_zone(iana: str) -> str:
    """What Exchange calls it. Raises PermanentError where it has no such zone."""
    from reconcile.mail.ews.protocol import IANA_TO_WINDOWS

    found = IANA_TO_WINDOWS.get("Etc/UTC" if iana == "UTC" else iana)
    if found is None:
        raise PermanentError(f"Exchange has no time zone {iana}", hint="Take one of the same clock.")
    return str(found)


def iana_zone(windows: str) -> str:
    """The usual one of those that Exchange means by it; UTC where it is unknown."""
    from reconcile.mail.ews.protocol import WINDOWS_TO_IANA

    return "UTC" if windows in ("", "UTC", "tzone://Microsoft/Utc") else str(WINDOWS_TO_IANA.get(windows, "UTC"))
