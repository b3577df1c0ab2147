"""CreateFolder, and what else happens to folders."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.extended import extended_key
from reconcile.sandbox.ews.folder_names import folder_class_of
from reconcile.sandbox.ews.folder_values import folder_node
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.operations.move_items import carry, discard
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


def update_folder(call: Call) -> Node:
    """Name, class and extended properties."""

    def act(change: Node) -> Sequence[Node]:
        mailbox, folder = call.folder(change.children[0], write=True)
        for field in change.child("t:Updates").children:
            path = field.children[0]
            given = field.children[1].children if len(field.children) > 1 else ()
            if path.local == "ExtendedFieldURI":
                if given:
                    set_extended(folder, given[0])
                else:
                    folder.extended.pop(extended_key(path), None)
            elif field.local == "SetFolderField" and given and given[0].local == "DisplayName":
                name = given[0].text.strip()
                if not name:
                    raise EwsError("ErrorFolderSave", "A folder needs a name.")
                refuse_twin(mailbox, folder.parent or 0, name, but=folder.number)
                folder.name = name
            elif field.local == "SetFolderField" and given and given[0].local == "FolderClass":
                folder.folder_class = given[0].text
            elif path.attributes.get("FieldURI") != "folder:PermissionSet":  # rights of folders come from delegates here
                raise EwsError("ErrorInvalidPropertySet")
        mailbox.touch_folder(folder)
        return (Node("m:Folders", children=(folder_node(mailbox, folder, ID_ONLY),)),)

    return call.batch(call.request.child("m:FolderChanges").children, act, empty=_EMPTY)


def delete_folder(call: Call) -> Node:
    """For good or into Deleted Items; never one every mailbox is born with."""
    how = call.request.attributes.get("DeleteType", "HardDelete")

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, folder = call.folder(wanted, write=True)
        if folder.distinguished:
            raise EwsError("ErrorDeleteDistinguishedFolder")
        _discard(mailbox, folder, how)
        return ()

    return call.batch(call.request.child("m:FolderIds").children, act)


def empty_folder(call: Call) -> Node:
    """Its items, and what is below where the request says so."""
    how = call.request.attributes.get("DeleteType", "HardDelete")
    deep = call.request.attributes.get("DeleteSubFolders", "false") == "true"

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, folder = call.folder(wanted, write=True)
        for item in [item for item in folder.items.values() if not item.associated]:
            discard(mailbox, item, how)
        for child in mailbox.children(folder.number) if deep else ():
            if not child.distinguished:
                _discard(mailbox, child, how)
        return ()

    return call.batch(call.request.child("m:FolderIds").children, act)


def move_folder(call: Call) -> Node:
    """Below another folder of the same mailbox; never below itself."""
    to = call.request.child("m:ToFolderId").children

    def act(wanted: Node) -> Sequence[Node]:
        target, parent = call.folder(to[0], write=True)
        mailbox, folder = call.folder(wanted, write=True)
        if folder.distinguished:
            raise EwsError("ErrorMoveDistinguishedFolder", "Distinguished folders cannot be moved.")
        inside = parent is folder or any(below is parent for below in mailbox.below(folder.number))
        if target is not mailbox or inside:
            raise EwsError("ErrorMoveCopyFailed", "The move or copy operation failed.")
        refuse_twin(mailbox, parent.number, folder.name, but=folder.number)
        mailbox.move_folder(folder, parent)
        return (Node("m:Folders", children=(folder_node(mailbox, folder, ID_ONLY),)),)

    return call.batch(call.request.child("m:FolderIds").children, act, empty=_EMPTY)


def copy_folder(call: Call) -> Node:
    """With all that is in it and below it."""
    to = call.request.child("m:ToFolderId").children

    def act(wanted: Node) -> Sequence[Node]:
        target, parent = call.folder(to[0], write=True)
        mailbox, folder = call.folder(wanted)
        if target is not mailbox or parent is folder or any(below is parent for below in mailbox.below(folder.number)):
            raise EwsError("ErrorMoveCopyFailed", "The move or copy operation failed.")
        refuse_twin(mailbox, parent.number, folder.name)
        fresh = _copy(mailbox, folder, parent)
        return (Node("m:Folders", children=(folder_node(mailbox, fresh, ID_ONLY),)),)

    return call.batch(call.request.child("m:FolderIds").children, act, empty=_EMPTY)


def mark_all_items_as_read(call: Call) -> Node:
    """Or as unread."""
    read = call.request.text_at("m:ReadFlag", "true")

    def act(wanted: Node) -> Sequence[Node]:
        mailbox, folder = call.folder(wanted, write=True)
        for item in list(folder.items.values()):
            if item.text("IsRead") != read:
                item.properties["IsRead"] = Node("t:IsRead", read)
                mailbox.touch(item, only_read_flag=True)
        return ()

    return call.batch(call.request.child("m:FolderIds").children, act)


def _copy(mailbox: Mailbox, folder: Folder, parent: Folder) -> Folder:
    fresh = mailbox.add_folder(parent.number, folder.name, folder.folder_class)
    for item in list(folder.items.values()):
        carry(mailbox, item, mailbox, fresh, keep=True)
    for child in mailbox.children(folder.number):
        _copy(mailbox, child, fresh)
    return fresh


def _discard(mailbox: Mailbox, folder: Folder, how: str) -> None:
    trash = mailbox.distinguished("deleteditems")
    inside = trash is not None and any(below is folder for below in mailbox.below(trash.number))
    if how != "MoveToDeletedItems" or trash is None or inside:
        mailbox.remove_folder(folder)
        return
    name, number = folder.name, 1
    while any(other.name.casefold() == folder.name.casefold() for other in mailbox.children(trash.number)):
        folder.name, number = f"{name}{number}", number + 1
    mailbox.move_folder(folder, trash)
