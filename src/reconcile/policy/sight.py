"""What a rule sees in an example, and what it finds there. Pure; the clock for time budgets is passed in.

Rules over changes and plans look at two states, and at the plan between them, which whoever calls makes: planning is another room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model.change import Plan
from reconcile.model.finding import Finding
from reconcile.model.policy_rule import RuleExample
from reconcile.model.resource import DesiredState
from reconcile.policy.configure import configure, settings_of
from reconcile.policy.evaluate import evaluate
from reconcile.policy.evaluate_plan import evaluate_plan
from reconcile.policy.example import Example, read_before, read_example
from reconcile.policy.plan_world import PlanWorld
from reconcile.policy.rule import Rule, RuleBook
from reconcile.policy.tables import tables
from reconcile.policy.variable import PREFIXES
from reconcile.policy.world import MISSING, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What trying rules takes beside documents. `clock` gives seconds that pass while this process works; `planned` makes plans, without
    it rules over plans are not tried."""

    clock: Callable[[], float]
    planned: Planned | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`findings` of the rule, or about it; `objects` are the values it read, of each object about which it said yes or no."""

    findings: tuple[Finding, ...]
    objects: tuple[Mapping[str, object], ...]


#: (what was applied, what is declared, brakes that are lifted) → the plan, and what it was made from.
Planned = Callable[[DesiredState, DesiredState, Collection[str]], tuple[Plan, DesiredState]]
#: Looks at what was read of an example, once for the rule and once for each mutant of it.
Look = Callable[[Rule], Seen]


def look_at(subject: str, example: RuleExample, around: Around) -> Look | str:
    """How a rule over `subject` looks at an example, or why it cannot (in words)."""
    found = read_example(example)
    if isinstance(found, str):
        return found
    if subject in PREFIXES:
        return _State(found, around)
    before = read_before(example, found)
    if isinstance(before, str):
        return before
    if around.planned is None:
        return "nobody makes plans here"
    plan, desired = around.planned(before.desired, found.desired, example.lifted)
    return _Change(plan, desired, found.today, around) if plan.changes else "nothing changes between before and documents"


@dataclass(frozen=True, slots=True)
class _State:
    """An example of a rule over one desired state."""

    example: Example
    around: Around

    def __call__(self, rule: Rule) -> Seen:
        example, around = self.example, self.around
        found = evaluate(
            RuleBook(rules=(rule,)),
            example.desired,
            today=example.today,
            others=lambda: example.others,
            clock=around.clock,
        )
        return Seen(findings=found.findings, objects=tuple(self._objects(rule)))

    def _objects(self, rule: Rule) -> list[Mapping[str, object]]:
        if not rule.holds(self.example.today):
            return []
        others = [World(other) for other in self.example.others]
        world = World(self.example.desired, others=lambda: others)
        found = tables(world, rule, world.objects(rule.subject), self.example.today)
        return [one for one in found if MISSING not in one.values()]


@dataclass(frozen=True, slots=True)
class _Change:
    """An example of a rule over a plan."""

    plan: Plan
    desired: DesiredState
    today: datetime
    around: Around

    def __call__(self, rule: Rule) -> Seen:
        book = RuleBook(rules=(rule,))
        found = evaluate_plan(book, self.plan, self.desired, approvers=self._approvers(), today=self.today, clock=self.around.clock)
        return Seen(findings=found.findings, objects=tuple(self._objects(rule)))

    def _objects(self, rule: Rule) -> list[Mapping[str, object]]:
        if not rule.holds(self.today):
            return []
        world = PlanWorld(self.plan, self.desired, approvers=self._approvers(), today=self.today)
        found = tables(world, rule, world.objects(rule.subject), self.today)
        return [one for one in found if MISSING not in one.values()]

    def _approvers(self) -> tuple[str, ...]:
        """Those whom settings of the example name."""
        settings = settings_of(self.desired.policies.values(), self.desired.environment)
        return tuple(one.name for one in configure(RuleBook(), {}, settings).approvers or ())
