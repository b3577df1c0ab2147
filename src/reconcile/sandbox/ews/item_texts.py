"""What a condition or a sort order compares: the texts of a field of an item."""

from __future__ import annotations

from reconcile.sandbox.ews.extended import extended_key, value_texts
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.shapes import element_of, entry_of
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.tag_values import extended_value
from reconcile.sandbox.ews.values import value


def item_texts(mailbox: Mailbox, item: Item, field: Node) -> list[str]:
    """None when the item does not have the field; one a category, a recipient's name and address, an address of a contact."""
    match field.local:
        case "ExtendedFieldURI":
            found = extended_value(mailbox, item, extended_key(field), field.attributes.get("PropertyType", "String"))
            return [] if found is None else value_texts(found)
        case "IndexedFieldURI":
            element, key, part = entry_of(field)
            holder = value(mailbox, item, element)
            entries = [entry for entry in (holder.children if holder else ()) if entry.attributes.get("Key") == key]
            return [entry.text_at(f"t:{part}") if part else entry.text for entry in entries]
        case _:
            found = value(mailbox, item, element_of(field.attributes.get("FieldURI", "")), "Text")
    if found is None:
        return []
    if found.children:
        return [text for node in found.walk() if (text := node.text) and node.local not in ("RoutingType", "MailboxType")]
    return [found.text or found.attributes.get("Id", "")]
