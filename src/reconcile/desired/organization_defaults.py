"""What the organization gives a new mailbox: Organization.spec.defaults, as far as it fits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from reconcile.model import kinds, mailbox
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState, Resource

#: Fields of a mailbox that an organization has defaults for, each at `defaults.` + path of its spec.
DEFAULTS: Final = ("appointmentsContactsTasks", "incoming", "outgoing", "profile")
_NOTHING: Final[Mapping[str, Leaf]] = {}
_NEW: Final[Mapping[Key, InventoryEntry]] = {}


def fitting(owner: str, values: Spec) -> Spec:
    """Without what a mailbox of type `owner` cannot have (a queue has no appointments)."""
    return _fitting(owner, tuple(values.items())) if values else values


@lru_cache(maxsize=64)
def _fitting(owner: str, values: tuple[tuple[str, Leaf], ...]) -> Spec:
    spec = dict(values)
    typed = kinds.typed("Mailbox", {**spec, "emailAddress": "any@mailbox.example", "type": owner})
    wrong = {problem.path for problem in mailbox.problems(typed)}
    return {path: leaf for path, leaf in spec.items() if path not in wrong}


def organization_of(resources: Mapping[Key, Resource]) -> Key | None:
    """The one Organization of a desired state, whose resources come in the order of their kinds."""
    for key in resources:
        if key.kind == "Organization":
            return key
        if key.kind == "Mailbox":
            return None
    return None


def organization_defaults(desired: DesiredState, resource: Resource) -> Mapping[str, Leaf]:
    """Fields of a mailbox that a create takes from the organization: those that neither its document nor an assignment sets.

    Empty for other kinds. Values that do not fit the mailbox's type are left out.
    """
    organization = organization_of(desired.resources) if resource.key.kind == "Mailbox" else None
    if organization is None:
        return _NOTHING
    spec = desired.resources[organization].spec
    missing = {path: leaf for path in DEFAULTS if path not in resource.spec and (leaf := spec.get(f"defaults.{path}")) is not None}
    return fitting(str(resource.spec.get("type") or "user"), missing)


def defaults_unknown(desired: DesiredState, resource: Resource, inventory: Mapping[Key, InventoryEntry] = _NEW) -> str | None:
    """Why the organization's defaults for a mailbox cannot be told; it must not be created then. None if they can.

    Their document is bad, or (as the inventory tells) stood in a file that is bad now.
    """
    if resource.key.kind != "Mailbox" or all(path in resource.spec for path in DEFAULTS) or organization_of(desired.resources) is not None:
        return None
    held = next((key for key in desired.held if key.kind == "Organization"), None)
    if held is not None:
        return f"it may take defaults of {held}, which has errors"
    applied = next((entry for key, entry in inventory.items() if key.kind == "Organization"), None)
    if applied is not None and applied.source_file in desired.held_files:
        return f"it may take defaults of {applied.key}, and {applied.source_file} has errors"
    return None
