"""What an item says when asked for an element: computed, set by a client, read from its MIME, or the default, in that order."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from reconcile.sandbox.ews.attached import attachment_nodes, has_attachments
from reconcile.sandbox.ews.bodies import body, preview
from reconcile.sandbox.ews.calendar_values import CALENDAR_VALUES
from reconcile.sandbox.ews.contact_values import CONTACT_VALUES
from reconcile.sandbox.ews.ids import change_key
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.mime_view import MimeView
from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import stamp

_CLASSES: Final = {
    "Message": "IPM.Note",
    "CalendarItem": "IPM.Appointment",
    "Contact": "IPM.Contact",
    "DistributionList": "IPM.DistList",
    "Task": "IPM.Task",
    "MeetingRequest": "IPM.Schedule.Meeting.Request",
    "MeetingResponse": "IPM.Schedule.Meeting.Resp.Pos",
    "MeetingCancellation": "IPM.Schedule.Meeting.Canceled",
    "PostItem": "IPM.Post",
    "Item": "IPM.Note",
}
_RIGHTS: Final = Node(
    "t:EffectiveRights",
    children=[
        Node(f"t:{name}", text)
        for name, text in (
            ("CreateAssociated", "false"),
            ("CreateContents", "false"),
            ("CreateHierarchy", "false"),
            ("Delete", "true"),
            ("Modify", "true"),
            ("Read", "true"),
            ("ViewPrivateItems", "true"),
        )
    ],
)
_DEFAULTS: Final[Mapping[str, str]] = {
    "Subject": "",
    "Sensitivity": "Normal",
    "Importance": "Normal",
    "IsResend": "false",
    "IsUnmodified": "false",
    "ReminderIsSet": "false",
    "ReminderMinutesBeforeStart": "0",
    "Culture": "en-US",
    "DisplayCc": "",
    "DisplayTo": "",
    "IsRead": "false",
    "IsReadReceiptRequested": "false",
    "IsDeliveryReceiptRequested": "false",
    "IsResponseRequested": "false",
    "InferenceClassification": "Focused",
}
_KIND_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "CalendarItem": {
        "IsAllDayEvent": "false",
        "LegacyFreeBusyStatus": "Busy",
        "IsCancelled": "false",
        "MeetingRequestWasSent": "false",
        "MyResponseType": "Unknown",
        "ConflictingMeetingCount": "0",
        "AdjacentMeetingCount": "0",
        "AppointmentSequenceNumber": "0",
        "AppointmentState": "0",
        "ConferenceType": "0",
        "AllowNewTimeProposal": "true",
        "IsOnlineMeeting": "false",
        "IsResponseRequested": "true",
    },
    "Task": {
        "ChangeCount": "1",
        "DelegationState": "NoMatch",
        "IsAssignmentEditable": "0",
        "IsComplete": "false",
        "IsTeamTask": "false",
        "PercentComplete": "0",
        "Status": "NotStarted",
        "StatusDescription": "Not Started",
    },
}
_PRIORITIES: Final = {"1": "High", "2": "High", "high": "High", "urgent": "High", "4": "Low", "5": "Low", "low": "Low"}


def value(mailbox: Mailbox, item: Item, name: str, body_type: str = "Best") -> Node | None:
    """The element `t:name` of the item, or None when it has none."""
    if name == "Body":
        return body(item, body_type) if item.raw is not None or "Body" in item.properties or item.kind != "Contact" else None
    if name in ("TextBody", "UniqueBody", "NormalizedBody"):
        return body(item, "Text" if name == "TextBody" else body_type, f"t:{name}")
    computed = _COMPUTED.get(name)
    if computed is not None:
        return computed(mailbox, item)
    if item.kind in ("CalendarItem", "MeetingRequest") and name in CALENDAR_VALUES:
        return CALENDAR_VALUES[name](mailbox, item)
    if item.kind == "Contact" and name in CONTACT_VALUES and (made := CONTACT_VALUES[name](item)) is not None:
        return made
    if name in item.properties:
        return item.properties[name]
    mime = item.mime
    if mime is not None and name in _FROM_MIME:
        return _FROM_MIME[name](mime)
    text = _KIND_DEFAULTS.get(item.kind, {}).get(name, _DEFAULTS.get(name))
    return None if text is None else Node(f"t:{name}", text)


def text_of(mailbox: Mailbox, item: Item, name: str) -> str:
    """The element's text, "" when there is none."""
    found = value(mailbox, item, name)
    return "" if found is None else found.text


