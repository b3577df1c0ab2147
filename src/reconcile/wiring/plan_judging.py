"""The one way from a plan to what the rules say of it, for plan, apply, the gate and the loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.resource import DesiredState

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.change import Plan
    from reconcile.model.key import Key
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.policy.approvals import Proof
    from reconcile.policy.configure import Configuration
    from reconcile.wiring.approvals import Approvals
    from reconcile.wiring.policies import RuleBooks, Rules


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanJudge:
    """`approvals` looks for proof; `now` gives the moment that plans are judged at. `policies` are the documents about the rules that
    judge, those of the plan's own desired state where it is None: a change is judged by those of its base. `books` are shared with
    whoever else judges in the same run."""

    cache: DocumentCache | None
    approvals: Approvals
    now: Callable[[], datetime] = _now
    policies: Mapping[Key, PolicyDeclared] | None = None
    books: RuleBooks | None = None

    def __call__(self, plan: Plan, desired: DesiredState, *, commit: str = "") -> Plan:
        """The plan with its judgement; a plan without changes is left as it is. `desired` is what it was made from; `commit` is what may
        have been approved, where that is not the plan's revision."""
        if not plan.changes:
            return plan
        from reconcile.model.judgement import Judgement
        from reconcile.policy.acceptance import Acceptance
        from reconcile.policy.approval_asked import asked
        from reconcile.policy.evaluate_plan import evaluate_plan
        from reconcile.wiring.policies import rules_of

        judges = desired.policies if self.policies is None else self.policies
        rules = rules_of(replace(desired, policies=judges), self.cache, books=self.books)
        configuration, today = rules.configuration, self.now()
        names = tuple(one.name for one in configuration.approvers or ())
        found = evaluate_plan(rules.book, plan, desired, approvers=names, today=today, clock=time.thread_time).findings
        acceptance = Acceptance(today=today, proof_of=self.approvals.of_waiver)
        unusable = _unusable(rules, desired.findings if self.policies is None else ())
        waived = acceptance.of_environment(desired, [*unusable, *found, *_changed_servers(plan, desired)], configuration, judges)
        looked_at = ""

        def proofs(names: Iterable[str]) -> Mapping[str, Proof]:
            nonlocal looked_at
            looked_at, answers = self.approvals.of_plan(names, configuration, revision=commit or plan.revision)
            return answers

        findings, approvals = asked(rules.book, waived, anybody=self._anybody(configuration), proofs=proofs)
        judgement = Judgement(findings=findings, asked=approvals, fail_on=configuration.fail_on, commit=looked_at)
        return replace(plan, judgement=judgement)

    def _anybody(self, configuration: Configuration) -> list[str]:
        """Who may approve anything: whom settings name, or, where they name nobody, whoever reviewed at the forge."""
        if configuration.approvers is not None:
            return [one.name for one in configuration.approvers]
        return [*dict.fromkeys(review.name for review in self.approvals.reviews)]


def _changed_servers(plan: Plan, desired: DesiredState) -> Iterator[Finding]:
    """What Autodiscover named while the plan was made, where something else is pinned."""
    changed = [one for one in plan.discovered if one.changed]
    if changed:
        from reconcile.policy.server_changed import server_changed

        yield from (server_changed(one.key, now=one.url, before=one.before, since=one.before_at, desired=desired) for one in changed)


def _unusable(rules: Rules, of_documents: Iterable[Finding]) -> Iterator[Finding]:
    """What is wrong with rules over plans, and with documents about the rules that could not be read: nothing is let through by half a
    rule book. Whom nobody declares cannot approve: the rule holds all the same, and says so where it fires."""
    from reconcile.policy.unknown_approvers import UNKNOWN_APPROVER

    for finding in rules.findings:
        if finding.rule == UNKNOWN_APPROVER:
            continue
        one = rules.documents.get(finding.resource) if finding.resource is not None else None
        # Settings name who may approve, and switch rules on.
        of_settings = one is not None and one.key.kind == "PolicySettings"
        if of_settings or (one is not None and _over_plans(one)):
            yield finding
    for finding in of_documents:
        about = finding.resource.kind if finding.resource is not None else ""
        if about in ("PolicyRule", "PolicySettings") and finding.severity is Severity.ERROR:
            yield finding


def _over_plans(one: PolicyDeclared) -> bool:
    from reconcile.model.policy_rule import PolicyRule
    from reconcile.policy.variables import PLAN_SUBJECTS

    return isinstance(one.document, PolicyRule) and one.document.spec.applies_to in PLAN_SUBJECTS


def without_proof(plan: Plan, why: str) -> Plan:
    """The plan as it was judged before, with no approval proved: there is nothing to look for it in."""
    from reconcile.model.judgement import NotApproved

    before = plan.judgement
    if before is None:
        return plan
    findings = tuple(
        replace(finding, accepted=None) if finding.accepted is not None and finding.accepted.by == "approval" else finding
        for finding in before.findings
    )
    lost = []
    for one in before.asked:
        people = [*(by.name for by in one.given), *(by.name for by in one.missing)]
        lost.append(replace(one, given=(), missing=tuple(NotApproved(name=name, why=why) for name in people)))
    return replace(plan, judgement=replace(before, findings=findings, asked=tuple(lost), commit=""))
