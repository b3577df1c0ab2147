"""Whether a saved plan still stands on the ground it was made from, change by change. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.errors import StalePlan
from reconcile.model.canonical import Spec, same
from reconcile.model.change import Adopt, Change, Command, Create, Delete, Plan, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.kinds import natural_identity
from reconcile.model.observation import ObservedState, Present


def check_target(plan: Plan, observed: ObservedState, environment: str) -> None:
    """Raises StalePlan when the plan was made for another environment, target or organization."""
    if plan.environment != environment:
        raise StalePlan(f"the plan was made for environment {plan.environment}, not {environment}", hint="Plan again, or choose with -e.")
    if plan.target != observed.target:
        raise StalePlan(f"the plan was made for target {plan.target}, this is {observed.target}", hint="Plan again.")
    here, there = observed.organization_id, plan.organization_id
    if here is not None and there is not None and here != there:
        raise StalePlan(f"the plan was made for organization {there}, the target is {here}", hint="Plan again for this organization.")


def already_applied(change: Change, entry: InventoryEntry | None, rows: Mapping[str, Present]) -> bool:
    """Whether an earlier run of the same plan has done this very change, and nobody undid it."""
    match change:
        case Delete():
            return entry is None and change.external_id not in rows
        case Command():
            return False
        case Create() | Adopt() | Update():
            if entry is None or entry.key != change.key or dict(entry.applied) != dict(change.spec):
                return False
            row = rows.get(entry.external_id)
            return row is not None and _shows(row.spec, change.spec, entry.answered)


def _shows(shown: Spec, asked: Spec, answered: Spec) -> bool:
    return all(same(leaf, shown.get(path)) or (path in answered and same(answered[path], shown.get(path))) for path, leaf in asked.items())


def vacated(plan: Plan) -> Mapping[Key, str]:
    """Slugs that the plan itself frees by renaming, with the row that leaves them."""
    return {change.previous: change.external_id for change in plan.changes if isinstance(change, Update) and change.previous is not None}


def moved_ground(change: Change, entries: Mapping[Key, InventoryEntry], observed: ObservedState, leaving: Mapping[Key, str]) -> str:
    """Why the change may not be tried any more, "" when it may. What the target itself compares is left to it.

    `leaving` are the slugs that the plan frees (see `vacated`).
    """
    match change:
        case Create():
            entry = entries.get(change.key)
            if entry is not None and entry.external_id not in (change.external_id, leaving.get(change.key)):
                return f"{change.key} was applied by somebody else since"
            if change.key.kind in observed.unknown_kinds:
                return f"{change.key} could not be observed: {observed.unknown_kinds[change.key.kind]}"
            # Rows of ours are known to the plan; only a stranger may have come in between.
            owned = {known.external_id for known in entries.values()}
            identity = natural_identity(change.key.kind, change.spec)
            for row in observed.rows:
                if row.kind != change.key.kind or row.external_id == change.external_id or row.external_id in owned:
                    continue
                if row.name == change.key.name or (identity is not None and natural_identity(row.kind, row.spec) == identity):
                    return f"{change.key} appeared on the target since"
            return ""
        case Delete():
            entry = entries.get(change.key)
            if entry is None or entry.external_id != change.external_id:
                return f"{change.key} is no longer ours"
            return ""
        case Adopt() | Update() | Command():
            return ""
