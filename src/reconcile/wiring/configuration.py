"""Factories of what an apply must not forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.ports.clock import Clock
    from reconcile.ports.configuration_store import ApplyStore, Inventory
    from reconcile.store.sqlite.database import Database


def inventory_reader(database: Database | None) -> Inventory:
    """What is ours, and the audit trail; no way to write."""
    from reconcile.store.sqlite.configuration import InventoryReader

    return InventoryReader(database)


def apply_store(database: Database, clock: Clock) -> ApplyStore:
    """Inventory, journal, audit trail and lock."""
    from reconcile.store.sqlite.configuration import SqliteConfiguration

    return SqliteConfiguration(database, clock)
