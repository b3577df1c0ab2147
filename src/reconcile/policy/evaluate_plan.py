"""Rules over a plan: findings. Pure; the clock for time budgets is passed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from reconcile.model.change import Plan
from reconcile.model.resource import DesiredState
from reconcile.policy.evaluate import Evaluation, evaluate_view
from reconcile.policy.plan_world import PlanWorld
from reconcile.policy.report_change import PlanReporter
from reconcile.policy.rule import RuleBook
from reconcile.policy.variables import PLAN_SUBJECTS


def evaluate_plan(
    book: RuleBook,
    plan: Plan,
    desired: DesiredState,
    *,
    approvers: tuple[str, ...] = (),
    today: datetime,
    clock: Callable[[], float],
) -> Evaluation:
    """What the rules over changes and plans find. `desired` is what the plan was made from, `approvers` the names that settings give.

    A plan without changes does nothing that could be judged. Raises nothing for bad rules: one that fails is a finding about itself.
    """
    rules = [rule for rule in book if rule.subject in PLAN_SUBJECTS and rule.holds(today)]
    if not rules or not plan.changes:
        return Evaluation()
    world = PlanWorld(plan, desired, approvers=approvers, today=today)
    return evaluate_view(rules, world, PLAN_SUBJECTS, PlanReporter(world, today), today=today, clock=clock)
