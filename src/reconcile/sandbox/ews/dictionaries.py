"""Contact dictionaries: arrays of entries by key, of which a client sets one, or one part of one."""

from __future__ import annotations

from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item


def set_entry(item: Item, element: str, key: str, part: str, given: Node | None) -> None:
    """One entry of a dictionary (`part` of it, for an address), or None to take it away."""
    old = item.properties.get(element, Node(f"t:{element}"))
    kept = [entry for entry in old.children if entry.attributes.get("Key") != key]
    before = next((entry for entry in old.children if entry.attributes.get("Key") == key), None)
    new = next((entry for entry in given.children if entry.attributes.get("Key") == key), None) if given is not None else None
    if part:
        others = [child for child in (before.children if before else ()) if child.local != part]
        own = [child for child in (new.children if new else ()) if child.local == part]
        order = ["Street", "City", "State", "CountryOrRegion", "PostalCode"]
        children = sorted([*others, *own], key=lambda child: order.index(child.local))
        new = Node("t:Entry", children=children, attributes={"Key": key}) if children else None
    entries = kept + ([new] if new is not None else [])
    if entries:
        item.properties[element] = Node(f"t:{element}", children=entries)
    else:
        item.properties.pop(element, None)
