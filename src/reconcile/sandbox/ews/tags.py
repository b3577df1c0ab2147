"""Extended properties that name what an element of the schema holds too, read from it; the others are kept as clients set them."""

from __future__ import annotations

from typing import Final

from reconcile.sandbox.ews.extended import ExtendedKey
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item

#: PidTagRead, which some clients flag mail with.
READ_STATE: Final = ExtendedKey("", 0x0E69)


def extended_value(mailbox: Mailbox, item: Item, key: ExtendedKey, type_: str) -> Node | None:
    """t:Value or t:Values, or None when the item does not have the property."""
    return item.extended.get(key)


def set_extended(mailbox: Mailbox, item: Item, key: ExtendedKey, given: Node) -> None:
    """Set it, or the element it stands for."""
    item.extended[key] = given


def clear_extended(mailbox: Mailbox, item: Item, key: ExtendedKey) -> None:
    """Take it away, or the element it stands for."""
    item.extended.pop(key, None)
