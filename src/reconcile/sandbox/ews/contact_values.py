"""Elements of a contact that follow from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.stored import Item

_NAMES: Final = (("GivenName", "FirstName"), ("MiddleName", "MiddleName"), ("Surname", "LastName"))


def _complete_name(item: Item) -> Node | None:
    """Parts of the name in the schema's order; absent for a contact without any."""
    parts = [Node(f"t:{shown}", item.text(name)) for name, shown in _NAMES if item.text(name)]
    if initials := item.text("Initials"):
        parts.append(Node("t:Initials", initials))
    full = display_name(item)
    if full:
        parts.append(Node("t:FullName", full))
    if nickname := item.text("Nickname"):
        parts.append(Node("t:Nickname", nickname))
    return Node("t:CompleteName", children=parts) if parts else None


def display_name(item: Item) -> str:
    """What was set, else the parts of the name."""
    return item.text("DisplayName") or " ".join(text for name, _ in _NAMES if (text := item.text(name)))


def _file_as(item: Item) -> Node | None:
    if item.text("FileAs"):
        return None
    last, first = item.text("Surname"), item.text("GivenName")
    shown = f"{last}, {first}" if last and first else last or first or item.text("CompanyName") or item.text("DisplayName")
    return Node("t:FileAs", shown) if shown else None


CONTACT_VALUES: Final[Mapping[str, Callable[[Item], Node | None]]] = {
    "CompleteName": _complete_name,
    "FileAs": _file_as,
    "DisplayName": lambda item: Node("t:DisplayName", display_name(item)) if display_name(item) else None,
    "HasPicture": lambda item: Node("t:HasPicture", flag(any(found.name == "ContactPicture.jpg" for found in item.attachments))),
}
