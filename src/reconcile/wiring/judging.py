"""The one way from a desired state to the findings of rules, for lint, plan and loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from reconcile.model.finding import Finding
from reconcile.model.resource import DesiredState

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.key import Key
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.wiring.policies import Rules

#: The documents about the rules that an environment is judged by.
PoliciesOf: TypeAlias = "Callable[[DesiredState], Mapping[Key, PolicyDeclared]]"


@dataclass(slots=True, kw_only=True)
class RuleChecks:
    """What `lint` hands each environment to. `rules` keeps, by environment, what it was judged by."""

    cache: DocumentCache | None
    today: datetime
    policies_of: PoliciesOf | None = None
    rules: dict[str, Rules] = field(default_factory=dict)

    def __call__(self, desired: DesiredState, others: Callable[[], Sequence[DesiredState]]) -> Sequence[Finding]:
        from reconcile.policy.evaluate import evaluate
        from reconcile.wiring.policies import rules_of

        if self.policies_of is not None:
            desired = replace(desired, policies=self.policies_of(desired))
        rules = self.rules[desired.environment] = rules_of(desired, self.cache)
        evaluation = evaluate(rules.book, desired, today=self.today, others=others, clock=time.thread_time)
        return [*rules.findings, *evaluation.findings]


def rule_checks(cache: DocumentCache | None, *, today: datetime | None = None, policies_of: PoliciesOf | None = None) -> RuleChecks:
    """`today` stands for now. `policies_of` gives documents about the rules from elsewhere: a change is judged by those of its base."""
    return RuleChecks(cache=cache, today=today or datetime.now(UTC), policies_of=policies_of)
