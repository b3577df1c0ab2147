"""What is accepted of the findings of one run: by the waivers of each environment, then by the baseline of the whole estate. Pure.

The one evaluator of lint, plan and loop. A finding that two environments share counts as long as it counts in one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.instant import zone
from reconcile.model.key import Key
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState
from reconcile.policy.approvals import NotProved, Proof
from reconcile.policy.configure import Configuration
from reconcile.policy.variables import PLAN_SUBJECTS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    # Many estates have neither waivers nor a baseline.
    from reconcile.model.waiver import WaiverSpec
    from reconcile.policy.baseline import Baseline
    from reconcile.policy.waivers import DeclaredWaiver, Terms, Waivers

#: (document of a waiver, settings of the environment) → whether its approver approved it.
ProofOf = Callable[[PolicyDeclared, Configuration], Proof]


@dataclass(slots=True, kw_only=True)
class Acceptance:
    """`baseline_file` is what findings about the baseline name."""

    today: datetime
    proof_of: ProofOf
    baseline: Baseline | None = None
    baseline_file: str = ""
    _parts: list[Waivers] = field(default_factory=list)

    def of_environment(
        self, desired: DesiredState, findings: Iterable[Finding], configuration: Configuration, waivers: Mapping[Key, PolicyDeclared]
    ) -> list[Finding]:
        """The findings of one environment, those marked that a waiver accepts. `waivers` are documents, of which others are passed over."""
        place = _zone_of(desired)
        declared = [self._declared(one, configuration, place) for key, one in sorted(waivers.items()) if key.kind == "Waiver"]
        if not declared:
            return [*findings]
        from reconcile.policy.waivers import Waivers

        part = Waivers(declared, self._terms(configuration))
        self._parts.append(part)
        return part.accept(desired.environment, findings, lambda key: _labels(desired, key))

    def of_all(self, findings: Iterable[Finding], *, whole: bool) -> list[Finding]:
        """All findings in order of printing, those marked that the baseline knows, with what is to be said about waivers and baseline.
        `whole`: every environment was looked at, so what was not found is gone."""
        used = {one for part in self._parts for one in part.used}
        remarks = {remark for part in self._parts for remark in part.remarks(used)}
        merged = sorted({*_merged(findings), *remarks}, key=lambda one: (*one.sort_key(), str(one.resource)))
        if self.baseline is None:
            return merged
        from reconcile.policy import baseline as known

        marked = known.accept(self.baseline, merged)
        if whole and not hidden_by(merged):
            marked += self._can_shrink(self.baseline, marked)
        return sorted(marked, key=lambda one: (*one.sort_key(), str(one.resource)))

    def _can_shrink(self, baseline: Baseline, marked: Iterable[Finding]) -> list[Finding]:
        from reconcile.policy.baseline import shrunk

        left = shrunk(baseline, marked)
        if left == baseline:
            return []
        gone = sum(entry.count for entry in baseline.entries.values()) - sum(entry.count for entry in left.entries.values())
        what = "1 finding of the baseline is" if gone == 1 else f"{gone} findings of the baseline are"
        message = f"{what} no longer found" if gone else "findings of the baseline weigh less than they did"
        return [
            Finding(
                rule="baseline/can-shrink",
                severity=Severity.INFORMATION,
                message=message,
                hint="`reconcile lint --baseline shrink` takes them out, so that they cannot come back unseen",
                position=Position(self.baseline_file),
            )
        ]

    def _terms(self, configuration: Configuration) -> Terms:
        from reconcile.policy.waivers import Terms

        approvers = configuration.approvers
        return Terms(
            today=self.today,
            waivable={rule.id: rule.waivable for rule in configuration.book},
            approvers=None if approvers is None else frozenset(one.name for one in approvers),
            over_plans=frozenset(rule.id for rule in configuration.book if rule.subject in PLAN_SUBJECTS),
            warning_days=configuration.waiver_warning_days,
            maximum_days=configuration.maximum_waiver_days,
        )

    def _declared(self, one: PolicyDeclared, configuration: Configuration, place: ZoneInfo) -> DeclaredWaiver:
        written: WaiverSpec = one.document.spec  # type: ignore[assignment]
        # The same instant, in the zone in which it was written as a date.
        spec = written.model_copy(update={"expires": written.expires.astimezone(place)})
        doubt, waits = "", False
        if spec.expires > self.today:
            proof = self.proof_of(one, configuration)
            if isinstance(proof, NotProved):
                doubt, waits = proof.why, proof.waits

        def locate(path: str) -> Position:
            return one.place(tuple(int(part) if part.isdigit() else part for part in path.split("."))) if path else one.position

        from reconcile.policy.waivers import DeclaredWaiver

        return DeclaredWaiver(name=one.key.name, spec=spec, locate=locate, doubt=doubt, waits=waits)


def hidden_by(findings: Iterable[Finding]) -> Finding | None:
    """An error that keeps rules from seeing what is there: while there is one, what is not found may be there all the same."""
    own = ("waiver/", "baseline/")
    return next((one for one in findings if one.severity is Severity.ERROR and "/" in one.rule and not one.rule.startswith(own)), None)


def _zone_of(desired: DesiredState) -> ZoneInfo:
    own = desired.resources.get(Key("Environment", desired.environment))
    named = own.spec.get("timeZone") if own is not None else None
    return zone(named if isinstance(named, str) else "UTC")


def _labels(desired: DesiredState, key: Key) -> Mapping[str, str]:
    resource = desired.resources.get(key)
    return resource.labels if resource is not None else {}


def _merged(findings: Iterable[Finding]) -> Iterable[Finding]:
    """Each finding once, though environments may differ in the values behind it: one that counts in some environment, else one that is
    accepted in all."""
    found: dict[Finding, Finding] = {}
    for finding in sorted(findings, key=lambda one: one.values):
        said = replace(finding, accepted=None, values=())
        before = found.get(said)
        if before is None or (finding.counts and not before.counts):
            found[said] = finding
    return found.values()
