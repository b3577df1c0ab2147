"""CreateItem and SendItem."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from reconcile.sandbox.ews.assign import fill
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.element_order import is_item_class
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.meetings import born, created
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.operations.keeping import file_copy, keep, send_and_keep
from reconcile.sandbox.ews.operations.responses import respond
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.sending import send
from reconcile.sandbox.ews.shapes import ID_ONLY, item_node
from reconcile.sandbox.ews.stored import Folder, Item
from reconcile.sandbox.ews.tasks import settle
from reconcile.sandbox.ews.time_zones import zone_of

_HOMES = {"CalendarItem": "calendar", "Contact": "contacts", "DistributionList": "contacts", "Task": "tasks"}


def create_item(call: Call) -> Node:
    """Save, send, or both. Nothing of an item that fails is kept."""

    def act(given: Node) -> Sequence[Node]:
        if not is_item_class(given.local):
            return (Node("m:Items", children=respond(call, given)),)
        mailbox, folder = _home(call, given)
        item = new_item(mailbox, folder, given, zone_of(given, call.header))
        disposition = call.request.attributes.get("MessageDisposition", "SaveOnly")
        if given.local == "CalendarItem":
            born(mailbox, item)
            keep(mailbox, item)
            created(call.organization, mailbox, item, call.request.attributes.get("SendMeetingInvitations", "SendToNone"))
        elif given.local == "Message" and disposition != "SaveOnly":
            send_and_keep(call, mailbox, item, keep=disposition == "SendAndSaveCopy")
            return (Node("m:Items"),)
        else:
            keep(mailbox, item)
        return (Node("m:Items", children=(item_node(mailbox, item, ID_ONLY),)),)

    return call.batch(call.request.child("m:Items").children, act, empty=(Node("m:Items"),))


def send_item(call: Call) -> Node:
    """Send drafts that are there; the copy is kept or not as the request says."""

    def act(wanted: Node) -> Sequence[Node]:
        if not wanted.attributes.get("ChangeKey"):
            raise EwsError("ErrorChangeKeyRequired")
        mailbox, item = call.item(wanted, write=True, checked=True)
        if item.sent and not item.draft:
            raise EwsError("ErrorItemNotFound" if item.kind != "Message" else "ErrorInvalidOperation")
        target = call.request.find("m:SavedItemFolderId")
        keep = call.request.attributes.get("SaveItemToFolder", "true") == "true"
        folder = call.folder(target.children[0])[1] if target and keep else mailbox.distinguished("sentitems")
        send(call.organization, mailbox, item)
        mailbox.remove(item)
        if keep and folder is not None:
            file_copy(mailbox, item, folder)
        return ()

    return call.batch(call.request.child("m:ItemIds").children, act)


def new_item(mailbox: Mailbox, folder: Folder, given: Node, zone: tzinfo = UTC) -> Item:
    """An item of what a client sent, not yet in its folder. Raises EwsError."""
    item = Item(
        number=mailbox.next_number(),
        mailbox=mailbox.number,
        folder=folder.number,
        kind=given.local,
        created=mailbox.now(),
        modified=mailbox.now(),
    )
    fill(mailbox, item, given, zone)
    if item.kind == "Task":
        settle(item, [child.local for child in given.children])
    item.properties.setdefault("IsRead", Node("t:IsRead", "true"))
    item.draft = given.local == "Message" and item.properties.pop("IsDraft", Node("", "true")).text == "true"
    return item


def _home(call: Call, given: Node) -> tuple[Mailbox, Folder]:
    target = call.request.find("m:SavedItemFolderId")
    if target is not None and target.children:
        return call.folder(target.children[0], write=True)
    mailbox = call.own_mailbox()
    folder = mailbox.distinguished(_HOMES.get(given.local, "drafts"))
    assert folder is not None  # every mailbox is born with these
    return mailbox, folder
