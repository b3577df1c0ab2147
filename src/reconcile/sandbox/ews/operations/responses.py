"""Response objects in CreateItem: accept, decline, cancel, reply, forward."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.bodies import body
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.meetings import answered, deleted
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.operations.keeping import file_new, save, send_and_keep
from reconcile.sandbox.ews.operations.move_items import discard
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.shapes import ID_ONLY, item_node
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.values import recipients, text_of, value

_ANSWERS = {"AcceptItem": "Accept", "TentativelyAcceptItem": "Tentative", "DeclineItem": "Decline"}
_LETTERS = {"ReplyToItem": "RE: ", "ReplyAllToItem": "RE: ", "ForwardItem": "FW: "}


def respond(call: Call, given: Node) -> Sequence[Node]:
    """What CreateItem answers for it. Raises EwsError ErrorInvalidRequest for an object this server does not know."""
    mailbox, item = call.item(given.child("t:ReferenceItemId"), write=True)
    disposition = call.request.attributes.get("MessageDisposition", "SaveOnly")
    if given.local in _ANSWERS:
        return _answer(call, mailbox, item, given, told=disposition != "SaveOnly")
    if given.local in _LETTERS:
        return _letter(call, mailbox, item, given, disposition)
    match given.local:
        case "CancelCalendarItem":
            deleted(call.organization, mailbox, item, "SendToAllAndSaveCopy")
            discard(mailbox, item, "MoveToDeletedItems")
            return ()
        case "RemoveItem":
            calendar_item = _appointment(call, mailbox, item)
            discard(mailbox, calendar_item, "MoveToDeletedItems")
            if calendar_item is not item:
                discard(mailbox, item, "MoveToDeletedItems")
            return ()
        case "SuppressReadReceipt":
            return ()
        case _:
            raise EwsError("ErrorInvalidRequest", f"{given.local} is not supported by this server.")


def _answer(call: Call, mailbox: Mailbox, item: Item, given: Node, *, told: bool) -> Sequence[Node]:
    answer = _ANSWERS[given.local]
    appointment = _appointment(call, mailbox, item)
    if appointment.text("IsCancelled") == "true":
        raise EwsError("ErrorCalendarIsCancelledForAccept", "The meeting was cancelled.")
    answered(call.organization, mailbox, appointment, answer, given.find("t:Body"), told=told)
    save(mailbox, appointment, ["MyResponseType"])
    if item is not appointment:
        discard(mailbox, item, "MoveToDeletedItems")
    if answer == "Decline":
        discard(mailbox, appointment, "MoveToDeletedItems")
        return ()
    return (item_node(mailbox, appointment, ID_ONLY),)


def _appointment(call: Call, mailbox: Mailbox, item: Item) -> Item:
    """The appointment a meeting request is about, or the appointment itself."""
    if item.kind == "CalendarItem":
        return item
    about = item.properties.get("AssociatedCalendarItemId")
    if about is None:
        raise EwsError("ErrorCalendarMeetingRequestIsOutOfDate", "No appointment belongs to the request.")
    return call.item(Node("t:ItemId", attributes={"Id": about.attributes.get("Id", "")}), write=True)[1]


def _letter(call: Call, mailbox: Mailbox, item: Item, given: Node, disposition: str) -> Sequence[Node]:
    prefix = _LETTERS[given.local]
    subject = text_of(mailbox, item, "Subject")
    author = value(mailbox, item, "ReplyTo") or value(mailbox, item, "From")
    to = list(author.children) if author is not None and given.local != "ForwardItem" else []
    copies: list[Node] = []
    if given.local == "ReplyAllToItem":
        mine = mailbox.address.lower()
        to += [node for node in recipients(item, "ToRecipients") if node.text_at("t:EmailAddress").lower() != mine]
        copies = [node for node in recipients(item, "CcRecipients") if node.text_at("t:EmailAddress").lower() != mine]
    new = given.find("t:NewBodyContent") or Node("t:NewBodyContent", attributes={"BodyType": "Text"})
    kind = new.attributes.get("BodyType", "Text")
    old = body(item, kind)
    identity = text_of(mailbox, item, "InternetMessageId")
    letter = Item(
        number=mailbox.next_number(), mailbox=mailbox.number, folder=0, kind="Message", created=mailbox.now(), modified=mailbox.now()
    )
    letter.draft = True
    nodes = [
        Node("t:Subject", subject if subject.upper().startswith(prefix.strip()) else prefix + subject),
        Node("t:Body", f"{new.text}\r\n{old.text}", attributes={"BodyType": kind}),
        Node("t:ToRecipients", children=to),
        Node("t:CcRecipients", children=copies),
        Node("t:InReplyTo", identity),
        Node("t:References", f"{text_of(mailbox, item, 'References')} {identity}".strip()),
        Node("t:IsRead", "true"),
    ]
    named = [child for child in given.children if child.local in ("Subject", "ToRecipients", "CcRecipients", "BccRecipients", "From")]
    letter.properties = {node.local: node for node in [*nodes, *named] if node.text or node.children}
    if disposition == "SaveOnly":
        file_new(call, mailbox, letter)
        return (item_node(mailbox, letter, ID_ONLY),)
    send_and_keep(call, mailbox, letter, keep=disposition == "SendAndSaveCopy")
    return ()
