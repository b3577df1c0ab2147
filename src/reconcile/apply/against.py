"""The plan that lies between two revisions, for whoever reviews a change: no target, no store, no secret. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from reconcile.apply.planning import Planned, planned_from
from reconcile.model.change import Delete, Note, Plan
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.resource import DesiredState
from reconcile.model.selection import Selection
from reconcile.model.shortfall import Deciding, all_run
from reconcile.plan.as_if_applied import inventory, observed
from reconcile.plan.circumstances import Circumstances


def against(
    desired: DesiredState,
    base: DesiredState,
    name: str,
    *,
    lifted: Collection[str] = (),
    selection: Selection | None = None,
    deciding: Deciding = all_run,
) -> Planned:
    """What applying `desired` would change where `base` was applied before. `name` says what base is ("git:main").

    The limits of the brakes are those of `base`. Raises as `make_plan`.
    """
    environment = next((one.spec for key, one in base.resources.items() if key.kind == "Environment"), {})
    around = Circumstances(selection=selection, limits=environment, deciding=deciding)
    entries = inventory(base)
    made = planned_from(desired, observed(base), entries, APPLIED_KINDS, lifted=lifted, around=around)
    notes = (
        *_new(desired, base),
        *made.plan.notes,
        *_left_as_they_are(made.desired, entries),
        *_ownership(made.desired, base),
        *_removals(made.plan),
    )
    return replace(made, plan=replace(made.plan, against=f"{name} ({base.revision[:9]})", notes=notes))


def _new(desired: DesiredState, base: DesiredState) -> Iterator[Note]:
    if not base.resources and desired.resources:
        yield Note(message=f"environment {desired.environment} was not declared there yet, so all of it is new")


def _left_as_they_are(desired: DesiredState, entries: Mapping[Key, InventoryEntry]) -> Iterator[Note]:
    """Fields that are no longer declared: nothing follows, which looks like an oversight where nobody says it."""
    for key, resource in desired.resources.items():
        entry = entries.get(key)
        for path in () if entry is None else sorted(entry.applied.keys() - resource.spec.keys()):
            words = f"{path} is declared no more: where it was applied it stays as it is (null would clear it)"
            yield Note(message=words, key=key, position=resource.position)


def _ownership(desired: DesiredState, base: DesiredState) -> Iterator[Note]:
    """What is compared, and whose a resource is, decides what every later plan shows: a change of it is never silent."""
    for key, resource in desired.resources.items():
        then = base.resources.get(key)
        if then is None:
            continue
        if then.lifecycle is not resource.lifecycle:
            yield Note(message=f"lifecycle: {then.lifecycle.value} → {resource.lifecycle.value}", key=key, position=resource.position)
        before, after = {*then.management.ignored}, {*resource.management.ignored}
        if after - before:
            words = f"owned elsewhere from now on, so no longer compared (ignore): {', '.join(sorted(after - before))}"
            yield Note(message=words, key=key, position=resource.position)
        if before - after:
            words = f"compared again (no longer in ignore): {', '.join(sorted(before - after))}"
            yield Note(message=words, key=key, position=resource.position)


def _removals(plan: Plan) -> Iterator[Note]:
    if any(isinstance(change, Delete) for change in plan.changes):
        words = "rows that were taken over, not created, are made inactive instead of deleted unless management.onRemoval says otherwise"
        yield Note(message=f"which rows were taken over stands in the store, which is not read here: {words}")
