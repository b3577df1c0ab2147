"""MarkAsJunk: the sender is blocked or no longer, and the mail moves between Inbox and Junk Email if the request says so."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.operations.move_items import carry
from reconcile.sandbox.ews.values import item_id_node


def mark_as_junk(call: Call) -> Node:
    """The id of what was moved is new."""
    junk = call.request.attributes.get("IsJunk") == "true"
    move = call.request.attributes.get("MoveItem") == "true"

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, item = call.item(wanted, write=True)
        target = mailbox.distinguished("junkemail" if junk else "inbox")
        if move and target is not None and item.folder != target.number:
            item = carry(mailbox, item, mailbox, target, keep=False)
        id_ = item_id_node(mailbox, item)
        return (Node("m:MovedItemId", attributes=id_.attributes),)

    return call.batch(call.request.child("m:ItemIds").children, act)
