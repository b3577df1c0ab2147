"""Exit codes of plans and applies, computed from the very object that is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconcile.model.change import HeldBecause, Plan
from reconcile.model.exit_code import ExitCode, strongest

if TYPE_CHECKING:
    from reconcile.model.outcome import Outcome


def _standing(plan: Plan) -> Iterator[ExitCode]:
    if plan.unobserved or any(held.because is HeldBecause.UNOBSERVED for held in plan.held):
        yield ExitCode.COULD_NOT_OBSERVE
    if plan.brakes:
        yield ExitCode.BRAKE
    if plan.findings or any(held.because is not HeldBecause.UNOBSERVED for held in plan.held):
        yield ExitCode.FINDINGS
    if plan.judgement is not None and plan.judgement.stops:
        yield ExitCode.FINDINGS


def of_plan(plan: Plan, *, changes_count: bool) -> ExitCode:
    """`changes_count`: whether pending changes are told by 2 (plan --detailed-exitcode, drift)."""
    codes = list(_standing(plan))
    if changes_count and plan.changes:
        codes.append(ExitCode.CHANGES_PENDING)
    return strongest(codes)


def of_apply(plan: Plan, outcomes: Sequence[Outcome]) -> ExitCode:
    """Of a plan that was carried out. Nothing done at all because the ground moved: stale."""
    from reconcile.model.outcome import Applied, Failed, Skipped

    codes = list(_standing(plan))
    voided = sum(1 for outcome in outcomes if isinstance(outcome, Skipped) and outcome.voided)
    undone = sum(1 for outcome in outcomes if isinstance(outcome, (Skipped, Failed)))
    if voided and all(isinstance(outcome, Skipped) for outcome in outcomes):
        codes.append(ExitCode.STALE_PLAN)
    elif outcomes and not any(isinstance(outcome, Applied) for outcome in outcomes):
        codes.append(ExitCode.FAILURE)
    elif undone or any(isinstance(outcome, Applied) and outcome.refused for outcome in outcomes):
        codes.append(ExitCode.PARTLY_APPLIED)
    return strongest(codes)
