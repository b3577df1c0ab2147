"""Elements of an appointment that follow from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from reconcile.sandbox.ews.ids import OCCURRENCE, Id, change_key
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.mime_view import mailbox as mailbox_node
from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.occurrences import starts
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import moment, stamp

ATTENDEES: Final = ("RequiredAttendees", "OptionalAttendees", "Resources")
Made = Callable[[Mailbox, Item], Node | None]


def is_meeting(item: Item) -> bool:
    """Whether somebody was, or is to be, invited."""
    return any(item.properties.get(name, Node("")).children for name in ATTENDEES)


def is_organizer(mailbox: Mailbox, item: Item) -> bool:
    """Whether the mailbox's owner called the meeting."""
    found = item.properties.get("Organizer")
    return found is None or found.text_at("t:Mailbox/t:EmailAddress").lower() == mailbox.address.lower()


def _duration(_mailbox: Mailbox, item: Item) -> Node | None:
    if not item.text("Start") or not item.text("End"):
        return None
    seconds = int((moment(item.text("End")) - moment(item.text("Start"))).total_seconds())
    days, rest = divmod(max(seconds, 0), 86400)
    hours, minutes = divmod(rest // 60, 60)
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    text = "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return Node("t:Duration", text if text != "P" else "PT0S")


def _kind(_mailbox: Mailbox, item: Item) -> Node:
    default = "RecurringMaster" if "Recurrence" in item.properties else "Single"
    return Node("t:CalendarItemType", item.text("CalendarItemType") or default)


def _recurring(_mailbox: Mailbox, item: Item) -> Node:
    return Node("t:IsRecurring", flag(item.series is not None))


def _organizer(mailbox: Mailbox, item: Item) -> Node:
    return item.properties.get("Organizer") or Node("t:Organizer", children=(mailbox_node(mailbox.name, mailbox.address),))


def _my_response(mailbox: Mailbox, item: Item) -> Node:
    default = "Organizer" if is_meeting(item) and is_organizer(mailbox, item) else "Unknown"
    return item.properties.get("MyResponseType") or Node("t:MyResponseType", default)


def _occurrence(element: str, *, last: bool) -> Made:
    def made(mailbox: Mailbox, item: Item) -> Node | None:
        if "Recurrence" not in item.properties:
            return None
        extent = item.properties["Recurrence"].children[-1]
        if last and extent.local == "NoEndRecurrence":
            return None
        alive = [start for start in starts(item) if item.exceptions.get(start, item) is not None] if last else None
        start = (alive[-1] if alive else None) if last else next(iter(starts(item)), None)
        return None if start is None else _info(mailbox, item, element, start)

    return made


def _info(mailbox: Mailbox, item: Item, element: str, start: int) -> Node:
    length = moment(item.text("End")) - moment(item.text("Start"))
    begin = datetime.fromtimestamp(start, UTC)
    changed = item.exceptions.get(start)
    texts = (stamp(begin), stamp(begin + length)) if changed is None else (changed.text("Start"), changed.text("End"))
    id_ = {"Id": str(Id(OCCURRENCE, mailbox.number, item.number, start)), "ChangeKey": change_key((changed or item).version)}
    children = [Node("t:ItemId", attributes=id_), Node("t:Start", texts[0]), Node("t:End", texts[1])]
    return Node(element, children=[*children, Node("t:OriginalStart", stamp(begin))])


def _modified(mailbox: Mailbox, item: Item) -> Node | None:
    found = [_info(mailbox, item, "t:Occurrence", at) for at, changed in sorted(item.exceptions.items(), key=_at) if changed is not None]
    return Node("t:ModifiedOccurrences", children=found) if found else None


def _deleted(_mailbox: Mailbox, item: Item) -> Node | None:
    gone = [at for at, changed in sorted(item.exceptions.items(), key=_at) if changed is None]
    found = [Node("t:DeletedOccurrence", children=(Node("t:Start", stamp(datetime.fromtimestamp(at, UTC))),)) for at in gone]
    return Node("t:DeletedOccurrences", children=found) if found else None


def _at(pair: tuple[int, Item | None]) -> int:
    return pair[0]


def _zone_id(element: str, source: str) -> Made:
    def made(_mailbox: Mailbox, item: Item) -> Node | None:
        found = item.properties.get(source)
        return Node(element, found.attributes.get("Id", "")) if found is not None else item.properties.get(element[2:])

    return made


CALENDAR_VALUES: Final[Mapping[str, Made]] = {
    "Duration": _duration,
    "IsMeeting": lambda _, item: Node("t:IsMeeting", flag(is_meeting(item))),
    "IsRecurring": _recurring,
    "CalendarItemType": _kind,
    "Organizer": _organizer,
    "IsOrganizer": lambda mailbox, item: Node("t:IsOrganizer", flag(is_organizer(mailbox, item))),
    "MyResponseType": _my_response,
    "FirstOccurrence": _occurrence("t:FirstOccurrence", last=False),
    "LastOccurrence": _occurrence("t:LastOccurrence", last=True),
    "ModifiedOccurrences": _modified,
    "DeletedOccurrences": _deleted,
    "StartTimeZoneId": _zone_id("t:StartTimeZoneId", "StartTimeZone"),
    "EndTimeZoneId": _zone_id("t:EndTimeZoneId", "EndTimeZone"),
}