def item_id_node(mailbox: Mailbox, item: Item) -> Node:
    """t:ItemId with its change key."""
    return Node("t:ItemId", attributes={"Id": str(mailbox.item_id(item)), "ChangeKey": change_key(item.version)})


def item_class(item: Item) -> str:
    """Its message class."""
    return item.text("ItemClass") or _CLASSES.get(item.kind, "IPM.Note")


def recipients(item: Item, name: str) -> list[Node]:
    """The t:Mailbox elements of ToRecipients, CcRecipients, BccRecipients or ReplyTo."""
    if (set_ := item.properties.get(name)) is not None:
        return list(set_.children)
    header = {"ToRecipients": "To", "CcRecipients": "Cc", "BccRecipients": "Bcc", "ReplyTo": "Reply-To"}[name]
    return item.mime.mailboxes(header) if item.mime is not None else []


def size(item: Item) -> int:
    """About what the item takes, in octets."""
    if item.raw is not None:
        return len(item.raw)
    texts = sum(len(node.text) for found in item.properties.values() for node in found.walk())
    return 512 + texts + sum(len(found.content or b"") for found in item.attachments)


def _display(name: str) -> Callable[[Mailbox, Item], Node]:
    def made(_mailbox: Mailbox, item: Item) -> Node:
        names = [found.text_at("t:Name") or found.text_at("t:EmailAddress") for found in recipients(item, name)]
        return Node("t:" + {"ToRecipients": "DisplayTo", "CcRecipients": "DisplayCc"}.get(name, "DisplayBcc"), "; ".join(names))

    return made


def _received(_mailbox: Mailbox, item: Item) -> Node:
    return item.properties.get("DateTimeReceived") or Node("t:DateTimeReceived", stamp(item.created))


def _sent(_mailbox: Mailbox, item: Item) -> Node:
    set_ = item.properties.get("DateTimeSent")
    date = item.mime.date() if set_ is None and item.mime is not None else None
    return set_ or Node("t:DateTimeSent", stamp(date or item.created))


def _conversation(mailbox: Mailbox, item: Item) -> Node:
    topic = _topic(mailbox, item).text.lower().encode("utf-8", "surrogatepass")
    return Node("t:ConversationId", attributes={"Id": base64.b64encode(hashlib.sha256(topic).digest()).decode()})


def _topic(mailbox: Mailbox, item: Item) -> Node:
    subject = text_of(mailbox, item, "Subject")
    while subject[:3].lower() in ("re:", "fw:", "aw:", "wg:"):
        subject = subject[3:].lstrip()
    return Node("t:ConversationTopic", subject)


def _flag(_mailbox: Mailbox, item: Item) -> Node:
    return item.properties.get("Flag") or Node("t:Flag", children=[Node("t:FlagStatus", "NotFlagged")])


def _attachments(mailbox: Mailbox, item: Item) -> Node | None:
    found = attachment_nodes(mailbox, item)
    return Node("t:Attachments", children=found) if found else None


