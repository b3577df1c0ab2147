"""Whether a saved plan still stands on the ground it was made from, change by change. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.apply.neighbours import Neighbours
from reconcile.errors import PlanRefused, StalePlan
from reconcile.model.canonical import Spec, same
from reconcile.model.change import Adopt, Change, Command, Create, Delete, Forget, Plan, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.kinds import natural_identity
from reconcile.model.management import OnRemoval, on_removal
from reconcile.model.observation import ObservedState, Present
from reconcile.ports.target import TargetIdentity


def check_environment(plan: Plan, environment: str | None) -> None:
    """Raises StalePlan when an environment is asked for by name and the plan was made for another, PlanRefused when it was made for
    none."""
    if plan.against:
        raise PlanRefused(
            f"the plan compares two revisions ({plan.against}); it was made without looking at the target",
            hint="Plan without --against, and apply that.",
        )
    if environment is not None and plan.environment != environment:
        raise StalePlan(f"the plan was made for environment {plan.environment}, not {environment}", hint="Plan again, or choose with -e.")


def check_target(plan: Plan, target: str, identity: TargetIdentity) -> None:
    """Raises StalePlan when the plan was made for another target, organization or tenant. Call it before `recover`: only the target
    that an intent was meant for can tell what became of it."""
    if plan.target != target:
        raise StalePlan(f"the plan was made for target {plan.target}, this is {target}", hint="Plan again.")
    words = foreign(plan, identity.organization_id, identity.tenant_id)
    if words:
        raise StalePlan(words, hint="Plan again for this one, or choose the target that is meant.")


def foreign(plan: Plan, organization_id: str | None, tenant_id: str | None) -> str:
    """Why the target is not the one the plan was made for; "" when nothing speaks against it. Who does not say who it is passes."""
    if plan.organization_id is not None and organization_id is not None and organization_id != plan.organization_id:
        return f"the plan was made for organization {plan.organization_id}, the target is {organization_id}"
    if plan.tenant_id is not None and tenant_id is not None and tenant_id != plan.tenant_id:
        return f"the plan was made for tenant {plan.tenant_id}, the target belongs to {tenant_id}"
    return ""


def already_applied(change: Change, entry: InventoryEntry | None, rows: Mapping[str, Present]) -> bool:
    """Whether an earlier run of the same plan has done this very change, and nobody undid it."""
    match change:
        case Delete():
            return entry is None and change.external_id not in rows
        case Forget():
            return entry is None
        case Command():
            return False
        case Create() | Adopt() | Update():
            if entry is None or entry.key != change.key or dict(entry.applied) != dict(change.spec):
                return False
            if isinstance(change, Update) and any(entry.secrets.get(secret.path) != secret.after for secret in change.rotated):
                return False
            if (entry.on_removal, entry.protected) != (change.keep.on_removal, change.keep.protected):
                return False
            row = rows.get(entry.external_id)
            return row is not None and _shows(row.spec, change.spec, entry.answered)


def _shows(shown: Spec, asked: Spec, answered: Spec) -> bool:
    return all(same(leaf, shown.get(path)) or (path in answered and same(answered[path], shown.get(path))) for path, leaf in asked.items())


def _kept(change: Delete | Forget | Update, entry: InventoryEntry) -> str:
    """What `management` says of a row now that it did not when the plan was made; "" when that is as it was.

    The version of a row cannot tell: only the inventory keeps this, and no write to the target comes with it.
    """
    if isinstance(change, Update) and not change.orphan:
        before = {record.path: record.before for record in change.records}
        wanted = change.keep.on_removal and change.keep.on_removal.value
        if entry.protected != before.get("management.protect", change.keep.protected):
            return f"management.protect of {change.key} was changed since"
        same_policy = (entry.on_removal and entry.on_removal.value) == before.get("management.onRemoval", wanted)
        return "" if same_policy else f"management.onRemoval of {change.key} was changed since"
    if entry.protected:
        return f"{change.key} was protected since (management.protect)"
    # What is forgotten stays as it is, and there are reasons to forget that no policy knows.
    meant = {Delete: OnRemoval.DELETE, Update: OnRemoval.DISABLE}.get(type(change))
    policy = on_removal(entry.on_removal, adopted=entry.adopted, kind=entry.key.kind)
    return "" if meant in (None, policy) else f"management.onRemoval of {change.key} was changed since"


class Ground:
    """What a saved plan meets: a fresh reading of the target and the inventory, indexed once."""

    def __init__(self, plan: Plan, entries: Mapping[Key, InventoryEntry], observed: ObservedState) -> None:
        self._entries = entries
        self._unknown_kinds = observed.unknown_kinds
        self.rows = {row.external_id: row for row in observed.rows}
        # Slugs that the plan itself frees by renaming, with the row that leaves them.
        self._leaving = {
            change.previous: change.external_id for change in plan.changes if isinstance(change, Update) and change.previous is not None
        }
        self._owners = {entry.external_id: key for key, entry in entries.items()}
        strangers = [row for row in observed.rows if row.external_id not in self._owners]
        self._neighbours = Neighbours(plan, observed, self._owners)
        self._names = {(row.kind, row.name): row.external_id for row in strangers}
        self._identities = {(row.kind, natural_identity(row.kind, row.spec)): row.external_id for row in strangers}

    def moved(self, change: Change) -> str:
        """Why the change may not be tried any more, "" when it may. What the target itself compares is left to it."""
        return self._itself(change) or self._neighbours.moved(change)

    def _itself(self, change: Change) -> str:
        match change:
            case Create():
                return self._appeared(change)
            case Delete() | Forget():
                entry = self._entries.get(change.key)
                if entry is None or entry.external_id != change.external_id:
                    return f"{change.key} is no longer ours"
                return _kept(change, entry)
            case Update():
                # Forgotten in between, or taken over by another slug: whoever did that meant it.
                entries = (self._entries.get(key) for key in (change.key, change.previous) if key is not None)
                ours = next((entry for entry in entries if entry is not None and entry.external_id == change.external_id), None)
                return f"{change.previous or change.key} is no longer ours" if ours is None else _kept(change, ours)
            case Adopt():
                owner = self._owners.get(change.external_id)
                if owner is None:
                    return ""
                return f"{change.key} became ours since" if owner == change.key else f"{change.key} became ours as {owner} since"
            case Command():
                return ""

    def _appeared(self, change: Create) -> str:
        key = change.key
        entry = self._entries.get(key)
        if entry is not None and entry.external_id not in (change.external_id, self._leaving.get(key)):
            return f"{key} was applied by somebody else since"
        if key.kind in self._unknown_kinds:
            return f"{key} could not be observed: {self._unknown_kinds[key.kind]}"
        identity = natural_identity(key.kind, change.spec)
        found = self._names.get((key.kind, key.name)) or (self._identities.get((key.kind, identity)) if identity is not None else None)
        return f"{key} appeared on the target since" if found is not None and found != change.external_id else ""
