"""How columns of appointments, contacts and tasks stand in items of Exchange: a path to name the field by, and the element that holds it.

Elements are written in the order of the schema. What Exchange has no field for stands in a named property of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews import operations
from reconcile.mail.ews.answers import T
from reconcile.mail.ews.changes import moment_of
from reconcile.mail.ews.operations import text
from reconcile.model.item import ItemKind, Priority, ShowAs, TaskStatus, Value

#: Elements of items, in the order of the schema, as far as they are written here.
_ORDER: Final = {
    name: place
    for place, name in enumerate(
        re.findall(
            r"\w+",
            """
            ItemClass Subject Sensitivity Body Categories Importance ReminderIsSet ExtendedProperty
            Start End IsAllDayEvent LegacyFreeBusyStatus Location RequiredAttendees OptionalAttendees Recurrence StartTimeZone EndTimeZone
            FileAs DisplayName GivenName MiddleName Nickname CompanyName EmailAddresses PhysicalAddresses PhoneNumbers AssistantName
            Birthday BusinessHomePage Children Department Generation JobTitle Manager SpouseName Surname WeddingAnniversary
            CompleteDate DueDate PercentComplete StartDate Status
            """,
        )
    )
}


@dataclass(frozen=True, slots=True)
class Field:
    """`path` names it in a request; `element` is its name; `write` gives the element's whole XML, "" where there is no value; `read` takes
    the item's element."""

    path: str
    element: str
    write: Callable[[Any], str]
    read: Callable[[Any], Value]


def in_order(parts: list[tuple[str, str]]) -> str:
    """(element, XML) as a t:CalendarItem, t:Contact or t:Task holds them; entries of one collection are put together."""
    merged: dict[str, str] = {}
    for element, xml in parts:
        if element in _COLLECTIONS and element in merged:
            merged[element] = merged[element].removesuffix(f"</t:{element}>") + xml.removeprefix(f"<t:{element}>")
        else:
            merged[element] = merged.get(element, "") + xml
    return "".join(xml for _, xml in sorted(merged.items(), key=lambda pair: _ORDER[pair[0]]))


_COLLECTIONS: Final = frozenset({"EmailAddresses", "PhoneNumbers", "PhysicalAddresses"})


def _uri(name: str) -> str:
    return f'<t:FieldURI FieldURI="{name}"/>'


def plain(uri: str, element: str) -> Field:
    """A text."""
    return Field(
        _uri(uri),
        element,
        lambda value: f"<t:{element}>{text(value)}</t:{element}>" if value else "",
        lambda item: _normal(item.findtext(f"{T}{element}")),
    )


def _normal(found: str | None) -> str:
    return (found or "").replace("\r\n", "\n").replace("\r", "\n")


def chosen(uri: str, element: str, words: dict[Any, str], usual: Any) -> Field:
    """One of a few words."""
    back = {word: value for value, word in words.items()}
    return Field(
        _uri(uri),
        element,
        lambda value: f"<t:{element}>{words[value]}</t:{element}>",
        lambda item: back.get((item.findtext(f"{T}{element}") or "").strip(), usual),
    )


def own(name: str) -> Field:
    """A named property of ours."""

    def read(item: Any) -> Value:
        for one in item.findall(f"{T}ExtendedProperty"):
            path = one.find(f"{T}ExtendedFieldURI")
            if (
                path is not None
                and path.get("PropertyName") == name
                and (path.get("PropertySetId") or "").lower() == operations.PROPERTY_SET
            ):
                return _normal(one.findtext(f"{T}Value"))
        return ""

    return Field(operations.own_field(name), "ExtendedProperty", lambda value: operations.own_property(name, value) if value else "", read)


def tagged(tag: str) -> Field:
    """A MAPI property that is a text."""
    path = f'<t:ExtendedFieldURI PropertyTag="{tag}" PropertyType="String"/>'

    def read(item: Any) -> Value:
        for one in item.findall(f"{T}ExtendedProperty"):
            found = one.find(f"{T}ExtendedFieldURI")
            if found is not None and _number(found.get("PropertyTag")) == int(tag, 16):
                return _normal(one.findtext(f"{T}Value"))
        return ""

    def write(value: str) -> str:
        return f"<t:ExtendedProperty>{path}<t:Value>{text(value)}</t:Value></t:ExtendedProperty>" if value else ""

    return Field(path, "ExtendedProperty", write, read)


def _number(tag: str | None) -> int:
    try:
        return int(tag or "", 0)
    except ValueError:
        return -1


def entry(uri: str, element: str, key: str) -> Field:
    """One of several texts with a key: an e-mail address, a telephone number."""
    return Field(
        f'<t:IndexedFieldURI FieldURI="{uri}" FieldIndex="{key}"/>',
        element,
        lambda value: f'<t:{element}><t:Entry Key="{key}">{text(value)}</t:Entry></t:{element}>' if value else "",
        lambda item: next((_normal(one.text) for one in item.findall(f"{T}{element}/{T}Entry") if one.get("Key") == key), ""),
    )


def postal(part: str, key: str) -> Field:
    """A part of a postal address. The parts of one address are entries of their own in a request."""
    return Field(
        f'<t:IndexedFieldURI FieldURI="contacts:PhysicalAddress:{part}" FieldIndex="{key}"/>',
        "PhysicalAddresses",
        lambda value: (
            f'<t:PhysicalAddresses><t:Entry Key="{key}"><t:{part}>{text(value)}</t:{part}></t:Entry></t:PhysicalAddresses>' if value else ""
        ),
        lambda item: next(
            (_normal(one.findtext(f"{T}{part}")) for one in item.findall(f"{T}PhysicalAddresses/{T}Entry") if one.get("Key") == key),
            "",
        ),
    )


