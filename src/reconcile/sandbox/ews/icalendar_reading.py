"""iCalendar (RFC 5545) as the MIME of a new appointment: the first VEVENT, as elements. DavMail makes appointments so."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

from reconcile.sandbox.ews.mime_view import MimeView
from reconcile.sandbox.ews.mime_view import mailbox as mailbox_node
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.time_zones import ZONES, zone
from reconcile.sandbox.ews.times import stamp

_DAYS: Final = {"MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday", "SU": "Sunday"}
_WEEKS: Final = {"1": "First", "2": "Second", "3": "Third", "4": "Fourth", "-1": "Last"}
_MONTHS: Final = tuple(calendar.month_name)
_TEXTS: Final = {"SUMMARY": "Subject", "LOCATION": "Location", "UID": "UID"}
_WINDOWS: Final = {iana: name for name, iana in ZONES.items()}
_LIMIT: Final = 10_000


def elements_of(octets: bytes) -> list[Node]:
    """Elements of a t:CalendarItem; none where the octets hold no event. Raises EwsError ErrorMimeContentInvalid for nonsense in one."""
    try:
        return list(_elements(octets))
    except (ValueError, KeyError, IndexError, OverflowError):
        raise EwsError("ErrorMimeContentInvalid", "The content is no iCalendar this server can read.") from None


def _elements(octets: bytes) -> Iterator[Node]:
    text = octets.decode("utf-8", "replace")
    if not text.lstrip().startswith("BEGIN:VCALENDAR"):
        parts = [part for part in MimeView(octets).parsed.walk() if part.get_content_type() == "text/calendar"]
        payload = parts[0].get_payload(decode=True) if parts else b""
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    required: list[Node] = []
    first: datetime | None = None
    for name, parameters, value in _lines(text):
        if name in _TEXTS:
            yield Node(f"t:{_TEXTS[name]}", _plain(value))
        elif name == "DESCRIPTION":
            yield Node("t:Body", _plain(value), attributes={"BodyType": "Text"})
        elif name in ("DTSTART", "DTEND"):
            at = _moment(value, parameters)
            yield Node("t:Start" if name == "DTSTART" else "t:End", stamp(at))
            if name == "DTSTART":
                first = at
                if (known := _WINDOWS.get(parameters.get("TZID", ""))) is not None:
                    yield Node("t:StartTimeZone", attributes={"Id": known})
                if len(value) == 8:
                    yield Node("t:IsAllDayEvent", "true")
        elif name == "RRULE" and first is not None:
            yield _recurrence(dict(part.split("=", 1) for part in value.split(";") if "=" in part), first)
        elif name == "CATEGORIES":
            yield Node("t:Categories", children=[Node("t:String", _plain(one)) for one in value.split(",")])
        elif name == "CLASS" and value != "PUBLIC":
            yield Node("t:Sensitivity", "Private")
        elif name == "TRANSP" and value == "TRANSPARENT":
            yield Node("t:LegacyFreeBusyStatus", "Free")
        elif name == "ATTENDEE" and value.lower().startswith("mailto:"):
            required.append(Node("t:Attendee", children=(mailbox_node(parameters.get("CN", ""), value[7:]),)))
    if required:
        yield Node("t:RequiredAttendees", children=required)


def _lines(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Properties of the first VEVENT itself, not of what is nested in it."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    inside: list[str] = []
    for line in unfolded.splitlines()[:_LIMIT]:
        head, _, value = line.partition(":")
        if quoted := re.match(r'((?:[^":]|"[^"]*")*):(.*)', line):
            head, value = quoted[1], quoted[2]
        name, *given = head.split(";")
        if name == "BEGIN":
            inside.append(value)
        elif name == "END" and inside:
            if inside.pop() == "VEVENT":
                return
        elif inside and inside[-1] == "VEVENT":
            pairs = (parameter.partition("=") for parameter in given)
            yield name.upper(), {key.upper(): found.strip('"') for key, _, found in pairs}, value


def _moment(value: str, parameters: dict[str, str]) -> datetime:
    of: tzinfo = zone(parameters.get("TZID", "UTC")) or UTC
    if len(value) == 8:
        return datetime.strptime(value, "%Y%m%d").replace(tzinfo=of)
    return datetime.strptime(value.rstrip("Z"), "%Y%m%dT%H%M%S").replace(tzinfo=UTC if value.endswith("Z") else of)


def _recurrence(rule: dict[str, str], first: datetime) -> Node:
    interval = Node("t:Interval", rule.get("INTERVAL", "1"))
    names = [(day[:-2], _DAYS[day[-2:]]) for day in rule.get("BYDAY", "").split(",") if day]
    days = " ".join(name for _, name in names) or list(_DAYS.values())[first.weekday()]
    place = rule.get("BYSETPOS") or (names[0][0].lstrip("+") if names else "")
    month = Node("t:Month", _MONTHS[int(rule.get("BYMONTH", str(first.month)))])
    day_of_month = Node("t:DayOfMonth", rule.get("BYMONTHDAY", str(first.day)))
    relative = [Node("t:DaysOfWeek", days), Node("t:DayOfWeekIndex", _WEEKS.get(place, "First"))]
    match rule["FREQ"]:
        case "DAILY":
            pattern = Node("t:DailyRecurrence", children=[interval])
        case "WEEKLY":
            week = Node("t:FirstDayOfWeek", _DAYS[rule.get("WKST", "MO")])
            pattern = Node("t:WeeklyRecurrence", children=[interval, Node("t:DaysOfWeek", days), week])
        case "MONTHLY" if place:
            pattern = Node("t:RelativeMonthlyRecurrence", children=[interval, *relative])
        case "MONTHLY":
            pattern = Node("t:AbsoluteMonthlyRecurrence", children=[interval, day_of_month])
        case "YEARLY" if place:
            pattern = Node("t:RelativeYearlyRecurrence", children=[*relative, month])
        case _:
            pattern = Node("t:AbsoluteYearlyRecurrence", children=[day_of_month, month])
    start = Node("t:StartDate", first.date().isoformat())
    if "COUNT" in rule:
        return Node(
            "t:Recurrence", children=(pattern, Node("t:NumberedRecurrence", children=(start, Node("t:NumberOfOccurrences", rule["COUNT"]))))
        )
    if "UNTIL" in rule:
        until = datetime.strptime(rule["UNTIL"][:8], "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a day
        return Node("t:Recurrence", children=(pattern, Node("t:EndDateRecurrence", children=(start, Node("t:EndDate", until)))))
    return Node("t:Recurrence", children=(pattern, Node("t:NoEndRecurrence", children=(start,))))


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], text)
