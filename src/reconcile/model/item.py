"""Appointments, contacts and tasks: what a record of ours and an item in a mailbox have in common.

Fields bear the names of the product's columns (Dataverse table reference: "Appointment", "Contact", "Task"; Power Platform: "What fields
can be synchronized between customer engagement apps and Outlook"), and nothing of a protocol. What only we have (owner, state, version) is
in `model/item_record.py`; which way each field goes, in `model/item_field.py`.

Every instant is aware and UTC, in whole seconds; texts have "\n" as line ends. An appointment's `timezone` (IANA) is where it was made:
all-day ones begin and end at midnight there, and series come back by its clock. "" and None say that there is none.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Final, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.recurrence import Recurrence, SeriesException


class ItemKind(StrEnum):
    """The word before an item's number."""

    APPOINTMENT = "appointment"
    CONTACT = "contact"
    TASK = "task"


class Priority(StrEnum):
    """prioritycode 0, 1, 2."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class ShowAs(StrEnum):
    """What an appointment's time is shown as: as much of statuscode as a calendar can say."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    OUT_OF_OFFICE = "out-of-office"
    ELSEWHERE = "working-elsewhere"


class TaskStatus(StrEnum):
    """As much of a task's statuscode as a mailbox can say."""

    NOT_STARTED = "not-started"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    WAITING = "waiting"
    DEFERRED = "deferred"


class TaskType(StrEnum):
    """activitytypecode of what is a task in a mailbox. Only a task goes both ways; the others are shown there, one way (ADR 0046)."""

    TASK = "task"
    PHONE_CALL = "phonecall"
    LETTER = "letter"
    FAX = "fax"


class Answer(StrEnum):
    """What an attendee said."""

    NONE = "none"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Attendee:
    """`address` in lower case."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Response:
    """An attendee's answer; those who said nothing have none."""

    address: str
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Attachment:
    """A file. `digest` is the SHA-256 of its bytes, hexadecimal; `filesize` in bytes."""

    filename: str
    mimetype: str
    filesize: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One appointment or meeting, or a series of them.

    `scheduledend` is the first instant that is no longer part of it. Attendees, responses, exceptions and attachments stand in order, each
    address once. `globalobjectid` is the same for one meeting in all its mailboxes, and set by calendars only. `organizer` is an
    address in lower case, "" only for what has no organizer.
    """

    subject: str = ""
    description: str = ""
    location: str = ""
    scheduledstart: datetime
    scheduledend: datetime
    isalldayevent: bool = False
    timezone: str = "UTC"
    recurrence: Recurrence | None = None
    exceptions: tuple[SeriesException, ...] = ()
    prioritycode: Priority = Priority.NORMAL
    statuscode: ShowAs = ShowAs.BUSY
    organizer: str = ""
    requiredattendees: tuple[Attendee, ...] = ()
    optionalattendees: tuple[Attendee, ...] = ()
    responses: tuple[Response, ...] = ()
    isprivate: bool = False
    regardingobjectid: str = ""
    attachments: tuple[Attachment, ...] = ()
    globalobjectid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One person. Address 1 is the mailing or business address; 2 (home) and 3 (other) are used with three addresses only."""

    firstname: str = ""
    middlename: str = ""
    lastname: str = ""
    suffix: str = ""
    fullname: str = ""
    jobtitle: str = ""
    company: str = ""
    parentcustomerid: str = ""
    department: str = ""
    managername: str = ""
    assistantname: str = ""
    assistantphone: str = ""
    emailaddress1: str = ""
    emailaddress2: str = ""
    emailaddress3: str = ""
    telephone1: str = ""
    business2: str = ""
    telephone2: str = ""
    home2: str = ""
    telephone3: str = ""
    mobilephone: str = ""
    pager: str = ""
    fax: str = ""
    callback: str = ""
    websiteurl: str = ""
    ftpsiteurl: str = ""
    governmentid: str = ""
    nickname: str = ""
    spousesname: str = ""
    childrensnames: str = ""
    birthdate: date | None = None
    anniversary: date | None = None
    yomifirstname: str = ""
    yomilastname: str = ""
    description: str = ""
    address1_line1: str = ""
    address1_city: str = ""
    address1_stateorprovince: str = ""
    address1_postalcode: str = ""
    address1_country: str = ""
    address2_line1: str = ""
    address2_city: str = ""
    address2_stateorprovince: str = ""
    address2_postalcode: str = ""
    address2_country: str = ""
    address3_line1: str = ""
    address3_city: str = ""
    address3_stateorprovince: str = ""
    address3_postalcode: str = ""
    address3_country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task, or a call, letter or fax to be done. Its dates are days, as mailboxes keep them. Completed, 100 per cent and a day of
    completion go together (`normal`). A mailbox never says what type it is."""

    activitytypecode: TaskType = TaskType.TASK
    subject: str = ""
    description: str = ""
    scheduledstart: date | None = None
    scheduledend: date | None = None
    actualend: date | None = None
    percentcomplete: int = 0
    statuscode: TaskStatus = TaskStatus.NOT_STARTED
    prioritycode: Priority = Priority.NORMAL
    regardingobjectid: str = ""


Item: TypeAlias = Appointment | Contact | Task
#: What a column holds.
Value: TypeAlias = (
    str
    | int
    | bool
    | date
    | datetime
    | Recurrence
    | tuple[Attendee, ...]
    | tuple[Response, ...]
    | tuple[Attachment, ...]
    | tuple[SeriesException, ...]
    | None
)

TYPES: Final[dict[ItemKind, type[Appointment] | type[Contact] | type[Task]]] = {
    ItemKind.APPOINTMENT: Appointment,
    ItemKind.CONTACT: Contact,
    ItemKind.TASK: Task,
}


def kind_of(item: Item) -> ItemKind:
    """Its kind."""
    return next(kind for kind, of in TYPES.items() if isinstance(item, of))


@cache
def columns(kind: ItemKind) -> tuple[str, ...]:
    """Names of all columns, in the order in which people read them."""
    return tuple(field.name for field in fields(TYPES[kind]))


def value(item: Item, column: str) -> Value:
    """What stands in a column of the item's kind."""
    found: Value = getattr(item, column)
    return found
