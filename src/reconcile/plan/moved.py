"""Which entry of the inventory a new slug claims by `management.movedFrom`, when slug and identity change at once."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.lazy_dataclass import dataclass
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """`claims` maps the new key to the old one; `unclear` says why a resource cannot have what it asks for; `contested` are old keys
    that several claim: until that is settled nobody gets them, and they are not gone either."""

    claims: Mapping[Key, Key]
    unclear: Mapping[Key, str]
    contested: frozenset[Key] = frozenset()


def is_muted(entry: InventoryEntry, desired: DesiredState) -> bool:
    """Whether the document of this entry is bad, or lies in a file that cannot be read: then nothing says that it is gone."""
    return entry.key in desired.held or (entry.key not in desired.resources and entry.source_file in desired.held_files)


def moved_from(desired: DesiredState, inventory: Mapping[Key, InventoryEntry]) -> Moves:
    """Once: when the new slug has an entry of its own, the line says nothing any more and may stay."""
    claims: dict[Key, Key] = {}
    unclear: dict[Key, str] = {}
    taken: dict[Key, Key] = {}
    contested: set[Key] = set()
    for key, resource in desired.resources.items():
        slug = resource.management.moved_from
        if slug is None or key in inventory:
            continue
        old = Key(key.kind, slug)
        if old not in inventory:
            continue
        if old in desired.resources:
            unclear[key] = f"management.movedFrom names {old}, which is still declared: remove one of the two"
        elif is_muted(inventory[old], desired):
            unclear[key] = f"management.movedFrom names {old}, whose own document cannot be read"
        elif old in taken:
            other = taken[old]
            claims.pop(other, None)
            contested.add(old)
            unclear[key] = f"{other} claims {old} by management.movedFrom, too"
            unclear[other] = f"{key} claims {old} by management.movedFrom, too"
        else:
            claims[key], taken[old] = old, key
    return Moves(claims=claims, unclear=unclear, contested=frozenset(contested))
