"""CreateItem and SendItem."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from reconcile.sandbox.ews.assign import fill
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.compose import mime_of
from reconcile.sandbox.ews.element_order import is_item_class
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.meetings import born, created
from reconcile.sandbox.ews.node import Node
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
            from reconcile.sandbox.ews.operations.responses import respond

            return (Node("m:Items", children=respond(call, given)),)
        mailbox, folder = _home(call, given)
        item = new_item(mailbox, folder, given, zone_of(given, call.header))
        disposition = call.request.attributes.get("MessageDisposition", "SaveOnly")
        if given.local == "CalendarItem":
            born(mailbox, item)
            _keep(mailbox, item)
            created(call.organization, mailbox, item, call.request.attributes.get("SendMeetingInvitations", "SendToNone"))
        elif given.local == "Message" and disposition != "SaveOnly":
            send_and_keep(call, mailbox, item, keep=disposition == "SendAndSaveCopy")
            return (Node("m:Items"),)
        else:
            _keep(mailbox, item)
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
            _file(mailbox, item, folder)
        return ()

    return call.batch(call.request.child("m:ItemIds").children, act)


def send_and_keep(call: Call, mailbox: Mailbox, item: Item, *, keep: bool) -> None:
    """Send a new item; its copy goes to the folder the request names, else to Sent Items."""
    target = call.request.find("m:SavedItemFolderId")
    folder = call.folder(target.children[0])[1] if target and target.children else mailbox.distinguished("sentitems")
    send(call.organization, mailbox, item)
    if keep and folder is not None:
        _file(mailbox, item, folder)


def file_new(call: Call, mailbox: Mailbox, item: Item) -> None:
    """A new item into the folder the request names, else into Drafts."""
    target = call.request.find("m:SavedItemFolderId")
    folder = call.folder(target.children[0], write=True)[1] if target and target.children else mailbox.distinguished("drafts")
    if folder is not None:
        item.folder = folder.number
        _keep(mailbox, item)


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


def _keep(mailbox: Mailbox, item: Item) -> None:
    if mailbox.folders[item.folder].imap_name and item.raw is None and item.kind == "Message":
        item.replace_raw(mime_of(mailbox, item))
        item.mime_attachments_read = True
    mailbox.put(item)


def _file(mailbox: Mailbox, item: Item, folder: Folder) -> None:
    """The sent copy: a new item in that folder."""
    item.number = mailbox.next_number()
    item.folder = folder.number
    item.uid = None
    item.properties["IsRead"] = Node("t:IsRead", "true")
    item.written.clear()
    item.modified = mailbox.now()
    _keep(mailbox, item)
