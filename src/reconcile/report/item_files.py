"""Appointments, contacts and tasks as files that other programs read: CSV, iCalendar (RFC 5545) and vCard 4.0 (RFC 6350)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from reconcile.model.instant import zone
from reconcile.model.item import Appointment, Contact, ItemKind, Priority, ShowAs, Task, TaskStatus, columns, value
from reconcile.model.item_json import dumped_value
from reconcile.model.item_record import ItemState, Record
from reconcile.model.recurrence import (
    ChangedOccurrence,
    Daily,
    DeletedOccurrence,
    EndsOn,
    Monthly,
    MonthlyNth,
    Numbered,
    Recurrence,
    Weekly,
    Yearly,
    YearlyNth,
)
from reconcile.report.csv_text import csv_octets

_DOMAIN: Final = "reconcile.invalid"
_PRIORITY: Final = {Priority.LOW: 9, Priority.NORMAL: 5, Priority.HIGH: 1}
_FOLD: Final = 75
_BREAK: Final = re.compile("\r\n|[\r\x85\u2028\u2029]")
#: Clocks are written down for appointments between these.
_CLOCKS: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
#: A calendar program has a series without end up to here at least.
_YEARS: Final = 3


def csv_file(kind: ItemKind, records: Iterable[Record]) -> bytes:
    """One line a record of this kind, behind one of names; lists and objects are JSON in their cell."""
    names = ("id", "version", "owner", "state", "editedAt", *columns(kind))
    rows = (
        (one.id, one.version, one.owner, one.state, one.edited_at, *(_cell(dumped_value(value(one.item, name))) for name in columns(kind)))
        for one in records
    )
    return csv_octets(names, rows)


def _cell(found: object) -> object:
    return (json.dumps(found, ensure_ascii=False) if found else None) if isinstance(found, list | dict) else found


def vcard(records: Iterable[Record]) -> Iterator[str]:
    """Contacts."""
    for record in records:
        item = record.item
        if isinstance(item, Contact):
            yield _folded(_card(record, item))


def _card(record: Record, item: Contact) -> Iterator[str]:
    yield "BEGIN:VCARD"
    yield "VERSION:4.0"
    yield f"UID:urn:reconcile:item:{record.id}"
    yield f"REV:{_stamp(record.edited_at)}"
    yield f"FN:{_text(item.fullname or item.company or item.emailaddress1)}"
    yield f"N:{';'.join(map(_text, (item.lastname, item.firstname, item.middlename, '', item.suffix)))}"
    plain = (("TITLE", item.jobtitle), ("NICKNAME", item.nickname), ("NOTE", item.description))
    yield from (f"{name}:{_text(text)}" for name, text in plain if text)
    yield from (f"URL:{_uri(text)}" for text in (item.websiteurl, item.ftpsiteurl) if text)
    if item.company or item.department:
        yield f"ORG:{_text(item.company)};{_text(item.department)}"
    yield from (f"EMAIL:{_text(text)}" for text in (item.emailaddress1, item.emailaddress2, item.emailaddress3) if text)
    phones = (
        ("work,voice", item.telephone1),
        ("work,voice", item.business2),
        ("home,voice", item.telephone2),
        ("home,voice", item.home2),
        ("voice", item.telephone3),
        ("cell", item.mobilephone),
        ("pager", item.pager),
        ("fax", item.fax),
    )
    yield from (f'TEL;TYPE="{kind}":{_text(text)}' for kind, text in phones if text)
    for number, kind in ((1, "work"), (2, "home"), (3, "")):
        parts = [getattr(item, f"address{number}_{part}") for part in ("line1", "city", "stateorprovince", "postalcode", "country")]
        if any(parts):
            yield f"ADR{f';TYPE={kind}' if kind else ''}:;;{';'.join(map(_text, parts))}"
    yield from (f"{name}:{day:%Y%m%d}" for name, day in (("BDAY", item.birthdate), ("ANNIVERSARY", item.anniversary)) if day)
    yield "END:VCARD"


def icalendar(records: Iterable[Record]) -> Iterator[str]:
    """Appointments and tasks, as one calendar. Nobody is invited by it: it has no METHOD."""
    kept = [record for record in records if isinstance(record.item, Appointment | Task)]
    yield _folded(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//reconcile//items//EN"])
    zones = {one.item.timezone: one.item for one in kept if isinstance(one.item, Appointment) and one.item.timezone != "UTC"}
    for name in sorted(zones):
        first = min(one.item.scheduledstart for one in kept if isinstance(one.item, Appointment) and one.item.timezone == name)
        last = max(one.item.scheduledend for one in kept if isinstance(one.item, Appointment) and one.item.timezone == name)
        yield _folded(_zone(name, first, last))
    for record in kept:
        if isinstance(record.item, Appointment):
            yield _folded(_event(record, record.item))
            for one in record.item.exceptions:
                if isinstance(one, ChangedOccurrence):
                    yield _folded(_occurrence(record, record.item, one))
        elif isinstance(record.item, Task):
            yield _folded(_todo(record, record.item))
    yield _folded(["END:VCALENDAR"])


def _event(record: Record, item: Appointment) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{record.id}@{_DOMAIN}"
    yield f"DTSTAMP:{_stamp(record.edited_at)}"
    yield f"SEQUENCE:{record.version - 1}"
    yield _time("DTSTART", item.scheduledstart, item)
    yield _time("DTEND", item.scheduledend, item)
    if item.recurrence is not None:
        yield f"RRULE:{_rule(item.recurrence, item)}"
        yield from (_time("EXDATE", one.original, item) for one in item.exceptions if isinstance(one, DeletedOccurrence))
    texts = (("SUMMARY", item.subject), ("LOCATION", item.location), ("DESCRIPTION", item.description))
    yield from (f"{name}:{_text(text)}" for name, text in texts if text)
    yield f"PRIORITY:{_PRIORITY[item.prioritycode]}"
    yield f"TRANSP:{'TRANSPARENT' if item.statuscode is ShowAs.FREE or record.state is not ItemState.OPEN else 'OPAQUE'}"
    yield f"STATUS:{'CANCELLED' if record.state is ItemState.CANCELED else 'CONFIRMED'}"
    if item.isprivate:
        yield "CLASS:PRIVATE"
    if item.organizer and (item.requiredattendees or item.optionalattendees):
        yield f"ORGANIZER:mailto:{_uri(item.organizer)}"
    for role, people in (("REQ-PARTICIPANT", item.requiredattendees), ("OPT-PARTICIPANT", item.optionalattendees)):
        yield from (f"ATTENDEE;ROLE={role};CN={_parameter(one.name or one.address)}:mailto:{_uri(one.address)}" for one in people)
    yield "END:VEVENT"


def _occurrence(record: Record, item: Appointment, one: ChangedOccurrence) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{record.id}@{_DOMAIN}"
    yield f"DTSTAMP:{_stamp(record.edited_at)}"
    yield _time("RECURRENCE-ID", one.original, item)
    yield _time("DTSTART", one.scheduledstart, item)
    yield _time("DTEND", one.scheduledend, item)
    yield f"SUMMARY:{_text(one.subject or item.subject)}"
    yield from (f"{name}:{_text(text)}" for name, text in (("LOCATION", one.location), ("DESCRIPTION", one.description)) if text)
    yield "END:VEVENT"


def _todo(record: Record, item: Task) -> Iterator[str]:
    status = {TaskStatus.COMPLETED: "COMPLETED", TaskStatus.IN_PROGRESS: "IN-PROCESS"}.get(item.statuscode, "NEEDS-ACTION")
    yield "BEGIN:VTODO"
    yield f"UID:{record.id}@{_DOMAIN}"
    yield f"DTSTAMP:{_stamp(record.edited_at)}"
    yield f"SUMMARY:{_text(item.subject)}"
    if item.description:
        yield f"DESCRIPTION:{_text(item.description)}"
    yield from (f"{name};VALUE=DATE:{day:%Y%m%d}" for name, day in (("DTSTART", item.scheduledstart), ("DUE", item.scheduledend)) if day)
    if item.actualend is not None:
        yield f"COMPLETED:{item.actualend:%Y%m%d}T000000Z"
    yield f"PERCENT-COMPLETE:{item.percentcomplete}"
    yield f"PRIORITY:{_PRIORITY[item.prioritycode]}"
    yield f"STATUS:{'CANCELLED' if record.state is ItemState.CANCELED else status}"
    yield "END:VTODO"


def _rule(found: Recurrence, item: Appointment) -> str:
    """RFC 5545, 3.3.10. A month too short for the day has it on its last one, which takes BYSETPOS to say."""
    pattern, parts = found.pattern, list[str]()

    def by(days: Iterable[object]) -> str:
        return f"BYDAY={','.join(str(day).upper() for day in days)}"

    def last(day: int) -> list[str]:
        return [f"BYMONTHDAY={','.join(map(str, range(28, day + 1)))}", "BYSETPOS=-1"] if day > 28 else [f"BYMONTHDAY={day}"]

    match pattern:
        case Daily():
            parts = ["FREQ=DAILY", f"INTERVAL={pattern.interval}"]
        case Weekly():
            parts = ["FREQ=WEEKLY", f"INTERVAL={pattern.interval}", by(pattern.days), f"WKST={pattern.firstdayofweek.upper()}"]
        case Monthly():
            parts = ["FREQ=MONTHLY", f"INTERVAL={pattern.interval}", *last(pattern.day)]
        case MonthlyNth():
            parts = ["FREQ=MONTHLY", f"INTERVAL={pattern.interval}", by(pattern.days), f"BYSETPOS={pattern.nth}"]
        case Yearly():
            parts = ["FREQ=YEARLY", f"BYMONTH={pattern.month}", *last(pattern.day)]
        case YearlyNth():
            parts = ["FREQ=YEARLY", f"BYMONTH={pattern.month}", by(pattern.days), f"BYSETPOS={pattern.nth}"]
    match found.range:
        case EndsOn(day):
            if item.isalldayevent:
                parts.append(f"UNTIL={day:%Y%m%d}")
            else:
                end = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=zone(item.timezone)).astimezone(UTC)
                parts.append(f"UNTIL={end - timedelta(seconds=1):%Y%m%dT%H%M%SZ}")
        case Numbered(occurrences):
            parts.append(f"COUNT={occurrences}")
    return ";".join(parts)


def _time(name: str, moment: datetime, item: Appointment) -> str:
    if item.isalldayevent:
        return f"{name};VALUE=DATE:{moment.astimezone(zone(item.timezone)):%Y%m%d}"
    if item.timezone == "UTC":
        return f"{name}:{moment:%Y%m%dT%H%M%SZ}"
    return f"{name};TZID={_parameter(item.timezone)}:{moment.astimezone(zone(item.timezone)):%Y%m%dT%H%M%S}"


def _zone(name: str, first: datetime, last: datetime) -> Iterator[str]:
    """The changes of its clock from the first appointment to some years behind the last, one by one (RFC 5545, 3.6.5)."""
    place = zone(name)
    # What lies centuries away has no known clock: the first and the last rule count for it.
    first, last = (min(max(one, _CLOCKS[0]), _CLOCKS[1]) for one in (first, last))
    day, end = first - timedelta(days=366), last + timedelta(days=366 * _YEARS)
    before = day.astimezone(place).utcoffset() or timedelta()
    yield "BEGIN:VTIMEZONE"
    yield f"TZID:{_text(name)}"
    yield from _observance("STANDARD", day, before, before)
    while day < end:
        after = (day + timedelta(days=1)).astimezone(place).utcoffset() or timedelta()
        if after != before:
            low, high = day, day + timedelta(days=1)
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if (middle.astimezone(place).utcoffset() or timedelta()) == before else (low, middle)
            moment = high.replace(microsecond=0)
            kind = "DAYLIGHT" if moment.astimezone(place).dst() else "STANDARD"
            yield from _observance(kind, moment, before, after)
            before = after
        day += timedelta(days=1)
    yield "END:VTIMEZONE"


def _observance(kind: str, moment: datetime, before: timedelta, after: timedelta) -> Iterator[str]:
    yield f"BEGIN:{kind}"
    yield f"DTSTART:{(moment + before).replace(tzinfo=None):%Y%m%dT%H%M%S}"
    yield f"TZOFFSETFROM:{_offset(before)}"
    yield f"TZOFFSETTO:{_offset(after)}"
    yield f"END:{kind}"


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _stamp(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """Escaped (RFC 5545, 3.3.11; RFC 6350, 3.4); nothing else ends a line."""
    lines = _BREAK.sub("\n", text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,"))
    return "".join(one for one in lines.replace("\n", "\\n") if one == "\t" or not _is_control(one))


def _is_control(character: str) -> bool:
    """Some readers take more than CR and LF for the end of a line."""
    return ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u2028\u2029"


def _uri(text: str) -> str:
    return "".join(one for one in text if ord(one) > 32 and not _is_control(one))


def _parameter(text: str) -> str:
    return '"' + "".join(one for one in text if not _is_control(one) and one != '"') + '"'


def _folded(lines: Iterable[str]) -> str:
    """CRLF at the end of each line, none longer than 75 octets (RFC 5545, 3.1)."""
    written = []
    for line in lines:
        part, used = "", 0
        for one in line:
            size = len(one.encode())
            if used + size > _FOLD:
                written.append(part)
                part, used = " ", 1
            part, used = part + one, used + size
        written.append(part)
    return "".join(f"{line}\r\n" for line in written)
