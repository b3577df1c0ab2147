"""Factories of what an apply must not forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.apply.planning import Comparing
    from reconcile.ports.clock import Clock
    from reconcile.ports.configuration_store import ApplyStore, Inventory, LockHolder
    from reconcile.store.sqlite.database import Database


def inventory_reader(database: Database | None) -> Inventory:
    """What is ours, and the audit trail; no way to write."""
    from reconcile.store.sqlite.inventory import InventoryReader

    return InventoryReader(database)


def apply_store(database: Database, clock: Clock, *, lease: float = 30.0) -> ApplyStore:
    """Inventory, journal, audit trail and lock. `lease` as in `Settings`; only who takes the lock needs it."""
    from reconcile.store.sqlite.configuration import SqliteConfiguration

    return SqliteConfiguration(database, clock, lease)


def lock_holder(database: Database | None) -> LockHolder | None:
    """Who applies to this environment now; no way to write."""
    if database is None:
        return None
    from reconcile.store.sqlite.configuration import SqliteConfiguration
    from reconcile.wiring.system import SystemClock

    return SqliteConfiguration(database, SystemClock()).holder()


def applied_target(inventory: Inventory) -> str:
    """The type of target that was applied to."""
    environments = (entry.applied.get("target.type") for key, entry in inventory.entries().items() if key.kind == "Environment")
    return next((kind for kind in environments if isinstance(kind, str)), "engine")


def time_zone(database: Database | None) -> str:
    """The applied environment's time zone; UTC before the first apply."""
    from reconcile.store.sqlite.resources import SqliteResources

    zones = (row.spec.get("timeZone") for row in SqliteResources(database).stored_of("Environment"))
    return next((zone for zone in zones if isinstance(zone, str)), "UTC")


def comparing_secrets(settings: Settings) -> Comparing:
    """What a plan sees by that the value behind a reference is another one; makes no key."""
    from reconcile.apply.planning import Comparing
    from reconcile.wiring.secrets import secret_digester, secret_resolver

    return Comparing(resolver=secret_resolver(settings), digester=lambda: secret_digester(settings))
