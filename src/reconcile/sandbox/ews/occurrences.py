"""Occurrences of a series: found by number, by start, or in a stretch of time; changed or dropped on their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.recurrence import days
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Folder, Item
from reconcile.sandbox.ews.time_zones import zone
from reconcile.sandbox.ews.times import moment, stamp

#: Occurrences of one series that are looked at.
_LIMIT: Final = 5000
_NOT_INHERITED: Final = ("Recurrence", "Start", "End", "CalendarItemType")


def starts(master: Item) -> Iterator[int]:
    """Starts its pattern gives, in seconds since 1970: the same clock time in the series' own zone."""
    first = moment(master.text("Start"))
    local = first.astimezone(zone_of_item(master))
    for number, day in enumerate(days(master.properties["Recurrence"])):
        if number >= _LIMIT:
            return
        then = datetime.combine(day, local.time(), tzinfo=local.tzinfo)
        yield int(then.timestamp())


def zone_of_item(item: Item) -> tzinfo:
    """The zone it was made in."""
    found = item.properties.get("StartTimeZone") or item.properties.get("MeetingTimeZone")
    name = "" if found is None else found.attributes.get("Id") or found.attributes.get("TimeZoneName", "")
    return zone(name or item.text("StartTimeZoneId") or "UTC") or UTC


def occurrence(mailbox: Mailbox, master: Item, index: int) -> Item:
    """The occurrence of that number, 1 the first, dropped ones counted in. Raises EwsError."""
    if "Recurrence" not in master.properties:
        raise EwsError("ErrorCalendarCannotUseIdForOccurrenceId", "The id is not that of a series.")
    for number, start in enumerate(starts(master), start=1):
        if number == index:
            return occurrence_at(mailbox, master, start)
    raise EwsError("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "The index is not in the range of the series.")


def occurrence_at(mailbox: Mailbox, master: Item, start: int) -> Item:
    """The occurrence that by its pattern starts then. Raises EwsError."""
    if start in master.exceptions:
        found = master.exceptions[start]
        if found is None:
            raise EwsError("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The occurrence was deleted from the series.")
        return found
    if "Recurrence" not in master.properties or start not in starts(master):
        raise EwsError("ErrorItemNotFound")
    return _made(master, start)


def view(mailbox: Mailbox, folder: Folder, start: datetime, end: datetime) -> list[Item]:
    """Single appointments and occurrences that overlap [start, end), by start."""
    found = []
    for item in folder.items.values():
        if item.kind != "CalendarItem" or not item.text("Start"):
            continue
        if "Recurrence" not in item.properties:
            found.append(item)
            continue
        found += [changed for changed in item.exceptions.values() if changed is not None]
        length = moment(item.text("End")) - moment(item.text("Start"))
        for at in starts(item):
            if at >= end.timestamp():
                break
            if at + length.total_seconds() >= start.timestamp() and at not in item.exceptions:
                found.append(_made(item, at))
    inside = [item for item in found if _overlaps(item, start, end)]
    return sorted(inside, key=lambda item: (item.text("Start"), item.number))


def keep_exception(mailbox: Mailbox, item: Item) -> None:
    """An occurrence that was changed on its own is an exception of its series from now on."""
    master = item.series
    if master is None:
        return
    item.properties["CalendarItemType"] = Node("t:CalendarItemType", "Exception")
    master.exceptions[item.original_start] = item
    mailbox.touch(master)
    item.version, item.modified = master.version, master.modified
    item.written.clear()


def drop_occurrence(mailbox: Mailbox, item: Item) -> None:
    """That occurrence does not take place."""
    if item.series is not None:
        item.series.exceptions[item.original_start] = None
        mailbox.touch(item.series)


def _made(master: Item, start: int) -> Item:
    length = moment(master.text("End")) - moment(master.text("Start"))
    begin = datetime.fromtimestamp(start, UTC)
    properties = {name: node for name, node in master.properties.items() if name not in _NOT_INHERITED}
    properties["Start"] = Node("t:Start", stamp(begin))
    properties["End"] = Node("t:End", stamp(begin + length))
    properties["CalendarItemType"] = Node("t:CalendarItemType", "Occurrence")
    properties["OriginalStart"] = Node("t:OriginalStart", stamp(begin))
    properties["RecurrenceId"] = Node("t:RecurrenceId", stamp(begin))
    return Item(
        number=0,
        mailbox=master.mailbox,
        folder=master.folder,
        kind=master.kind,
        created=master.created,
        modified=master.modified,
        properties=properties,
        extended=dict(master.extended),
        attachments=list(master.attachments),
        version=master.version,
        series=master,
        original_start=start,
    )


def _overlaps(item: Item, start: datetime, end: datetime) -> bool:
    begins, ends = moment(item.text("Start")), moment(item.text("End"))
    return begins < end and (ends > start or begins == ends >= start)
