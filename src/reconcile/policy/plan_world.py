"""What rules over a plan see: its changes, the plan as a whole, and what is declared of a resource that changes. Pure.

The environment as rules over resources see it is made when a rule first reads something of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from reconcile.model.change import Change, Plan
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.policy.change_facts import CHANGE_FACTS, ChangeSight
from reconcile.policy.plan_facts import clock_facts, plan_facts
from reconcile.policy.world import MISSING, World

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "mailbox": ("Mailbox",),
    "profile": ("EmailServerProfile", "Mailbox"),
    "provider": ("EmailServerProfile", "Mailbox"),
}


class PlanWorld:
    """One plan as rules see it. `desired` is what it was made from; `approvers` are the names that settings give."""

    def __init__(self, plan: Plan, desired: DesiredState, *, approvers: tuple[str, ...], today: datetime) -> None:
        self.plan = plan
        self.desired = desired
        self._sight = ChangeSight(plan, self._labels)
        self._whole = {**plan_facts(plan, approvers), **clock_facts(today, _time_zone(desired))}

    @cached_property
    def around(self) -> World:
        """The environment."""
        return World(self.desired)

    def objects(self, subject: str) -> Sequence[Any]:
        """The changes in the order of the plan, or the plan itself."""
        return self.plan.changes if subject == "Change" else (self.plan,)

    def constant(self, subject: str, variable: str) -> bool:
        """Whether it is the same for all changes."""
        return variable.partition(".")[0] in ("plan", "now", "organization", "environment")

    def alike(self, subject: str, variables: Iterable[str]) -> None:
        """A plan has few changes that agree."""
        return

    def column(self, subject: str, variable: str, objects: Sequence[Any]) -> list[Any]:
        """As `World.column`."""
        prefix, _, key = variable.partition(".")
        match prefix:
            case "change":
                fact = CHANGE_FACTS[variable]
                if fact.needs_figures and not self._sight.known:
                    return [MISSING] * len(objects)
                return [fact.of(one, self._sight) for one in objects]
            case "plan" | "now":
                return [self._whole.get(variable, MISSING)] * len(objects)
            case "organization" | "environment":
                values = self.around.single("Organization" if prefix == "organization" else "Environment")
                return [MISSING if values is None else values.get(key, MISSING)] * len(objects)
            case _:
                return self._declared(prefix, variable, objects)

    def _declared(self, prefix: str, variable: str, changes: Sequence[Change]) -> list[Any]:
        """Of the resource that changes: nothing is known where it has another kind, or is declared no more."""
        found: list[Any] = [MISSING] * len(changes)
        for kind in _KINDS[prefix]:
            places: list[int] = []
            resources: list[Resource] = []
            for place, change in enumerate(changes):
                resource = self.desired.resources.get(change.key) if change.key.kind == kind else None
                if resource is not None and resource.lifecycle is not Lifecycle.EXTERNAL:
                    places.append(place)
                    resources.append(resource)
            if resources:
                for place, value in zip(places, self.around.column(kind, variable, resources), strict=True):
                    found[place] = value
        return found

    def _labels(self, key: Key) -> Mapping[str, str]:
        resource = self.desired.resources.get(key)
        return resource.labels if resource is not None else {}


def _time_zone(desired: DesiredState) -> str:
    own = desired.resources.get(Key("Environment", desired.environment))
    named = own.spec.get("timeZone") if own is not None else None
    return named if isinstance(named, str) else "UTC"
