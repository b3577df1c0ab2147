"""DeleteItem, MoveItem, CopyItem: each gives what moves or is copied a new id."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.compose import mime_of
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.meetings import deleted
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.occurrences import drop_occurrence
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.shapes import ID_ONLY, item_node
from reconcile.sandbox.ews.stored import Folder, Item

_DELETIONS = {"SoftDelete": "recoverableitemsdeletions", "MoveToDeletedItems": "deleteditems"}


def delete_item(call: Call) -> Node:
    """For good, into the dumpster, or into Deleted Items."""
    how = call.request.attributes.get("DeleteType", "")
    cancellations = call.request.attributes.get("SendMeetingCancellations")

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, item = call.item(wanted, write=True)
        if item.kind == "CalendarItem":
            if cancellations is None:
                raise EwsError("ErrorSendMeetingCancellationsRequired", "The SendMeetingCancellations attribute is required.")
            deleted(call.organization, mailbox, item, cancellations)
        elif item.kind == "Task" and call.request.attributes.get("AffectedTaskOccurrences") is None:
            raise EwsError("ErrorAffectedTaskOccurrencesRequired", "The AffectedTaskOccurrences attribute is required.")
        discard(mailbox, item, how)
        return ()

    return call.batch(call.request.child("m:ItemIds").children, act)


def discard(mailbox: Mailbox, item: Item, how: str) -> None:
    """Take an item away as a DeleteType says."""
    if item.number not in mailbox.items:
        drop_occurrence(mailbox, item)
        return
    target = mailbox.distinguished(_DELETIONS.get(how, ""))
    if target is None or target.number == item.folder:
        mailbox.remove(item)
    else:
        carry(mailbox, item, mailbox, target, keep=False)


def move_item(call: Call) -> Node:
    """Into another folder, of the same mailbox or another's."""
    return _carry_all(call, keep=False)


def copy_item(call: Call) -> Node:
    """Likewise, and the first stays."""
    return _carry_all(call, keep=True)


def carry(mailbox: Mailbox, item: Item, target: Mailbox, folder: Folder, *, keep: bool) -> Item:
    """A new item in `folder`; the old one is gone unless it is to be kept."""
    fresh = copy.copy(item)
    fresh.properties, fresh.extended = dict(item.properties), dict(item.extended)
    fresh.attachments = [copy.copy(found) for found in item.attachments]
    for found in fresh.attachments:
        found.number = target.next_number()
    fresh.exceptions, fresh.field_versions, fresh.written = dict(item.exceptions), {}, {}
    fresh.number, fresh.mailbox, fresh.folder, fresh.uid = target.next_number(), target.number, folder.number, None
    fresh.only_read_flag_since = 0
    # In another mailbox nobody has this number yet.
    fresh.first = (item.first or item.number) if target is mailbox else 0
    if folder.imap_name and fresh.raw is None and fresh.kind == "Message":
        fresh.replace_raw(mime_of(mailbox, item))
        fresh.mime_attachments_read = True
    if not keep:
        mailbox.remove(item, told=target is not mailbox)
    return target.put(fresh, event="CopiedEvent" if keep else "MovedEvent", old=item if target is mailbox else None)


def _carry_all(call: Call, *, keep: bool) -> Node:
    show = call.request.text_at("m:ReturnNewItemIds", "true") == "true"
    to = call.request.child("m:ToFolderId").children

    def act(wanted: Node) -> Sequence[Node]:
        target, folder = call.folder(to[0], write=True)
        mailbox, item = call.item(wanted, write=not keep)
        if item.number not in mailbox.items:
            raise EwsError("ErrorCalendarCannotMoveOrCopyOccurrence", "An occurrence cannot be moved or copied.")
        fresh = carry(mailbox, item, target, folder, keep=keep)
        same = target is mailbox and show
        return (Node("m:Items", children=(item_node(target, fresh, ID_ONLY),) if same else ()),)

    return call.batch(call.request.child("m:ItemIds").children, act, empty=(Node("m:Items"),))
