"""FindItem: restriction, sort, pages, calendar views."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.item_texts import item_texts
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.matching import Comparable, comparable, field_type, read_restriction
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.occurrences import view
from reconcile.sandbox.ews.paging import page_of
from reconcile.sandbox.ews.shapes import Shape, item_node, read_shape
from reconcile.sandbox.ews.stored import Folder, Item
from reconcile.sandbox.ews.times import moment


def find_item(call: Call) -> Node:
    """Items of folders, one response message a folder."""
    shape = read_shape(call.request.child("m:ItemShape"), in_list=True)
    restriction = read_restriction(call.request)
    associated = call.request.attributes.get("Traversal") == "Associated"
    calendar = call.request.find("m:CalendarView")

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, folder = call.folder(wanted)
        if calendar is not None:
            return (_calendar(mailbox, folder, calendar, shape),)
        found = [item for item in folder.items.values() if item.associated == associated]
        if restriction is not None:
            found = [item for item in found if restriction(partial(item_texts, mailbox, item))]
        _sort(mailbox, found, call.request.child("m:SortOrder"))
        page = page_of(found, call.request)
        items = [item_node(mailbox, item, shape) for item in page.things]
        return (Node("m:RootFolder", children=(Node("t:Items", children=items),), attributes=page.attributes),)

    return call.batch(call.request.child("m:ParentFolderIds").children, act)


def _calendar(mailbox: Mailbox, folder: Folder, given: Node, shape: Shape) -> Node:
    start, end = moment(given.attributes.get("StartDate", "")), moment(given.attributes.get("EndDate", ""))
    found = view(mailbox, folder, start, end)
    limit = int(given.attributes.get("MaxEntriesReturned", str(len(found) or 1)))
    items = [item_node(mailbox, item, shape) for item in found[:limit]]
    attributes = {"TotalItemsInView": str(len(found)), "IncludesLastItemInRange": "true" if len(found) <= limit else "false"}
    return Node("m:RootFolder", children=(Node("t:Items", children=items),), attributes=attributes)


def _sort(mailbox: Mailbox, found: list[Item], order: Node) -> None:
    """By the last field first, as the sort is stable; without an order by time of arrival, newest first."""
    if not order.children:
        found.reverse()
    for wanted in reversed(order.children):
        field = wanted.children[0]
        type_ = field_type(field)

        def key(item: Item, field: Node = field, type_: str = type_) -> tuple[int, Comparable]:
            texts = item_texts(mailbox, item, field)
            value = comparable(texts[0], type_) if texts else ""
            return (0 if not texts else 1 if isinstance(value, float) else 2, value)

        found.sort(key=key, reverse=wanted.attributes.get("Order") == "Descending")
