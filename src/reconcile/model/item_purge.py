"""Purging appointments, contacts and tasks: which are over, and by which names a purged one is known again. Pure.

What is purged is gone here and stays as it is in the mailbox: it is untied, not deleted (docs/adr/0047).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

from reconcile.model.item import Appointment, Item, Task, TaskStatus
from reconcile.model.item_record import ItemState, Record
from reconcile.model.recurrence import ChangedOccurrence, EndsOn, NoEnd, starts
from reconcile.model.remote_id import RemoteId

#: Where a day ends last.
_WEST = timezone(timedelta(hours=-12))


def remote_name(remote_id: RemoteId) -> str:
    """An item by its place in the mailbox."""
    return f"id {remote_id.protocol} {remote_id.value}"


def token_name(token: str) -> str:
    """An item that we made, by what it bears."""
    return f"token {token}"


def meeting_name(globalobjectid: str) -> str:
    """A meeting by its id in all calendars."""
    return f"meeting {globalobjectid}"


def trace_name(trace: str) -> str:
    """An item by what its server knows it by in whatever folder it lies."""
    return f"trace {trace}"


def names_of(remote_id: RemoteId, token: str, globalobjectid: str = "", trace: str = "") -> tuple[str, ...]:
    """All by which it may be listed again."""
    found = [remote_name(remote_id), token_name(token) if token else "", meeting_name(globalobjectid) if globalobjectid else ""]
    return tuple(name for name in (*found, trace_name(trace) if trace else "") if name)


def is_over(record: Record, before: datetime) -> bool:
    """Whether an item was over before then: a meeting by its end (a series by its last occurrence), a task by its completion, a contact
    only once it is inactive. What is open, and what never ends, is kept."""
    if isinstance(record.item, Appointment):
        ends = last_end(record.item)
        return ends is not None and ends < before
    return record.state is not ItemState.OPEN and datetime.fromisoformat(record.edited_at) < before


def would_be_over(item: Item, before: datetime) -> bool:
    """The same of what stands in a mailbox: it does not come in."""
    match item:
        case Appointment():
            ends = last_end(item)
            return ends is not None and ends < before
        case Task(statuscode=TaskStatus.COMPLETED, actualend=date() as ended):
            return ended < before.date()
        case _:
            return False


def last_end(item: Appointment) -> datetime | None:
    """When it is over, rather too late than too early; None for a series that never is."""
    if item.recurrence is None:
        return item.scheduledend
    takes = item.scheduledend - item.scheduledstart
    moved = [one.scheduledend for one in item.exceptions if isinstance(one, ChangedOccurrence)]
    try:
        match item.recurrence.range:
            case NoEnd():
                return None
            case EndsOn(day=day):
                last = datetime.combine(day + timedelta(days=1), time(), tzinfo=_WEST)
            case _:
                last = max(starts(item.recurrence, item.scheduledstart, item.timezone), default=item.scheduledstart)
        return max([last + takes, item.scheduledend, *moved])
    except OverflowError:
        return None  # it ends with the calendar
