"""Setting and clearing what an item holds, as CreateItem and UpdateItem say it."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, tzinfo
from typing import Final

from reconcile.sandbox.ews.dictionaries import set_entry
from reconcile.sandbox.ews.element_order import is_item_class, properties, words
from reconcile.sandbox.ews.extended import ExtendedKey, extended_key
from reconcile.sandbox.ews.icalendar_reading import elements_of
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Attachment, Item
from reconcile.sandbox.ews.tags import FLAG_STATUS, FLAG_STATUSES, MESSAGE_FLAGS, PATHS, word_of
from reconcile.sandbox.ews.times import moment, stamp

#: Computed by the server; a client that sets one is told so.
_READ_ONLY: Final = words(
    "ItemId ParentFolderId DateTimeReceived Size IsSubmitted IsDraft IsFromMe IsResend IsUnmodified DateTimeSent DateTimeCreated "
    "DisplayCc DisplayTo DisplayBcc HasAttachments EffectiveRights LastModifiedName LastModifiedTime ConversationId ConversationTopic "
    "InstanceKey Preview UniqueBody NormalizedBody TextBody IsMeeting IsRecurring CalendarItemType ConflictingMeetingCount "
    "FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences CompleteName HasPicture ReminderNextTime Organizer "
    "IsCancelled MeetingRequestWasSent AppointmentSequenceNumber AppointmentReplyTime Duration DateTimeStamp OriginalStart "
    "AssociatedCalendarItemId HasBeenProcessed IsOutOfDate IsDelegated"
)
#: Of these a client that creates an item may say its own, as migration tools and tests of real servers do.
_SETTABLE_AT_BIRTH: Final = frozenset(("ItemClass", "IsDraft"))


def fill(mailbox: Mailbox, item: Item, given: Node, zone: tzinfo = UTC) -> None:
    """All elements of a new item. Raises EwsError ErrorInvalidPropertySet, ErrorMimeContentInvalidBase64String."""
    for child in given.children:
        if child.local in _READ_ONLY and child.local not in _SETTABLE_AT_BIRTH:
            continue  # exchangelib and others send back what they read; real servers refuse some of it, ignore some
        assign(mailbox, item, child, zone)


def assign(mailbox: Mailbox, item: Item, given: Node, zone: tzinfo = UTC) -> str:
    """One element; answers its name. Raises EwsError."""
    name = given.local
    known = properties(item.kind).get(name)
    if known is None:
        raise EwsError("ErrorInvalidPropertySet")
    match name:
        case "MimeContent" if item.kind == "CalendarItem":
            for child in elements_of(_octets(given.text)):
                assign(mailbox, item, child, zone)
        case "MimeContent":
            item.replace_raw(_octets(given.text))
            item.mime_attachments_read = False
        case "ExtendedProperty":
            set_property(mailbox, item, given)
        case "Flag" if given.find("t:FlagStatus") is None:
            pass  # Thunderbird 153 writes its status in the wrong namespace, and PidTagFlagStatus beside it: that one counts
        case "Attachments":
            item.attachments += [attachment_from(mailbox, item, child) for child in given.children]
        case "RequiredAttendees" | "OptionalAttendees" | "Resources":
            item.properties[name] = _invited(item, given)
        case _ if known.type == "time":
            item.properties[name] = Node(f"t:{name}", stamp(moment(given.text, zone)))
        case _ if known.type == "bool":
            item.properties[name] = Node(f"t:{name}", flag(given.text.strip() in ("true", "1")))
        case _:
            item.properties[name] = given
    return name


def _invited(item: Item, given: Node) -> Node:
    """Attendees as a client names them, with the answers the server knows of: a client does not answer for others."""
    old = item.properties.get(given.local, Node("")).children
    known = {node.text_at("t:Mailbox/t:EmailAddress").lower(): node for node in old}
    people = []
    for node in given.children:
        address = node.text_at("t:Mailbox/t:EmailAddress").lower()
        people.append(known.get(address) or Node("t:Attendee", children=(node.child("t:Mailbox"), Node("t:ResponseType", "Unknown"))))
    return Node(f"t:{given.local}", children=people)


def refuse_read_only(name: str) -> None:
    """Raises EwsError ErrorInvalidPropertySet for what only the server sets."""
    if name in _READ_ONLY:
        raise EwsError("ErrorInvalidPropertySet")


def set_property(mailbox: Mailbox, item: Item, given: Node) -> None:
    """A t:ExtendedProperty, or the element it stands for."""
    found = given.find("t:Value") or given.find("t:Values")
    key = extended_key(given.child("t:ExtendedFieldURI"))
    if found is None:
        raise EwsError("ErrorInvalidExtendedPropertyValue", "An extended property needs a value.")
    if key == MESSAGE_FLAGS:
        flags = _number(found.text)
        item.properties["IsRead"] = Node("t:IsRead", "true" if flags & 1 else "false")
        item.properties["IsDraft"] = Node("t:IsDraft", "true" if flags & 8 else "false")
        item.draft = bool(flags & 8)
        return
    if key == FLAG_STATUS:
        status = FLAG_STATUSES[min(max(_number(found.text), 0), 2)]
        item.properties["Flag"] = Node("t:Flag", children=(Node("t:FlagStatus", status),))
        return
    path = PATHS.get(key)
    if path is None or ":" in path or path in ("UrlName", "DateTimeReceived", "DateTimeSent", "Size", "DateTimeCreated"):
        item.extended[key] = found
        return
    element, _, rest = path.partition("/")
    if rest:
        entry, _, part = rest.partition("/")
        inner = Node("t:Entry", attributes={"Key": entry}, children=(Node(f"t:{part}", found.text),)) if part else None
        inner = inner or Node("t:Entry", found.text, attributes={"Key": entry})
        set_entry(item, element, entry, part, Node(f"t:{element}", children=(inner,)))
    elif element == "Categories":
        names = found.children or ([found] if found.text else [])
        item.properties[element] = Node("t:Categories", children=[Node("t:String", name.text) for name in names])
    else:
        try:
            assign(mailbox, item, Node(f"t:{element}", word_of(element, found.text)))
        except EwsError:
            item.extended[key] = found  # an element that this class of item does not have


def clear_property(item: Item, key: ExtendedKey) -> None:
    """Take an extended property away, or the element it stands for."""
    item.extended.pop(key, None)
    if key == FLAG_STATUS:
        item.properties.pop("Flag", None)
    path = PATHS.get(key, "")
    element, _, rest = path.partition("/")
    if rest:
        entry, _, part = rest.partition("/")
        set_entry(item, element, entry, part, None)
    elif path and ":" not in path:
        item.properties.pop(element, None)


def attachment_from(mailbox: Mailbox, item: Item, given: Node) -> Attachment:
    """A t:FileAttachment or t:ItemAttachment a client sends. Raises EwsError ErrorInvalidAttachmentSubfilter… for neither."""
    found = Attachment(
        number=mailbox.next_number(),
        name=given.text_at("t:Name", "attachment"),
        content_type=given.text_at("t:ContentType", "application/octet-stream"),
        content_id=given.text_at("t:ContentId"),
        inline=given.text_at("t:IsInline") == "true",
        modified=mailbox.now(),
    )
    if given.local == "FileAttachment":
        found.content = _octets(given.text_at("t:Content"))
        return found
    inner = next((child for child in given.children if is_item_class(child.local)), None)
    if inner is None:
        raise EwsError("ErrorInvalidRequest", "The item attachment holds no item this server knows.")
    found.item = Item(number=0, mailbox=item.mailbox, folder=item.folder, kind=inner.local, created=mailbox.now(), modified=mailbox.now())
    fill(mailbox, found.item, inner)
    return found


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise EwsError("ErrorMimeContentInvalidBase64String", "The content is no base64.") from None


def _number(text: str) -> int:
    try:
        return int(text.strip(), 0)
    except ValueError:
        raise EwsError("ErrorInvalidExtendedPropertyValue", f"{text[:40]!r} is no number.") from None
