"""`--approval`, and the judge of plans that it helps, the same for every command that plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.context import Context
from reconcile.errors import DesiredStateError, PlanRefused

if TYPE_CHECKING:
    from reconcile.model.change import Plan
    from reconcile.model.key import Key
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.model.resource import DesiredState
    from reconcile.wiring.plan_judging import PlanJudge

_HELP = "A review at the forge that approved this commit (full id), handed in by the pipeline; may be repeated."


def approving(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the option; the command gets its texts as `approvals`."""
    return click.option("--approval", "approvals", multiple=True, metavar="NAME@COMMIT", help=_HELP)(function)


def plan_judge(context: Context, approvals: Sequence[str], *, policies: Mapping[Key, PolicyDeclared] | None = None) -> PlanJudge:
    """`policies` are the documents about the rules that judge, where those of the plan's own estate do not. Raises SettingsError for what
    is no approval."""
    from reconcile.cli.revision import untouched_cache
    from reconcile.wiring.approvals import Approvals, review
    from reconcile.wiring.estate import document_cache
    from reconcile.wiring.plan_judging import PlanJudge
    from reconcile.wiring.policies import RuleBooks

    reviews = [review(text) for text in approvals]
    found = Approvals(folder=context.directory, revision=context.revision, reviews=reviews)
    # What is compared with another revision leaves the state directory alone.
    cache = document_cache(context.settings) if policies is None else untouched_cache(context)
    return PlanJudge(cache=cache, approvals=found, policies=policies, books=RuleBooks(cache))


def judged_again(context: Context, plan: Plan, approvals: Sequence[str]) -> Plan:
    """A saved plan as the rules see it now: the hour is another one, an approval may be there, or hold no longer.

    Where the estate is not at hand, what the rules said stands, but for approvals, which nobody can prove then. Raises PlanRefused where
    they said nothing either, SettingsError for what is no approval.
    """
    from reconcile.wiring.plan_judging import without_proof

    if not plan.changes:
        return plan
    here = replace(context, revision=plan.revision or None, environment=plan.environment)
    judge = plan_judge(here, approvals)
    desired, why = _desired(here, plan)
    if desired is not None:
        return judge(plan, desired)
    if plan.judgement is None:
        raise PlanRefused(
            f"the rules did not judge this plan, and the estate it was made from is not at hand: {why}",
            hint="Name its folder with -C, or plan again.",
        )
    return without_proof(plan, f"the estate is not at hand: {why}")


def _desired(context: Context, plan: Plan) -> tuple[DesiredState | None, str]:
    """What the plan was made from, or why it is not here. A folder must be the one it was: another estate may lie where this runs."""
    from reconcile.cli.estate import estate_label
    from reconcile.desired.load import load
    from reconcile.wiring.estate import document_cache, open_source

    if not plan.revision and plan.source != estate_label(context.directory):
        return None, f"it was made from {plan.source}"
    try:
        source = open_source(context.directory, context.revision)
        listing = source.list()
    except DesiredStateError as error:
        return None, error.message
    desired = load(
        listing.files,
        listing.findings,
        source.read,
        environment=context.environment,
        source=plan.source,
        revision=source.revision,
        cache=document_cache(context.settings),
    ).desired
    return desired, "" if desired is not None else f"environment {plan.environment} cannot be used"
