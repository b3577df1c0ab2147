"""Appointments as iCalendar (RFC 5545): what MimeContent of one is, and what invitations carry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from reconcile.sandbox.ews.bodies import as_text, body_parts
from reconcile.sandbox.ews.calendar_values import ATTENDEES, is_organizer
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.occurrences import zone_of_item
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.time_zones import changes
from reconcile.sandbox.ews.times import moment, stamp

_DAYS: Final = {"Monday": "MO", "Tuesday": "TU", "Wednesday": "WE", "Thursday": "TH", "Friday": "FR", "Saturday": "SA", "Sunday": "SU"}
_GROUPS: Final = {"Day": "MO,TU,WE,TH,FR,SA,SU", "Weekday": "MO,TU,WE,TH,FR", "WeekendDay": "SA,SU"}
_WEEKS: Final = {"First": "1", "Second": "2", "Third": "3", "Fourth": "4", "Last": "-1"}
_MONTHS: Final = "January February March April May June July August September October November December"
_ANSWERS: Final = {"Accept": "ACCEPTED", "Decline": "DECLINED", "Tentative": "TENTATIVE"}
_ROLES: Final = {"RequiredAttendees": "REQ-PARTICIPANT", "OptionalAttendees": "OPT-PARTICIPANT", "Resources": "NON-PARTICIPANT"}


def calendar_of(mailbox: Mailbox, item: Item, method: str = "PUBLISH", *, attendee: tuple[str, str] | None = None) -> bytes:
    """A VCALENDAR with the item and, of a series, its changed occurrences. `attendee` (address, answer) is the one of a REPLY."""
    zone = zone_of_item(item)
    lines = ["BEGIN:VCALENDAR", "PRODID:-//reconcile//sandbox//EN", "VERSION:2.0", f"METHOD:{method}"]
    if zone is not UTC:
        lines += _zone(zone, moment(item.text("Start")).year)
    lines += _event(mailbox, item, zone, method, attendee)
    for changed in item.exceptions.values():
        if changed is not None:
            lines += _event(mailbox, changed, zone, method, attendee)
    lines.append("END:VCALENDAR")
    return "".join(_folded(line) for line in lines).encode()


def _event(mailbox: Mailbox, item: Item, zone: tzinfo, method: str, attendee: tuple[str, str] | None) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{item.text('UID')}"
    yield f"DTSTAMP:{_utc(stamp(item.modified))}"
    yield f"SUMMARY:{_text(item.text('Subject'))}"
    all_day = item.text("IsAllDayEvent") == "true"
    yield _time("DTSTART", item.text("Start"), zone, all_day=all_day)
    yield _time("DTEND", item.text("End"), zone, all_day=all_day)
    if item.series is not None:
        yield _time("RECURRENCE-ID", stamp(datetime.fromtimestamp(item.original_start, UTC)), zone, all_day=all_day)
    elif (recurrence := item.properties.get("Recurrence")) is not None:
        yield f"RRULE:{_rule(recurrence)}"
        for at, changed in sorted(item.exceptions.items(), key=lambda pair: pair[0]):
            if changed is None:
                yield _time("EXDATE", stamp(datetime.fromtimestamp(at, UTC)), zone, all_day=all_day)
    if item.text("Location"):
        yield f"LOCATION:{_text(item.text('Location'))}"
    plain, rich = body_parts(item)
    if plain or rich:
        yield f"DESCRIPTION:{_text(plain or as_text(rich))}"
    yield f"CLASS:{'PUBLIC' if item.text('Sensitivity') in ('', 'Normal') else 'PRIVATE'}"
    yield f"SEQUENCE:{item.text('AppointmentSequenceNumber') or '0'}"
    yield f"STATUS:{'CANCELLED' if method == 'CANCEL' else 'CONFIRMED'}"
    busy = item.text("LegacyFreeBusyStatus") or "Busy"
    yield f"TRANSP:{'TRANSPARENT' if busy == 'Free' else 'OPAQUE'}"
    yield f"X-MICROSOFT-CDO-BUSYSTATUS:{busy.upper()}"
    yield f"X-MICROSOFT-CDO-ALLDAYEVENT:{'TRUE' if all_day else 'FALSE'}"
    categories = [child.text for child in item.properties.get("Categories", Node("")).children]
    if categories:
        yield f"CATEGORIES:{','.join(_text(name) for name in categories)}"
    yield from _people(mailbox, item, attendee)
    if item.text("ReminderIsSet") == "true":
        minutes = item.text("ReminderMinutesBeforeStart") or "15"
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Reminder", f"TRIGGER:-PT{minutes}M", "END:VALARM")
    yield "END:VEVENT"


def _people(mailbox: Mailbox, item: Item, attendee: tuple[str, str] | None) -> Iterator[str]:
    people = [(name, node) for name in ATTENDEES for node in item.properties.get(name, Node("")).children]
    if not people:
        return
    organizer = item.properties.get("Organizer")
    address = mailbox.address if organizer is None or is_organizer(mailbox, item) else organizer.text_at("t:Mailbox/t:EmailAddress")
    yield f"ORGANIZER:mailto:{address}"
    if attendee is not None:
        yield f"ATTENDEE;PARTSTAT={_ANSWERS.get(attendee[1], 'NEEDS-ACTION')}:mailto:{attendee[0]}"
        return
    for name, node in people:
        answer = _ANSWERS.get(node.text_at("t:ResponseType"), "NEEDS-ACTION")
        yield f"ATTENDEE;ROLE={_ROLES[name]};PARTSTAT={answer};RSVP=TRUE:mailto:{node.text_at('t:Mailbox/t:EmailAddress')}"


def _rule(recurrence: Node) -> str:
    pattern, extent = recurrence.children
    parts = [f"INTERVAL={pattern.text_at('t:Interval', '1')}"]
    names = [_GROUPS.get(name) or _DAYS.get(name, "") for name in pattern.text_at("t:DaysOfWeek").split()]
    days = ",".join(name for name in names if name)
    match pattern.local:
        case "WeeklyRecurrence":
            kind, rest = "WEEKLY", [f"BYDAY={days}", f"WKST={_DAYS.get(pattern.text_at('t:FirstDayOfWeek', 'Sunday'), 'SU')}"]
        case "AbsoluteMonthlyRecurrence":
            kind, rest = "MONTHLY", [f"BYMONTHDAY={pattern.text_at('t:DayOfMonth')}"]
        case "RelativeMonthlyRecurrence":
            kind, rest = "MONTHLY", [f"BYDAY={days}", f"BYSETPOS={_WEEKS.get(pattern.text_at('t:DayOfWeekIndex'), '1')}"]
        case "AbsoluteYearlyRecurrence":
            kind, rest = "YEARLY", [f"BYMONTH={_month(pattern)}", f"BYMONTHDAY={pattern.text_at('t:DayOfMonth')}"]
        case "RelativeYearlyRecurrence":
            place = _WEEKS.get(pattern.text_at("t:DayOfWeekIndex"), "1")
            kind, rest = "YEARLY", [f"BYMONTH={_month(pattern)}", f"BYDAY={days}", f"BYSETPOS={place}"]
        case _:
            kind, rest = "DAILY", []
    if extent.local == "EndDateRecurrence":
        rest.append(f"UNTIL={extent.text_at('t:EndDate')[:10].replace('-', '')}T235959Z")
    elif extent.local == "NumberedRecurrence":
        rest.append(f"COUNT={extent.text_at('t:NumberOfOccurrences')}")
    return ";".join([f"FREQ={kind}", *parts, *rest])


def _month(pattern: Node) -> int:
    months = _MONTHS.split()
    name = pattern.text_at("t:Month")
    return months.index(name) + 1 if name in months else 1


def _zone(zone: tzinfo, year: int) -> Iterator[str]:
    yield from ("BEGIN:VTIMEZONE", f"TZID:{zone}")
    found = changes(zone, year)
    if not found:
        offset = _offset(datetime(year, 1, 1, tzinfo=zone).utcoffset() or timedelta())
        yield from ("BEGIN:STANDARD", "DTSTART:16010101T000000", f"TZOFFSETFROM:{offset}", f"TZOFFSETTO:{offset}", "END:STANDARD")
    for at, before, after in found:
        kind = "DAYLIGHT" if after > before else "STANDARD"
        local = at + before
        place = -1 if (local + timedelta(days=7)).month != local.month else (local.day - 1) // 7 + 1
        day = list(_DAYS.values())[local.weekday()]
        yield from (f"BEGIN:{kind}", f"DTSTART:1601{local:%m%dT%H%M00}", f"TZOFFSETFROM:{_offset(before)}", f"TZOFFSETTO:{_offset(after)}")
        yield from (f"RRULE:FREQ=YEARLY;BYDAY={place}{day};BYMONTH={local.month}", f"END:{kind}")
    yield "END:VTIMEZONE"


def _offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _time(name: str, text: str, zone: tzinfo, *, all_day: bool) -> str:
    local = moment(text).astimezone(zone)
    if all_day:
        return f"{name};VALUE=DATE:{local:%Y%m%d}"
    return f"{name}:{_utc(text)}" if zone is UTC else f"{name};TZID={zone}:{local:%Y%m%dT%H%M%S}"


def _utc(text: str) -> str:
    return text.replace("-", "").replace(":", "")


def _text(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> str:
    """Lines of at most 75 octets (RFC 5545, section 3.1), cut between characters."""
    pieces, here, octets = [], "", 0
    for sign in line:
        width = len(sign.encode())
        if octets + width > 74:
            pieces.append(here)
            here, octets = " ", 1
        here, octets = here + sign, octets + width
    return "\r\n".join([*pieces, here]) + "\r\n"
