"""What a deletion on one side does to the other. Pure.

Source: Power Platform, "Synchronization logic for appointments, contacts and tasks". Where a condition is not met, the two are parted and
both stay: nothing is lost by parting.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import Appointment, Contact, Item, Task, TaskStatus, TaskType
from reconcile.model.item_declared import TaskDeletion
from reconcile.model.item_link import Link
from reconcile.model.item_record import ItemState, Record
from reconcile.sync.decide.two_way_invite import has_attendees, is_past
from reconcile.sync.decide.two_way_rules import TwoWayRules


@dataclass(frozen=True, slots=True)
class Spared:
    """The other side keeps it, because of `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Carried:
    """It is deleted there too. `cancel`: its attendees are told."""

    cancel: bool = False


def is_one_way(item: Item) -> bool:
    """Calls, letters and faxes are shown in mailboxes as tasks, and nothing of that comes back (Power Platform: "What fields can be
    synchronized between customer engagement apps and Outlook")."""
    return isinstance(item, Task) and item.activitytypecode is not TaskType.TASK


def deletion_in_mailbox(link: Link, theirs: Item, now: datetime) -> Carried | Spared:
    """The record is gone, or went out of scope and that counts as gone: what becomes of the item in the mailbox."""
    match theirs:
        case Appointment():
            if not link.organized_here:
                return Spared("somebody else organizes the meeting")
            if is_past(theirs, now):
                return Spared("the appointment is past")
            return Carried(cancel=has_attendees(theirs))
        case Contact():
            return Carried() if link.made_here else Spared("the contact was the mailbox's own before it was tracked")
        case Task():
            return Spared("the task is completed") if theirs.statuscode is TaskStatus.COMPLETED else Carried()
        case _:
            assert_never(theirs)


def deletion_of_record(link: Link, record: Record, rules: TwoWayRules, now: datetime) -> Carried | Spared:
    """The item was deleted in the mailbox: what becomes of the record."""
    match record.item:
        case Appointment():
            if record.state in (ItemState.COMPLETED, ItemState.CANCELED):
                return Spared(f"the appointment is {record.state}")
            if is_past(record.item, now):
                return Spared("the appointment is past")
            return Carried() if link.organized_here else Spared("somebody else organizes the meeting")
        case Contact():
            return Spared("a contact that is deleted in a mailbox stays a record")
        case Task() as task:
            if is_one_way(task):
                return Spared(f"a {task.activitytypecode} is only shown in mailboxes")
            if rules.task_deletion is TaskDeletion.NEVER:
                return Spared("tasks that are deleted in a mailbox stay (linkedItems.taskDeletion)")
            if rules.task_deletion is TaskDeletion.UNLESS_COMPLETED and record.state is ItemState.COMPLETED:
                return Spared("the task is completed (linkedItems.taskDeletion)")
            return Carried()
        case _:
            assert_never(record.item)
