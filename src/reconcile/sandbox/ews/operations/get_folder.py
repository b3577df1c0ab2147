"""GetFolder and FindFolder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.folder_values import folder_node, folder_texts
from reconcile.sandbox.ews.matching import read_restriction
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.paging import page_of
from reconcile.sandbox.ews.shapes import read_shape


def get_folder(call: Call) -> Node:
    """Folders by id."""
    shape = read_shape(call.request.child("m:FolderShape"))

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, folder = call.folder(wanted)
        return (Node("m:Folders", children=(folder_node(mailbox, folder, shape),)),)

    return call.batch(call.request.child("m:FolderIds").children, act, empty=(Node("m:Folders"),))


def find_folder(call: Call) -> Node:
    """Folders below others, one level or all."""
    shape = read_shape(call.request.child("m:FolderShape"))
    restriction = read_restriction(call.request)
    deep = call.request.attributes.get("Traversal", "Shallow") == "Deep"

    def act(parent: Node) -> Sequence[Node]:
        mailbox, folder = call.folder(parent)
        found = list(mailbox.below(folder.number)) if deep else mailbox.children(folder.number)
        if restriction is not None:
            found = [one for one in found if restriction(partial(folder_texts, mailbox, one))]
        page = page_of(found, call.request)
        folders = [folder_node(mailbox, one, shape) for one in page.things]
        return (Node("m:RootFolder", children=(Node("t:Folders", children=folders),), attributes=page.attributes),)

    return call.batch(call.request.child("m:ParentFolderIds").children, act)
