"""What of an appointment is made of several elements: its times and zone, its people, its series."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from reconcile.mail.ews import operations
from reconcile.mail.ews.answers import T
from reconcile.mail.ews.changes import moment_of
from reconcile.mail.ews.item_fields import own
from reconcile.mail.ews.operations import text
from reconcile.mail.ews.series import iana_zone, recurrence_of, recurrence_xml, windows_zone
from reconcile.model.instant import zone
from reconcile.model.item import Answer, Appointment, Attendee, Response
from reconcile.model.recurrence import DeletedOccurrence

#: As Windows' names are not one to one, the zone is kept under its own name as well.
ZONE: Final = own("TimeZone")
_ANSWERS: Final = {"Accept": Answer.ACCEPTED, "Tentative": Answer.TENTATIVE, "Decline": Answer.DECLINED}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Columns that are written together, because the server checks them against each other.
TIMES: Final = frozenset({"scheduledstart", "scheduledend", "isalldayevent", "timezone", "recurrence"})
PEOPLE: Final = {"requiredattendees": "RequiredAttendees", "optionalattendees": "OptionalAttendees"}
#: What a calendar sets, and nobody else.
READ_ONLY: Final = frozenset({"organizer", "globalobjectid", "responses"})


def times(item: Appointment, *, series: bool) -> list[tuple[str, str, str]]:
    """(path, element, XML); `series` with the recurrence, also where there is none."""
    windows = windows_zone(item.timezone)
    found = [
        ('<t:FieldURI FieldURI="calendar:Start"/>', "Start", f"<t:Start>{operations.moment(item.scheduledstart)}</t:Start>"),
        ('<t:FieldURI FieldURI="calendar:End"/>', "End", f"<t:End>{operations.moment(item.scheduledend)}</t:End>"),
        (
            '<t:FieldURI FieldURI="calendar:IsAllDayEvent"/>',
            "IsAllDayEvent",
            f"<t:IsAllDayEvent>{str(item.isalldayevent).lower()}</t:IsAllDayEvent>",
        ),
        ('<t:FieldURI FieldURI="calendar:StartTimeZone"/>', "StartTimeZone", f'<t:StartTimeZone Id="{text(windows)}"/>'),
        ('<t:FieldURI FieldURI="calendar:EndTimeZone"/>', "EndTimeZone", f'<t:EndTimeZone Id="{text(windows)}"/>'),
        (ZONE.path, ZONE.element, ZONE.write(item.timezone)),
    ]
    if series:
        first = item.scheduledstart.astimezone(zone(item.timezone)).date()
        xml = "" if item.recurrence is None else recurrence_xml(item.recurrence, first)
        found.append(('<t:FieldURI FieldURI="calendar:Recurrence"/>', "Recurrence", xml))
    return found


def people(column: str, attendees: Sequence[Attendee]) -> tuple[str, str, str]:
    """(path, element, XML)."""
    element = PEOPLE[column]
    inside = "".join(
        f"<t:Attendee><t:Mailbox>{f'<t:Name>{text(one.name)}</t:Name>' if one.name else ''}"
        f"<t:EmailAddress>{text(one.address)}</t:EmailAddress></t:Mailbox></t:Attendee>"
        for one in attendees
    )
    return f'<t:FieldURI FieldURI="calendar:{element}"/>', element, f"<t:{element}>{inside}</t:{element}>" if inside else ""


def values_of(element: Any) -> dict[str, Any]:
    """Columns of an appointment that are read together; exceptions and attachments want requests of their own."""
    listed = {column: _attendees(element, name) for column, name in PEOPLE.items()}
    responses = {
        address: answer
        for name in PEOPLE.values()
        for one in element.findall(f"{T}{name}/{T}Attendee")
        if (answer := _ANSWERS.get(one.findtext(f"{T}ResponseType") or "")) is not None and (address := _address(one))
    }
    start_zone = element.find(f"{T}StartTimeZone")
    windows = "" if start_zone is None else start_zone.get("Id") or ""
    named = str(ZONE.read(element) or "")
    return {
        "scheduledstart": moment_of(element.findtext(f"{T}Start")) or _EPOCH,
        "scheduledend": moment_of(element.findtext(f"{T}End")) or _EPOCH,
        "isalldayevent": _true(element, "IsAllDayEvent"),
        # Ours counts as long as nobody moved the appointment into another of Windows' zones.
        "timezone": named if named and windows_zone(named) == windows else iana_zone(windows),
        "recurrence": recurrence_of(element.find(f"{T}Recurrence")),
        "organizer": organizer_of(element),
        "responses": tuple(sorted(Response(address=address, answer=answer) for address, answer in responses.items())),
        "globalobjectid": element.findtext(f"{T}UID") or "",
        **listed,
    }


def organizer_of(element: Any) -> str:
    return (element.findtext(f"{T}Organizer/{T}Mailbox/{T}EmailAddress") or "").strip().lower()


def is_canceled(element: Any) -> bool:
    return _true(element, "IsCancelled")


def _true(element: Any, name: str) -> bool:
    return (element.findtext(f"{T}{name}") or "").strip().lower() in ("true", "1")


def _attendees(element: Any, name: str) -> tuple[Attendee, ...]:
    found = {}
    for one in element.findall(f"{T}{name}/{T}Attendee"):
        address = _address(one)
        if address:
            shown = (one.findtext(f"{T}Mailbox/{T}Name") or "").strip()
            found[address] = Attendee(address=address, name="" if shown.lower() == address else shown)
    return tuple(sorted(found.values()))


def _address(attendee: Any) -> str:
    return (attendee.findtext(f"{T}Mailbox/{T}EmailAddress") or "").strip().lower()


def deleted_occurrences(element: Any) -> list[DeletedOccurrence]:
    starts = [moment_of(one.findtext(f"{T}Start")) for one in element.findall(f"{T}DeletedOccurrences/{T}DeletedOccurrence")]
    return [DeletedOccurrence(original=start) for start in starts if start is not None]


def changed_occurrences(element: Any) -> list[tuple[str, datetime]]:
    """Id and original start of each."""
    found = []
    for one in element.findall(f"{T}ModifiedOccurrences/{T}Occurrence"):
        identified, original = one.find(f"{T}ItemId"), moment_of(one.findtext(f"{T}OriginalStart"))
        if identified is not None and original is not None:
            found.append((identified.get("Id") or "", original))
    return found
