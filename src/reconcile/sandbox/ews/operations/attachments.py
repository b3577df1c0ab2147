"""CreateAttachment, GetAttachment, DeleteAttachment."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from reconcile.sandbox.ews.assign import attachment_from
from reconcile.sandbox.ews.attached import attachment_id, attachment_node, attachments
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.ids import ATTACHMENT, ITEM, Id, change_key, parse_id
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node, Written
from reconcile.sandbox.ews.operations.keeping import save
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.shapes import Shape, item_node, read_shape
from reconcile.sandbox.ews.stored import Attachment, Item
from reconcile.sandbox.ews.unfold import unfold


def create_attachment(call: Call) -> Node:
    """Files and items attached to an item; its change key rises with each."""
    parent = call.request.child("m:ParentItemId")

    def act(given: Node) -> Sequence[Node]:
        mailbox, item = call.item(parent, write=True)
        unfold(mailbox, item)
        found = attachment_from(mailbox, item, given)
        item.attachments.append(found)
        save(mailbox, item, ["Attachments"])
        attributes = {"Id": str(attachment_id(mailbox, item, found)), **_root(mailbox, item)}
        node = Node(f"t:{given.local}", children=(Node("t:AttachmentId", attributes=attributes),))
        return (Node("m:Attachments", children=(node,)),)

    return call.batch(call.request.child("m:Attachments").children, act, empty=(Node("m:Attachments"),))


def get_attachment(call: Call) -> Node:
    """Their contents."""
    shape = read_shape(call.request.child("m:AttachmentShape"))
    shape = Shape(base="AllProperties", mime=shape.mime, body_type=shape.body_type, named=shape.named)

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, item, found = _find(call, wanted)
        if found.item is not None:
            contents: Node = item_node(mailbox, found.item, shape)
        else:
            text = base64.b64encode(found.content or b"").decode("ascii")
            contents = Node("t:Content", children=(Written(text),))
        return (Node("m:Attachments", children=(attachment_node(mailbox, item, found, contents),)),)

    return call.batch(call.request.child("m:AttachmentIds").children, act, empty=(Node("m:Attachments"),))


def delete_attachment(call: Call) -> Node:
    """Take them off."""

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, item, found = _find(call, wanted, write=True)
        unfold(mailbox, item)
        item.attachments = [other for other in item.attachments if other is not found]
        save(mailbox, item, ["Attachments"])
        return (Node("m:RootItemId", attributes=_root(mailbox, item)),)

    return call.batch(call.request.child("m:AttachmentIds").children, act)


def _root(mailbox: Mailbox, item: Item) -> dict[str, str]:
    return {"RootItemId": str(mailbox.item_id(item)), "RootItemChangeKey": change_key(item.version)}


def _find(call: Call, wanted: Node, *, write: bool = False) -> tuple[Mailbox, Item, Attachment]:
    id_ = parse_id(wanted.attributes.get("Id", ""))
    if id_.kind != ATTACHMENT:
        raise EwsError("ErrorInvalidIdNotAnItemAttachmentId")
    owner = Node("t:ItemId", attributes={"Id": str(Id(ITEM, id_.mailbox, id_.extra))})
    mailbox, item = call.item(owner, write=write)
    for found in attachments(mailbox, item):
        if found.number == id_.number:
            return mailbox, item, found
    raise EwsError("ErrorItemNotFound")
