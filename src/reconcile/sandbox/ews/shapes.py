"""Which elements an answer shows: base shape, additional properties, MIME, kind of body; and writing an item accordingly."""

from __future__ import annotations

import base64
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.compose import mime_of
from reconcile.sandbox.ews.element_order import properties, words
from reconcile.sandbox.ews.extended import ExtendedKey, extended_key
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node, Octets, Written, xml
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.tag_values import extended_value
from reconcile.sandbox.ews.values import value

#: What Default adds to IdOnly (reference pages "BaseShape" and the samples of GetItem), by element.
_DEFAULT_ITEM: Final = "ItemId Subject Sensitivity Size DateTimeSent DateTimeCreated HasAttachments"
_DEFAULTS: Final = {
    "Message": f"{_DEFAULT_ITEM} "
    "Body Attachments Importance IsFromMe Sender ToRecipients CcRecipients BccRecipients IsReadReceiptRequested "
    "IsDeliveryReceiptRequested From IsRead IsResponseRequested ResponseObjects",
    "CalendarItem": "ItemId Subject Body Attachments HasAttachments ResponseObjects Start End LegacyFreeBusyStatus Location "
    "Organizer RequiredAttendees OptionalAttendees Resources CalendarItemType Recurrence FirstOccurrence LastOccurrence "
    "ModifiedOccurrences DeletedOccurrences IsRecurring",
    "Contact": "ItemId Body Attachments HasAttachments FileAs DisplayName CompleteName CompanyName EmailAddresses "
    "PhysicalAddresses PhoneNumbers ImAddresses JobTitle",
    "Task": "ItemId Subject Body Attachments HasAttachments DueDate PercentComplete StartDate Status",
    "DistributionList": "ItemId Subject DisplayName FileAs",
}
_MEETING_DEFAULT: Final = (
    _DEFAULTS["Message"] + " AssociatedCalendarItemId IsDelegated IsOutOfDate HasBeenProcessed ResponseType MeetingRequestType "
    "IntendedFreeBusyStatus Start End Location Organizer RequiredAttendees OptionalAttendees Resources CalendarItemType"
)
#: Only what names them gets them.
_ON_DEMAND: Final = words(
    "MimeContent UniqueBody NormalizedBody TextBody StoreEntryId InstanceKey SearchKey Preview EntityExtractionResult"
)
#: What FindItem and Sync… never send (page "GetItem operation": FindItem returns part of the properties).
_NOT_IN_LISTS: Final = words(
    "MimeContent Body UniqueBody NormalizedBody TextBody Attachments ToRecipients CcRecipients BccRecipients ReplyTo "
    "InternetMessageHeaders ResponseObjects RequiredAttendees OptionalAttendees Resources Recurrence FirstOccurrence LastOccurrence "
    "ModifiedOccurrences DeletedOccurrences Members MeetingTimeZone StartTimeZone EndTimeZone CompleteName"
)
#: Asking a list for these by name is an error, not silence.
_REFUSED_IN_LISTS: Final = words("MimeContent Body UniqueBody NormalizedBody TextBody Attachments InternetMessageHeaders")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`named` are elements, `entries` dictionary entries as (element, key, part), `extended` keys with the field as it was written."""

    base: str
    named: frozenset[str] = frozenset()
    entries: tuple[tuple[str, str, str], ...] = ()
    extended: tuple[tuple[ExtendedKey, str], ...] = ()
    fields: tuple[Node, ...] = ()
    mime: bool = False
    body_type: str = "Best"
    in_list: bool = False

    @property
    def key(self) -> object:
        """What two shapes that write the same have in common."""
        return (self.base, self.named, self.entries, self.extended, self.body_type, self.in_list)


ID_ONLY: Final = Shape(base="IdOnly")

_DICTIONARIES: Final = {
    "contacts:EmailAddress": ("EmailAddresses", ""),
    "contacts:ImAddress": ("ImAddresses", ""),
    "contacts:PhoneNumber": ("PhoneNumbers", ""),
    "item:InternetMessageHeader": ("InternetMessageHeaders", ""),
    "distributionlist:Members:Member": ("Members", ""),
}


def entry_of(field: Node) -> tuple[str, str, str]:
    """(element, key, part) of a t:IndexedFieldURI. Raises EwsError ErrorInvalidPropertyRequest."""
    uri, index = field.attributes.get("FieldURI", ""), field.attributes.get("FieldIndex", "")
    if uri.startswith("contacts:PhysicalAddress:"):
        return "PhysicalAddresses", index, uri.rpartition(":")[2]
    if uri in _DICTIONARIES:
        return _DICTIONARIES[uri][0], index, ""
    raise EwsError("ErrorInvalidPropertyRequest")


def element_of(uri: str) -> str:
    """The element a field URI names."""
    return uri.rpartition(":")[2]


def read_shape(node: Node, *, in_list: bool = False, lenient: bool = False) -> Shape:
    """A m:ItemShape or m:FolderShape. In a list, bodies and the like are refused, or left out where `lenient`. Raises EwsError."""
    named: set[str] = set()
    entries: list[tuple[str, str, str]] = []
    extended: list[tuple[ExtendedKey, str]] = []
    fields: list[Node] = []
    for field in node.child("t:AdditionalProperties").children:
        match field.local:
            case "FieldURI":
                named.add(element_of(field.attributes.get("FieldURI", "")))
            case "IndexedFieldURI":
                entries.append(entry_of(field))
            case _:
                extended.append((extended_key(field), repr(sorted(field.attributes.items()))))
                fields.append(field)
    if in_list and named & _REFUSED_IN_LISTS:
        if not lenient:
            raise EwsError("ErrorInvalidPropertyRequest")
        named -= _NOT_IN_LISTS
    mime = node.text_at("t:IncludeMimeContent") == "true" or "MimeContent" in named or "MimeContentUTF8" in named
    return Shape(
        base=node.text_at("t:BaseShape", "IdOnly"),
        named=frozenset(named - {"MimeContent", "MimeContentUTF8"}),
        entries=tuple(entries),
        extended=tuple(extended),
        fields=tuple(fields),
        mime=mime and not in_list,
        body_type=node.text_at("t:BodyType", "Best"),
        in_list=in_list,
    )


def item_node(mailbox: Mailbox, item: Item, shape: Shape) -> Node:
    """The item as `t:Message` or what it is; written once for each shape and version, save its MIME."""
    rest = item.written.get(shape.key)
    if rest is None:
        rest = "".join([xml(child) for child in _children(mailbox, item, shape)])
        if len(rest) < 16_384:
            item.written[shape.key] = rest
    if not shape.mime:
        return Node(f"t:{item.kind}", children=(Written(rest),))
    content = Octets(base64.b64encode(mime_of(mailbox, item)))
    head, tail = Written('<t:MimeContent CharacterSet="UTF-8">'), Written(f"</t:MimeContent>{rest}")
    return Node(f"t:{item.kind}", children=(head, content, tail))


def _children(mailbox: Mailbox, item: Item, shape: Shape) -> list[Node]:
    order = properties(item.kind)
    names = _names(item.kind, shape)
    by_entry = {element for element, _, _ in shape.entries} - names
    found: list[Node] = []
    for name in order:
        if name == "ExtendedProperty":
            found += _extended(mailbox, item, shape)
        elif name in names:
            if (node := value(mailbox, item, name, shape.body_type)) is not None:
                found.append(node)
        elif name in by_entry and (node := value(mailbox, item, name)) is not None:
            kept = [entry for entry in node.children if any(_is_entry(entry, *wanted[1:]) for wanted in shape.entries if wanted[0] == name)]
            if kept:
                found.append(Node(node.name, children=kept))
    return found


def _names(kind: str, shape: Shape) -> frozenset[str]:
    match shape.base:
        case "Default":
            chosen = frozenset(_DEFAULTS.get(kind, _MEETING_DEFAULT if kind.startswith("Meeting") else _DEFAULT_ITEM).split())
        case "AllProperties" | "PcxPeopleSearch":
            chosen = frozenset(properties(kind)) - _ON_DEMAND
        case _:
            chosen = frozenset({"ItemId"})
    if shape.in_list:
        chosen -= _NOT_IN_LISTS
    return chosen | shape.named | {"ItemId"}


def _is_entry(entry: Node, key: str, _part: str) -> bool:
    return entry.attributes.get("Key", entry.attributes.get("HeaderName", "")).lower() == key.lower()


def _extended(mailbox: Mailbox, item: Item, shape: Shape) -> list[Node]:
    found = []
    for (key, _), field in zip(shape.extended, shape.fields, strict=True):
        if (value_node := extended_value(mailbox, item, key, field.attributes.get("PropertyType", "String"))) is not None:
            found.append(Node("t:ExtendedProperty", children=(Node("t:ExtendedFieldURI", attributes=field.attributes), value_node)))
    return found
