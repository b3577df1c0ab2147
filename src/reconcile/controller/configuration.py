"""One pass over the configuration: read, lint, plan, apply within the brakes.

A brake, a bad file or a refused change stalls what it touches and is told; the rest is applied. A person lifts a brake with
`reconcile apply --lift-brake`, never the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from reconcile.apply.apply import apply_plan
from reconcile.apply.planning import Comparing, planned
from reconcile.apply.recover import recover
from reconcile.apply.report import ApplyReport
from reconcile.apply.tools import Locate, Tools
from reconcile.controller.loop import Report
from reconcile.desired.load import LoadResult
from reconcile.lazy_dataclass import dataclass
from reconcile.model.change import Change, Create, Moved, Plan, Update
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.outcome import Applied, Failed, Skipped
from reconcile.model.resource import DesiredState
from reconcile.report.counted import counted
from reconcile.report.plan_rules import refusal, rules_against

#: (environment, type of its target, where a field is declared) → what an apply works with.
Opened = Callable[[str, str, Locate], AbstractContextManager[Tools]]
#: A plan, and the desired state it was made from → the plan as the rules judge it.
Judge = Callable[[Plan, DesiredState], Plan]


def unjudged(plan: Plan, desired: DesiredState) -> Plan:
    """Without rules."""
    return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`load` reads the source as it is now. `heal` says whether changes made outside are put back; otherwise they are reported. `judge`
    asks the rules about a plan; here only signatures are approvals."""

    load: Callable[[], LoadResult]
    opened: Opened
    heal: bool
    judge: Judge = unjudged

    def run(self) -> Report:
        """One pass. Raises ReconcileError as source, target and store do."""
        loaded = self.load()
        errors = [finding for finding in loaded.findings if finding.severity >= Severity.ERROR]
        if loaded.desired is None:
            first = broken(errors) if errors else "no environment"
            return Report(
                stalled=f"the estate cannot be used: {first}; all that was applied goes on as it is; see `reconcile lint`",
                code=ExitCode.FINDINGS,
                quiet=True,
                detail={"findings": len(errors)},
            )
        desired = loaded.desired
        with (
            self.opened(desired.environment, target_of(desired), desired.locate) as tools,
            tools.store.lock(owner=tools.actor, purpose="run", patience=0.0),
        ):
            recovered = recover(tools.writer, tools.store, clock=tools.clock, actor=tools.actor)
            comparing = Comparing(resolver=tools.resolver, digester=lambda: tools.digester)
            found = planned(desired, tools.writer, tools.store, comparing=comparing, deciding=tools.deciding)
            plan, tools = found.plan, replace(tools, locate=found.desired.locate)
            drifted = () if self.heal else tuple(change.key for change in plan.changes if is_drift(change))
            if drifted:
                left = tuple(change for change in plan.changes if not is_drift(change))
                figures = plan.figures.only({change.key for change in left}) if plan.figures is not None else None
                plan = replace(plan, changes=left, figures=figures)
            plan = self.judge(plan, found.desired)
            report = apply_plan(plan, tools, recovered=recovered)
        return told(report, plan, drifted=drifted, errors=errors)


def target_of(desired: DesiredState) -> str:
    """The type of target the environment declares."""
    own = desired.resources.get(Key("Environment", desired.environment))
    declared = own.spec.get("target.type") if own is not None else None
    return declared if isinstance(declared, str) else "engine"


def is_drift(change: Change) -> bool:
    """Whether the target alone moved: every field of it was changed outside, or a row of ours vanished."""
    match change:
        case Update(fields=fields):
            return bool(fields) and all(field.cause.moved is Moved.OUTSIDE for field in fields)
        case Create(cause=cause):
            return cause.moved is Moved.OUTSIDE
        case _:
            return False


def broken(errors: Sequence[Finding]) -> str:
    """Where the first error stands and what it is; how many more there are."""
    first = min(errors, key=Finding.sort_key)
    return f"{first.position}: {first.message}" + (f" (and {counted(len(errors) - 1, 'more error')})" if len(errors) > 1 else "")


def told(report: ApplyReport, plan: Plan, *, drifted: tuple[Key, ...], errors: Sequence[Finding] = ()) -> Report:
    """What the loop says about a pass, and whether a person or time must help. Pure."""
    applied = sum(isinstance(outcome, Applied) for outcome in report.outcomes)
    failed = [outcome for outcome in report.outcomes if isinstance(outcome, Failed)]
    skipped = [outcome for outcome in report.outcomes if isinstance(outcome, Skipped)]
    detail = {
        "revision": plan.revision,
        "applied": applied,
        "failed": len(failed),
        "skipped": len(skipped),
        "held": len(plan.held),
        "findings": plan.findings,
        "drift": [str(key) for key in drifted],
    }
    parts = [f"{applied} applied"] if applied else []
    parts += [f"{len(failed)} failed"] if failed else []
    parts += [f"{len(plan.held)} held"] if plan.held else []
    parts += [f"changed outside, not touched: {', '.join(str(key) for key in drifted)}"] if drifted else []
    result = Report(message=", ".join(parts), quiet=not (applied or drifted or report.recovered), detail=detail, code=report.code)
    lasting = [outcome for outcome in failed if not outcome.retryable]
    if report.brakes:
        brake = report.brakes[0]
        return replace(
            result,
            stalled=f"brake {brake.name}: {brake.message}; look at `reconcile plan`, then `reconcile apply --lift-brake {brake.name}`",
        )
    if refused := refusal(plan):
        return replace(result, stalled=f"{refused}; see `reconcile plan`", detail={**detail, "rules": rules_against(plan)})
    if plan.unobserved:
        return replace(result, retry=f"could not observe: {plan.unobserved[0]}")
    if lasting:
        return replace(result, stalled=f"{lasting[0].key}: {lasting[0].reason}")
    if failed or any(outcome.voided for outcome in skipped):
        return replace(result, retry=failed[0].reason if failed else skipped[0].reason)
    if plan.findings:
        findings = counted(plan.findings, "finding holds its document", "findings hold their documents")
        where = f"{broken(errors)}; " if errors else ""
        kept = "what is declared there stays as it was applied last, the rest goes on"
        return replace(result, stalled=f"{where}{findings}: {kept}; see `reconcile lint`")
    return replace(result, message=result.message or "nothing to do")
