"""Extended properties that name what an element of the schema holds too: one table, read in both directions.

DavMail works almost only with property tags, Thunderbird flags mail by them. What is not in the table is kept as clients set it.
Names and numbers: MS-OXPROPS.
"""

from __future__ import annotations

import base64
from typing import Final

from reconcile.sandbox.ews.extended import PROPERTY_SETS, ExtendedKey
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Item

#: A tag or "set/id or name", then an element of the item, or "element/key/part" of a dictionary.
_TABLE: Final = """
0x0017 Importance
0x001A ItemClass
0x0036 Sensitivity
0x0037 Subject
0x0039 DateTimeSent
0x0070 ConversationTopic
0x007D InternetMessageHeaders
0x0C1A From:name
0x0C1F From:address
0x0C1D From:address
0x5D01 From:address
0x0E02 DisplayBcc
0x0E03 DisplayCc
0x0E04 DisplayTo
0x0E06 DateTimeReceived
0x0E08 Size
0x0E1B HasAttachments
0x0E1D Subject
0x0E69 IsRead
0x1000 Body:Text
0x1013 Body:HTML
0x1035 InternetMessageId
0x1039 References
0x1042 InReplyTo
0x10F3 UrlName
0x3001 DisplayName
0x3007 DateTimeCreated
0x3008 LastModifiedTime
0x3A06 GivenName
0x3A11 Surname
0x3A44 MiddleName
0x3A0A Initials
0x3A05 Generation
0x3A16 CompanyName
0x3A17 JobTitle
0x3A18 Department
0x3A19 OfficeLocation
0x3A46 Profession
0x3A48 SpouseName
0x3A4E Manager
0x3A30 AssistantName
0x3A4F Nickname
0x3A41 WeddingAnniversary
0x3A42 Birthday
0x3A51 BusinessHomePage
0x3A08 PhoneNumbers/BusinessPhone
0x3A1B PhoneNumbers/BusinessPhone2
0x3A09 PhoneNumbers/HomePhone
0x3A2F PhoneNumbers/HomePhone2
0x3A1C PhoneNumbers/MobilePhone
0x3A1D PhoneNumbers/RadioPhone
0x3A1E PhoneNumbers/CarPhone
0x3A1F PhoneNumbers/OtherTelephone
0x3A1A PhoneNumbers/PrimaryPhone
0x3A21 PhoneNumbers/Pager
0x3A23 PhoneNumbers/OtherFax
0x3A24 PhoneNumbers/BusinessFax
0x3A25 PhoneNumbers/HomeFax
0x3A2C PhoneNumbers/Telex
0x3A2D PhoneNumbers/Isdn
0x3A2E PhoneNumbers/AssistantPhone
0x3A02 PhoneNumbers/Callback
0x3A4B PhoneNumbers/TtyTddPhone
0x3A57 PhoneNumbers/CompanyMainPhone
0x3A59 PhysicalAddresses/Home/City
0x3A5A PhysicalAddresses/Home/CountryOrRegion
0x3A5B PhysicalAddresses/Home/PostalCode
0x3A5C PhysicalAddresses/Home/State
0x3A5D PhysicalAddresses/Home/Street
0x3A5F PhysicalAddresses/Other/City
0x3A60 PhysicalAddresses/Other/CountryOrRegion
0x3A61 PhysicalAddresses/Other/PostalCode
0x3A62 PhysicalAddresses/Other/State
0x3A63 PhysicalAddresses/Other/Street
Address/0x8005 FileAs
Address/0x8045 PhysicalAddresses/Business/Street
Address/0x8046 PhysicalAddresses/Business/City
Address/0x8047 PhysicalAddresses/Business/State
Address/0x8048 PhysicalAddresses/Business/PostalCode
Address/0x8049 PhysicalAddresses/Business/CountryOrRegion
Address/0x8062 ImAddresses/ImAddress1
Address/0x8083 EmailAddresses/EmailAddress1
Address/0x8093 EmailAddresses/EmailAddress2
Address/0x80A3 EmailAddresses/EmailAddress3
Appointment/0x8205 LegacyFreeBusyStatus
Appointment/0x8208 Location
Appointment/0x820D Start
Appointment/0x820E End
Appointment/0x8215 IsAllDayEvent
Appointment/0x8217 AppointmentState
Common/0x8501 ReminderMinutesBeforeStart
Common/0x8502 ReminderDueBy
Common/0x8503 ReminderIsSet
Task/0x8101 Status
Task/0x8102 PercentComplete
Task/0x8104 StartDate
Task/0x8105 DueDate
Task/0x810F CompleteDate
Task/0x811C IsComplete
PublicStrings/Keywords Categories
PublicStrings/urn:schemas-microsoft-com:office:office#Keywords Categories
PublicStrings/urn:schemas:calendar:dtstart Start
PublicStrings/urn:schemas:calendar:dtend End
"""
#: Elements whose MAPI value is a number -> the words by number.
_WORDS: Final = {
    "Importance": ("Low", "Normal", "High"),
    "Sensitivity": ("Normal", "Personal", "Private", "Confidential"),
    "LegacyFreeBusyStatus": ("Free", "Tentative", "Busy", "OOF", "WorkingElsewhere"),
    "Status": ("NotStarted", "InProgress", "Completed", "WaitingOnOthers", "Deferred"),
}
_FLAGS: Final = ("NotFlagged", "Complete", "Flagged")


