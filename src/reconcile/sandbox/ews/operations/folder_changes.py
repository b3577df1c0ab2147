"""CreateFolder, and what else happens to folders."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.extended import extended_key
from reconcile.sandbox.ews.folder_names import folder_class_of
from reconcile.sandbox.ews.folder_values import folder_node
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.shapes import ID_ONLY
from reconcile.sandbox.ews.stored import Folder

_EMPTY = (Node("m:Folders"),)


def create_folder(call: Call) -> Node:
    """New folders below one."""
    parent_id = call.request.child("m:ParentFolderId").children

    def act(given: Node) -> Sequence[Node]:
        mailbox, parent = call.folder(parent_id[0], write=True)
        name = given.text_at("t:DisplayName").strip()
        if not name:
            raise EwsError("ErrorFolderSave", "A folder needs a name.")
        refuse_twin(mailbox, parent.number, name)
        folder = mailbox.add_folder(parent.number, name, folder_class_of(given.local, given.text_at("t:FolderClass")))
        for found in given.all("t:ExtendedProperty"):
            set_extended(folder, found)
        return (Node("m:Folders", children=(folder_node(mailbox, folder, ID_ONLY),)),)

    return call.batch(call.request.child("m:Folders").children, act, empty=_EMPTY)


def refuse_twin(mailbox: Mailbox, parent: int, name: str, *, but: int = 0) -> None:
    """Raises EwsError ErrorFolderExists."""
    for other in mailbox.children(parent):
        if other.name.casefold() == name.casefold() and other.number != but:
            raise EwsError("ErrorFolderExists")


def set_extended(folder: Folder, given: Node) -> None:
    """A t:ExtendedProperty of a folder."""
    found = given.find("t:Value") or given.find("t:Values")
    if found is not None:
        folder.extended[extended_key(given.child("t:ExtendedFieldURI"))] = found
