"""The one way from a desired state to the findings of rules, for lint, plan and loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconcile.model.finding import Finding
from reconcile.model.resource import DesiredState

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.desired.lint import Checks


def rule_checks(cache: DocumentCache | None, *, today: datetime | None = None) -> Checks:
    """What `lint` hands each environment to. `today` stands for now."""
    from reconcile.policy.compile import compile_rules
    from reconcile.policy.evaluate import evaluate
    from reconcile.wiring.policies import shipped_rules

    moment = today or datetime.now(UTC)
    shipped, faults = shipped_rules(cache)

    def checks(desired: DesiredState, others: Callable[[], Sequence[DesiredState]]) -> Sequence[Finding]:
        book, found = compile_rules({**shipped, **desired.policies}.values())
        evaluation = evaluate(book, desired, today=moment, others=others, clock=time.thread_time)
        return [*faults, *found, *evaluation.findings]

    return checks