_COMPUTED: Final[Mapping[str, Callable[[Mailbox, Item], Node | None]]] = {
    "ItemId": item_id_node,
    "ParentFolderId": lambda mailbox, item: mailbox.folder_node(item.folder, "t:ParentFolderId"),
    "ItemClass": lambda _, item: Node("t:ItemClass", item_class(item)),
    "Attachments": _attachments,
    "HasAttachments": lambda _, item: Node("t:HasAttachments", flag(has_attachments(item))),
    "DateTimeReceived": _received,
    "DateTimeSent": _sent,
    "DateTimeCreated": lambda _, item: Node("t:DateTimeCreated", stamp(item.created)),
    "LastModifiedTime": lambda _, item: Node("t:LastModifiedTime", stamp(item.modified)),
    "LastModifiedName": lambda mailbox, _: Node("t:LastModifiedName", mailbox.name),
    "Size": lambda _, item: Node("t:Size", str(size(item))),
    "IsDraft": lambda _, item: Node("t:IsDraft", flag(item.draft)),
    "IsSubmitted": lambda _, item: Node("t:IsSubmitted", flag(item.sent)),
    "IsFromMe": lambda mailbox, item: Node("t:IsFromMe", flag(_from_me(mailbox, item))),
    "IsAssociated": lambda _, item: Node("t:IsAssociated", flag(item.associated)),
    "EffectiveRights": lambda _, __: _RIGHTS,
    "ConversationId": _conversation,
    "ConversationTopic": _topic,
    "DisplayTo": _display("ToRecipients"),
    "DisplayCc": _display("CcRecipients"),
    "DisplayBcc": _display("BccRecipients"),
    "Flag": _flag,
    "Preview": lambda _, item: Node("t:Preview", preview(item)),
    "InstanceKey": lambda mailbox, item: Node("t:InstanceKey", base64.b64encode(mailbox.item_id(item).octets()).decode()),
    "SearchKey": lambda mailbox, item: Node("t:SearchKey", base64.b64encode(mailbox.search_key(item)).decode()),
}


def _from_me(mailbox: Mailbox, item: Item) -> bool:
    found = value(mailbox, item, "From")
    return found is not None and found.text_at("t:Mailbox/t:EmailAddress").lower() == mailbox.address.lower()


def _one(element: str, *headers: str) -> Callable[[MimeView], Node | None]:
    def made(mime: MimeView) -> Node | None:
        for header in headers:
            if found := mime.mailboxes(header):
                return Node(element, children=found[:1])
        return None

    return made


def _many(element: str, header: str) -> Callable[[MimeView], Node | None]:
    def made(mime: MimeView) -> Node | None:
        found = mime.mailboxes(header)
        return Node(element, children=found) if found else None

    return made


def _plain(element: str, header: str) -> Callable[[MimeView], Node | None]:
    def made(mime: MimeView) -> Node | None:
        found = mime.header(header)
        return Node(element, found) if found else None

    return made


def _importance(mime: MimeView) -> Node:
    text = (mime.header("Importance") or mime.header("X-Priority")).strip().lower()
    return Node("t:Importance", _PRIORITIES.get(text[:6] if text else "", _PRIORITIES.get(text[:1], "Normal")))


def _sensitivity(mime: MimeView) -> Node:
    text = mime.header("Sensitivity").strip().lower()
    names = {"personal": "Personal", "private": "Private", "company-confidential": "Confidential"}
    return Node("t:Sensitivity", names.get(text, "Normal"))


def _headers(mime: MimeView) -> Node | None:
    found = [Node("t:InternetMessageHeader", text, attributes={"HeaderName": name}) for name, text in mime.headers if name]
    return Node("t:InternetMessageHeaders", children=found) if found else None


_FROM_MIME: Final[Mapping[str, Callable[[MimeView], Node | None]]] = {
    "Subject": lambda mime: Node("t:Subject", mime.header("Subject")),
    "From": _one("t:From", "From", "Sender"),
    "Sender": _one("t:Sender", "Sender", "From"),
    "ToRecipients": _many("t:ToRecipients", "To"),
    "CcRecipients": _many("t:CcRecipients", "Cc"),
    "BccRecipients": _many("t:BccRecipients", "Bcc"),
    "ReplyTo": _many("t:ReplyTo", "Reply-To"),
    "InternetMessageId": _plain("t:InternetMessageId", "Message-ID"),
    "InReplyTo": _plain("t:InReplyTo", "In-Reply-To"),
    "References": _plain("t:References", "References"),
    "Importance": _importance,
    "Sensitivity": _sensitivity,
    "InternetMessageHeaders": _headers,
}