def day(uri: str, element: str) -> Field:
    """A day, which Exchange keeps as an instant: its midnight in UTC."""

    def read(item: Any) -> Value:
        found = moment_of(item.findtext(f"{T}{element}"))
        return None if found is None else found.date()

    return Field(_uri(uri), element, lambda value: f"<t:{element}>{midnight(value)}</t:{element}>" if value else "", read)


def midnight(value: date) -> str:
    return operations.moment(datetime(value.year, value.month, value.day, tzinfo=UTC))


BODY: Final = Field(
    _uri("item:Body"),
    "Body",
    lambda value: f'<t:Body BodyType="Text">{text(value)}</t:Body>',
    lambda item: _normal(item.findtext(f"{T}Body")),
)
PRIORITY: Final = chosen(
    "item:Importance", "Importance", {Priority.LOW: "Low", Priority.NORMAL: "Normal", Priority.HIGH: "High"}, Priority.NORMAL
)

_PHONES: Final = {
    "assistantphone": "AssistantPhone",
    "telephone1": "BusinessPhone",
    "business2": "BusinessPhone2",
    "telephone2": "HomePhone",
    "home2": "HomePhone2",
    "telephone3": "OtherTelephone",
    "mobilephone": "MobilePhone",
    "pager": "Pager",
    "fax": "BusinessFax",
    "callback": "Callback",
}
_TEXTS: Final = {
    "firstname": "GivenName",
    "middlename": "MiddleName",
    "lastname": "Surname",
    "suffix": "Generation",
    "fullname": "DisplayName",
    "jobtitle": "JobTitle",
    "company": "CompanyName",
    "department": "Department",
    "managername": "Manager",
    "assistantname": "AssistantName",
    "websiteurl": "BusinessHomePage",
    "nickname": "Nickname",
    "spousesname": "SpouseName",
}
_POSTAL: Final = {"line1": "Street", "city": "City", "stateorprovince": "State", "country": "CountryOrRegion", "postalcode": "PostalCode"}


def _children() -> Field:
    return Field(
        _uri("contacts:Children"),
        "Children",
        lambda value: f"<t:Children><t:String>{text(value)}</t:String></t:Children>" if value else "",
        lambda item: ", ".join(one.text or "" for one in item.findall(f"{T}Children/{T}String")),
    )


CONTACT: Final[dict[str, Field]] = {
    **{column: plain(f"contacts:{element}", element) for column, element in _TEXTS.items()},
    **{column: entry("contacts:PhoneNumber", "PhoneNumbers", key) for column, key in _PHONES.items()},
    **{f"emailaddress{n}": entry("contacts:EmailAddress", "EmailAddresses", f"EmailAddress{n}") for n in (1, 2, 3)},
    **{
        f"address{n}_{column}": postal(part, key)
        for n, key in ((1, "Business"), (2, "Home"), (3, "Other"))
        for column, part in _POSTAL.items()
    },
    "childrensnames": _children(),
    "birthdate": day("contacts:Birthday", "Birthday"),
    "anniversary": day("contacts:WeddingAnniversary", "WeddingAnniversary"),
    "ftpsiteurl": tagged("0x3A4C"),
    "governmentid": tagged("0x3A07"),
    "yomifirstname": own("YomiFirstName"),
    "yomilastname": own("YomiLastName"),
    "parentcustomerid": own("ParentCustomer"),
    "description": BODY,
}
TASK: Final[dict[str, Field]] = {
    "subject": plain("item:Subject", "Subject"),
    "description": BODY,
    "prioritycode": PRIORITY,
    # Before what follows from it: a status moves the share and the day of completion.
    "statuscode": chosen(
        "task:Status",
        "Status",
        {
            TaskStatus.NOT_STARTED: "NotStarted",
            TaskStatus.IN_PROGRESS: "InProgress",
            TaskStatus.COMPLETED: "Completed",
            TaskStatus.WAITING: "WaitingOnOthers",
            TaskStatus.DEFERRED: "Deferred",
        },
        TaskStatus.NOT_STARTED,
    ),
    "percentcomplete": Field(
        _uri("task:PercentComplete"),
        "PercentComplete",
        lambda value: f"<t:PercentComplete>{value}</t:PercentComplete>",
        lambda item: round(float(item.findtext(f"{T}PercentComplete") or "0")),
    ),
    "actualend": day("task:CompleteDate", "CompleteDate"),
    "scheduledstart": day("task:StartDate", "StartDate"),
    "scheduledend": day("task:DueDate", "DueDate"),
    "regardingobjectid": own("Regarding"),
}
#: Of appointments, what stands for itself; times, people, series and files are made together.
APPOINTMENT: Final[dict[str, Field]] = {
    "subject": plain("item:Subject", "Subject"),
    "description": BODY,
    "location": plain("calendar:Location", "Location"),
    "prioritycode": PRIORITY,
    "statuscode": chosen(
        "calendar:LegacyFreeBusyStatus",
        "LegacyFreeBusyStatus",
        {
            ShowAs.FREE: "Free",
            ShowAs.TENTATIVE: "Tentative",
            ShowAs.BUSY: "Busy",
            ShowAs.OUT_OF_OFFICE: "OOF",
            ShowAs.ELSEWHERE: "WorkingElsewhere",
        },
        ShowAs.BUSY,
    ),
    "isprivate": chosen("item:Sensitivity", "Sensitivity", {True: "Private", False: "Normal"}, False),
    "regardingobjectid": own("Regarding"),
}
ELEMENTS: Final = {ItemKind.APPOINTMENT: "CalendarItem", ItemKind.CONTACT: "Contact", ItemKind.TASK: "Task"}
FOLDERS: Final = {ItemKind.APPOINTMENT: "calendar", ItemKind.CONTACT: "contacts", ItemKind.TASK: "tasks"}
