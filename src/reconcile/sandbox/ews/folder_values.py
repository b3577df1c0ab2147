"""Folders as XML."""

from __future__ import annotations

from typing import Final

from reconcile.sandbox.ews.element_order import words
from reconcile.sandbox.ews.extended import ExtendedKey, extended_key, value_texts
from reconcile.sandbox.ews.folder_names import folder_element
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.shapes import Shape, element_of
from reconcile.sandbox.ews.stored import Folder
from reconcile.sandbox.ews.times import stamp

_DEFAULT: Final = words("FolderId DisplayName TotalCount ChildFolderCount UnreadCount")
_ALL: Final = _DEFAULT | words("ParentFolderId FolderClass EffectiveRights DistinguishedFolderId")
_ORDER: Final = (
    "FolderId",
    "ParentFolderId",
    "FolderClass",
    "DisplayName",
    "TotalCount",
    "ChildFolderCount",
    "ExtendedProperty",
    "EffectiveRights",
    "DistinguishedFolderId",
    "UnreadCount",
)
_RIGHTS: Final = (
    "CreateAssociated",
    "CreateContents",
    "CreateHierarchy",
    "Delete",
    "Modify",
    "Read",
    "ViewPrivateItems",
)


def folder_node(mailbox: Mailbox, folder: Folder, shape: Shape) -> Node:
    """t:Folder, t:CalendarFolder… with what the shape asks for."""
    wanted = {"Default": _DEFAULT, "AllProperties": _ALL}.get(shape.base, frozenset()) | shape.named | {"FolderId"}
    kind = folder_element(folder.folder_class)
    children: list[Node] = []
    for name in _ORDER:
        if name == "ExtendedProperty":
            for (key, _), field in zip(shape.extended, shape.fields, strict=True):
                if (found := folder_extended(mailbox, folder, key)) is not None:
                    uri = Node("t:ExtendedFieldURI", attributes=field.attributes)
                    children.append(Node("t:ExtendedProperty", children=(uri, found)))
        elif name in wanted and (made := _value(mailbox, folder, name)) is not None:
            if name == "UnreadCount" and kind not in ("Folder", "TasksFolder"):
                continue
            children.append(made)
    return Node(f"t:{kind}", children=children)


def folder_texts(mailbox: Mailbox, folder: Folder, field: Node) -> list[str]:
    """What a restriction compares with."""
    if field.local == "ExtendedFieldURI":
        found = folder_extended(mailbox, folder, extended_key(field))
        return [] if found is None else value_texts(found)
    made = _value(mailbox, folder, element_of(field.attributes.get("FieldURI", "")))
    return [] if made is None else [made.text or made.attributes.get("Id", "")]


def unread(folder: Folder) -> int:
    """How many of its items are not read."""
    return sum(item.text("IsRead") == "false" and not item.associated for item in folder.items.values())


def _value(mailbox: Mailbox, folder: Folder, name: str) -> Node | None:
    match name:
        case "FolderId":
            return mailbox.folder_node(folder.number)
        case "ParentFolderId":
            return mailbox.folder_node(folder.parent or folder.number, "t:ParentFolderId")
        case "FolderClass":
            return Node("t:FolderClass", folder.folder_class) if folder.folder_class else None
        case "DisplayName":
            return Node("t:DisplayName", folder.name)
        case "TotalCount":
            return Node("t:TotalCount", str(sum(not item.associated for item in folder.items.values())))
        case "ChildFolderCount":
            return Node("t:ChildFolderCount", str(len(mailbox.children(folder.number))))
        case "UnreadCount":
            return Node("t:UnreadCount", str(unread(folder)))
        case "DistinguishedFolderId":
            return Node("t:DistinguishedFolderId", folder.distinguished) if folder.distinguished else None
        case "EffectiveRights":
            return Node("t:EffectiveRights", children=[Node(f"t:{right}", "true") for right in _RIGHTS])
        case _:
            return None


def folder_extended(mailbox: Mailbox, folder: Folder, key: ExtendedKey) -> Node | None:
    """Property tags of a folder (MS-OXCFOLD, MS-OXPROPS): counts, name, class, dates; others as clients set them."""
    if key in folder.extended:
        return folder.extended[key]
    if key.set:
        return None
    match key.name:
        case 0x3001:
            text = folder.name
        case 0x3602:
            text = str(sum(not item.associated for item in folder.items.values()))
        case 0x3603:
            text = str(unread(folder))
        case 0x360A:
            text = "true" if mailbox.children(folder.number) else "false"
        case 0x3613:
            text = folder.folder_class
        case 0x6638:
            text = str(len(mailbox.children(folder.number)))
        case 0x670A | 0x3008:
            latest = max((item.modified for item in folder.items.values()), default=mailbox.born)
            text = stamp(latest)
        case 0x6751:
            text = str(max((item.born_at for item in folder.items.values()), default=0) + 1)
        case 0x6752:
            text = str(folder.number)
        case _:
            return None
    return Node("t:Value", text) if text else None
