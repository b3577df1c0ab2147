"""The one way from a desired state to the findings of rules, and to which of them are accepted, for lint, plan and loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias, cast

from reconcile.errors import ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.desired.lint import LintResult
    from reconcile.model.key import Key
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.model.waiver import Waiver
    from reconcile.policy.acceptance import Acceptance
    from reconcile.policy.baseline import Baseline
    from reconcile.policy.worlds import Worlds
    from reconcile.wiring.approvals import Approvals
    from reconcile.wiring.policies import RuleBooks, Rules

#: The documents about the rules that an environment is judged by.
PoliciesOf: TypeAlias = "Callable[[DesiredState], Mapping[Key, PolicyDeclared]]"

#: Findings that are known and wait to be mended, beside the documents of the estate; listings pass over its name.
BASELINE_FILE = ".reconcile-baseline.json"


@dataclass(slots=True, kw_only=True)
class RuleChecks:
    """What `lint` hands each environment to; `finished` ends a run. `rules` keeps, by environment, what it was judged by,
    `places` where the causes of findings are declared. `taken_back` are waivers that the base had, and has no more."""

    cache: DocumentCache | None
    today: datetime
    approvals: Approvals
    acceptance: Acceptance
    policies_of: PoliciesOf | None = None
    taken_back: Sequence[PolicyDeclared] = ()
    least: Severity = Severity.INFORMATION
    rules: dict[str, Rules] = field(default_factory=dict)
    places: dict[Key, Position] = field(default_factory=dict)
    books: RuleBooks | None = None
    _worlds: Worlds | None = None

    def __call__(self, desired: DesiredState, others: Callable[[], Sequence[DesiredState]]) -> Sequence[Finding]:
        from reconcile.policy.evaluate import evaluate
        from reconcile.policy.worlds import Worlds
        from reconcile.wiring.policies import RuleBooks, rules_of

        waivers = {key: one for key, one in desired.policies.items() if key.kind == "Waiver"}
        self.approvals.expect(waivers.values())
        if self.policies_of is not None:
            judges = self.policies_of(desired)
            self.approvals.let_in(one for one in waivers.values() if (known := judges.get(one.key)) and known.document == one.document)
            back = {one.key: one.document for one in self.taken_back}
            self.approvals.take_back(one for one in waivers.values() if back.get(one.key) == one.document)
            desired = replace(desired, policies=judges)
        books = self.books = self.books or RuleBooks(self.cache)
        worlds = self._worlds = self._worlds or Worlds()
        rules = self.rules[desired.environment] = rules_of(desired, self.cache, books=books)
        book = rules.book
        if self.least > Severity.INFORMATION:
            # A waiver is used where it accepts anything, however light.
            waived = {rule for one in waivers.values() for rule in cast("Waiver", one.document).spec.rules}
            book = book.from_severity(self.least, self.today, besides=waived)
        evaluation = evaluate(book, desired, today=self.today, others=others, worlds=worlds, clock=time.thread_time)
        causes = {finding.cause for finding in evaluation.findings if finding.cause is not None}
        self.places.update((key, desired.resources[key].position) for key in causes if key in desired.resources)
        return self.acceptance.of_environment(desired, [*rules.findings, *evaluation.findings], rules.configuration, waivers)

    def of_one(self, findings: Sequence[Finding]) -> list[Finding]:
        """What rules found in one environment alone, finished."""
        return self.acceptance.of_all(findings, whole=False)

    def finished(self, result: LintResult, *, whole: bool) -> LintResult:
        """The result of `lint`, with what waivers and baseline make of it. `whole`: it looked at every environment."""
        return replace(result, findings=tuple(self.acceptance.of_all(result.findings, whole=whole)))


def rule_checks(
    cache: DocumentCache | None,
    *,
    today: datetime | None = None,
    policies_of: PoliciesOf | None = None,
    approvals: Approvals | None = None,
    baseline: Baseline | None = None,
    taken_back: Sequence[PolicyDeclared] = (),
    least: Severity = Severity.INFORMATION,
    books: RuleBooks | None = None,
) -> RuleChecks:
    """`today` stands for now. `policies_of` gives documents about the rules from elsewhere: a change is judged by those of its base. Its
    own waivers count where they stand there too, or their approval is proved. Without `approvals` nobody looks for proof, and none is
    found. `books` are shared with whoever else judges in the same run."""
    from reconcile.policy.acceptance import Acceptance
    from reconcile.wiring.approvals import Approvals

    moment = today or datetime.now(UTC)
    proofs = approvals or Approvals(folder=None)
    if policies_of is not None:
        proofs.of_a_change = True
    acceptance = Acceptance(today=moment, proof_of=proofs.of_waiver, baseline=baseline, baseline_file=BASELINE_FILE)
    return RuleChecks(
        cache=cache,
        today=moment,
        approvals=proofs,
        acceptance=acceptance,
        policies_of=policies_of,
        taken_back=taken_back,
        least=least,
        books=books,
    )


def read_baseline(octets: Callable[[str], bytes | None]) -> Baseline | None:
    """The baseline of an estate (`Source.octets`); None where it has none. Raises SettingsError, DesiredStateError."""
    data = octets(BASELINE_FILE)
    if data is None:
        return None
    from reconcile.policy.baseline import decode

    return decode(data, name=BASELINE_FILE)


def unreadable_baseline(error: ReconcileError) -> Finding:
    """That a baseline could not be read, for those who go on without it."""
    return Finding(
        rule="baseline/unreadable",
        severity=Severity.ERROR,
        message=f"{error.message}; nothing of it is accepted",
        hint=error.hint,
        position=Position(BASELINE_FILE),
    )
