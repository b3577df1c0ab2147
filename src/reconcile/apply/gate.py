"""Whether a change may be merged: findings that it brings, brakes that it trips. Pure.

What was wrong before the change is told and fails nothing, unless the gate is strict: otherwise no rule could be introduced, and nothing
be mended step by step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from reconcile.model.change import HeldBecause, Plan
from reconcile.model.exit_code import ExitCode, strongest
from reconcile.model.finding import Finding, Severity
from reconcile.model.fingerprint import fingerprint
from reconcile.model.gate import Compared
from reconcile.plan.code import of_plan
from reconcile.report.sightings import Sightings

#: What holds a resource without a finding that says so.
_BY_ITSELF = (HeldBecause.PROTECTED, HeldBecause.AMBIGUOUS)


class Split(NamedTuple):
    """`old` are findings that the base has too, `marks` those of the base, `mended` counts those that only the base has."""

    new: Sequence[Finding]
    old: Sequence[Finding]
    marks: frozenset[str]
    mended: int


def split(head: Iterable[Finding], base: Iterable[Finding], *, reaching: Collection[str] = ()) -> Split:
    """Compared by fingerprint: a finding that moved with its resource is not new; a second one of the same kind at the same field is.
    One that the base accepted or that weighed less there is new where it counts now, and so are those with a fingerprint in `reaching`:
    an environment has them now that had them not, though another had."""
    seen = Sightings()
    before = {seen.mark(finding): finding for finding in base}
    marks = Sightings()
    new: list[Finding] = []
    old: list[Finding] = []
    met = set()
    for finding in head:
        mark = marks.mark(finding)
        met.add(mark)
        known = before.get(mark)
        grew = known is None or (finding.counts and (not known.counts or finding.severity > known.severity))
        grew = grew or (finding.counts and fingerprint(finding) in reaching)
        (new if grew else old).append(finding)
    return Split(new, old, frozenset(before), len(before.keys() - met))


def code_of(
    new: Iterable[Finding], old: Iterable[Finding], environments: Iterable[Compared], *, fail_on: Severity | None, strict: bool, waits: bool
) -> ExitCode:
    """`fail_on` None: findings fail nothing. `waits`: for an approval of what judges."""
    approval = [ExitCode.FINDINGS] if waits else []
    return strongest([*_findings([*new, *old] if strict else new, fail_on), *_plans(environments, strict), *approval])


def _findings(findings: Iterable[Finding], fail_on: Severity | None) -> Iterator[ExitCode]:
    if fail_on is not None and any(finding.counts and finding.severity >= fail_on for finding in findings):
        yield ExitCode.FINDINGS


def _plans(environments: Iterable[Compared], strict: bool) -> Iterator[ExitCode]:
    for one in environments:
        if one.plan is None:
            yield one.code
        elif strict:
            yield of_plan(one.plan, changes_count=False)
        else:
            yield from _of_the_change(one.plan)


def _of_the_change(plan: Plan) -> Iterator[ExitCode]:
    if plan.brakes:
        yield ExitCode.BRAKE
    if any(held.because in _BY_ITSELF for held in plan.held):
        yield ExitCode.FINDINGS
    if plan.judgement is not None and plan.judgement.stops:
        yield ExitCode.FINDINGS