def _key(text: str) -> ExtendedKey:
    set_, slash, name = text.partition("/")
    if not slash:
        return ExtendedKey("", int(text, 16))
    return ExtendedKey(PROPERTY_SETS[set_], int(name, 16) if name.startswith("0x") else name)


_PATHS: Final = {_key(line.split()[0]): line.split()[1] for line in _TABLE.split("\n") if line}
#: PidTagRead, which some clients flag mail with.
READ_STATE: Final = ExtendedKey("", 0x0E69)
_MESSAGE_FLAGS: Final = ExtendedKey("", 0x0E07)
_FLAG_STATUS: Final = ExtendedKey("", 0x1090)
#: PidLidRecurring, and what CDO calls an appointment's kind.
_RECURRING: Final = ExtendedKey(PROPERTY_SETS["Appointment"], 0x8223)
_INSTANCE_TYPE: Final = ExtendedKey(PROPERTY_SETS["PublicStrings"], "urn:schemas:calendar:instancetype")
_INSTANCES: Final = ("Single", "RecurringMaster", "Occurrence", "Exception")
_IMAP_UID: Final = ExtendedKey("", 0x0E23)
_RECORD_KEYS: Final = (ExtendedKey("", 0x0FF9), ExtendedKey("", 0x0FFF), ExtendedKey("", 0x300B))


def extended_value(mailbox: Mailbox, item: Item, key: ExtendedKey, type_: str) -> Node | None:
    """t:Value or t:Values, or None when the item does not have the property."""
    if key == _MESSAGE_FLAGS:
        return _value(str(_flags(item)))
    if key == _FLAG_STATUS:
        status = item.properties.get("Flag", Node("")).text_at("t:FlagStatus", "NotFlagged")
        number = _FLAGS.index(status) if status in _FLAGS else 0
        return _value(str(number)) if number else None
    if key == _IMAP_UID:
        return _value(str(item.uid or item.number))
    if key in _RECORD_KEYS:
        octets = mailbox.item_id(item).octets()
        return _value(base64.b64encode(octets).decode())
    if key in (_INSTANCE_TYPE, _RECURRING) and item.kind == "CalendarItem":
        kind = _INSTANCES.index(value_text(mailbox, item, "CalendarItemType"))
        return _value(str(kind) if key == _INSTANCE_TYPE else "true" if kind else "false")
    path = _PATHS.get(key)
    if path is None or (path == "UrlName" and key in item.extended):
        return item.extended.get(key)
    return _read(mailbox, item, path, type_) or item.extended.get(key)


