"""Desired state with what assignments take over on the target: for commands that show it without planning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from reconcile.cli.context import Context
from reconcile.cli.estate import DesiredEnvironment
from reconcile.lazy_dataclass import dataclass
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState
from reconcile.model.resource import DesiredState


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`observed` is None when nobody looked."""

    desired: DesiredState
    observed: ObservedState | None = None
    inventory: Mapping[Key, InventoryEntry] = field(default_factory=dict)


def seen(context: Context, loaded: DesiredEnvironment, *, offline: bool) -> Seen:
    """As plan sees it, or (`offline`) from the files alone. Raises as the target does."""
    if offline:
        return Seen(desired=loaded.desired)
    from reconcile.desired.over_target import over_target
    from reconcile.wiring.configuration import inventory_reader
    from reconcile.wiring.state import open_database
    from reconcile.wiring.target import target_reader

    with open_database(context.settings, loaded.desired.environment, read_only=True) as database:
        if database is None and loaded.export is None:
            return Seen(desired=loaded.desired)  # nothing was applied yet, so there is nothing to look at
        observed = target_reader(loaded.target, database, export=loaded.export).observe()
        inventory = inventory_reader(database).entries()
    return replace(Seen(desired=over_target(loaded.desired, observed, inventory)), observed=observed, inventory=inventory)
