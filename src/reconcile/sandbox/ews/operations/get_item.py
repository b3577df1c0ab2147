"""GetItem."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.shapes import item_node, read_shape


def get_item(call: Call) -> Node:
    """Items by id, with what the shape asks for."""
    shape = read_shape(call.request.child("m:ItemShape"))

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, item = call.item(wanted)
        return (Node("m:Items", children=(item_node(mailbox, item, shape),)),)

    return call.batch(call.request.child("m:ItemIds").children, act, empty=(Node("m:Items"),))