def set_extended(mailbox: Mailbox, item: Item, key: ExtendedKey, given: Node) -> None:
    """Set it, or the element it stands for."""
    from reconcile.sandbox.ews.assign import assign, set_entry

    if key == _MESSAGE_FLAGS:
        flags = _number(given.text)
        item.properties["IsRead"] = Node("t:IsRead", "true" if flags & 1 else "false")
        item.properties["IsDraft"] = Node("t:IsDraft", "true" if flags & 8 else "false")
        item.draft = bool(flags & 8)
        return
    if key == _FLAG_STATUS:
        status = _FLAGS[min(max(_number(given.text), 0), 2)]
        item.properties["Flag"] = Node("t:Flag", children=(Node("t:FlagStatus", status),))
        return
    path = _PATHS.get(key)
    if path is None or ":" in path or path in ("UrlName", "DateTimeReceived", "DateTimeSent", "Size", "DateTimeCreated"):
        item.extended[key] = given
        return
    element, _, rest = path.partition("/")
    if rest:
        entry, _, part = rest.partition("/")
        inner = Node("t:Entry", attributes={"Key": entry}, children=(Node(f"t:{part}", given.text),)) if part else None
        inner = inner or Node("t:Entry", given.text, attributes={"Key": entry})
        set_entry(item, element, entry, part, Node(f"t:{element}", children=(inner,)))
    elif element == "Categories":
        names = given.children or ([given] if given.text else [])
        item.properties[element] = Node("t:Categories", children=[Node("t:String", name.text) for name in names])
    else:
        try:
            assign(mailbox, item, Node(f"t:{element}", _word(element, given.text)))
        except EwsError:
            item.extended[key] = given  # an element that this class of item does not have


def touched_by(key: ExtendedKey) -> str:
    """The element that setting it changes; its own name where it stands for none."""
    return "IsRead" if key == READ_STATE else _PATHS.get(key) or f"{key.set}/{key.name}"


def clear_extended(mailbox: Mailbox, item: Item, key: ExtendedKey) -> None:
    """Take it away, or the element it stands for."""
    from reconcile.sandbox.ews.assign import set_entry

    item.extended.pop(key, None)
    if key == _FLAG_STATUS:
        item.properties.pop("Flag", None)
    path = _PATHS.get(key, "")
    element, _, rest = path.partition("/")
    if rest:
        entry, _, part = rest.partition("/")
        set_entry(item, element, entry, part, None)
    elif path and ":" not in path:
        item.properties.pop(element, None)


def _read(mailbox: Mailbox, item: Item, path: str, type_: str) -> Node | None:
    from reconcile.sandbox.ews.values import value

    if path == "UrlName":
        return _value(f"{value_text(mailbox, item, 'Subject') or item.number}.EML")
    if path.startswith("From:"):
        found = value(mailbox, item, "From")
        text = "" if found is None else found.text_at("t:Mailbox/t:" + ("Name" if path.endswith("name") else "EmailAddress"))
        return _value(text) if text else None
    if path.startswith("Body:"):
        found = value(mailbox, item, "Body", path.partition(":")[2])
        text = "" if found is None else found.text
        return _value(base64.b64encode(text.encode()).decode() if type_ == "Binary" else text) if text else None
    element, _, rest = path.partition("/")
    found = value(mailbox, item, element)
    if found is None:
        return None
    if rest:
        entry, _, part = rest.partition("/")
        holder = next((child for child in found.children if child.attributes.get("Key") == entry), None)
        text = "" if holder is None else holder.text_at(f"t:{part}") if part else holder.text
        return _value(text) if text else None
    if element == "InternetMessageHeaders":
        return _value("\r\n".join(f"{child.attributes.get('HeaderName', '')}: {child.text}" for child in found.children))
    if element == "Categories":
        return Node("t:Values", children=[Node("t:Value", child.text) for child in found.children]) if found.children else None
    words = _WORDS.get(element)
    if words is not None and type_ in ("Integer", "Long", "Short"):
        return _value(str(words.index(found.text)) if found.text in words else "0")
    return _value(found.text) if found.text else None


def value_text(mailbox: Mailbox, item: Item, element: str) -> str:
    """The text of an element, "" for none."""
    from reconcile.sandbox.ews.values import value

    found = value(mailbox, item, element)
    return "" if found is None else found.text


def _flags(item: Item) -> int:
    """PidTagMessageFlags: read 1, unmodified 2, submitted 4, unsent 8, has attachments 16."""
    from reconcile.sandbox.ews.attached import has_attachments

    return (item.text("IsRead") == "true") * 1 + item.draft * 8 + has_attachments(item) * 16


def _word(element: str, text: str) -> str:
    words = _WORDS.get(element)
    if words is None or not text.strip().isdigit():
        return text
    return words[min(int(text), len(words) - 1)]


def _number(text: str) -> int:
    try:
        return int(text.strip(), 0)
    except ValueError:
        raise EwsError("ErrorInvalidExtendedPropertyValue", f"{text[:40]!r} is no number.") from None


def _value(text: str) -> Node:
    return Node("t:Value", text)
