"""The rules that a readiness report counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.policy_rule import PolicyRule
    from reconcile.model.resource import DesiredState
    from reconcile.policy.rule import RuleBook


def readiness_rules(topic: str, desired: DesiredState, cache: DocumentCache | None) -> tuple[RuleBook, Sequence[PolicyRule]]:
    """Those of reconcile and of the estate that name the topic, as they are written: settings of the estate do not change what happens
    on a date. Rules with errors are left out; lint says what is wrong with them. Raises SettingsError."""
    from reconcile.model.policy_rule import PolicyRule
    from reconcile.policy.compile import compile_rules
    from reconcile.wiring.policies import shipped_rules

    shipped, _ = shipped_rules(cache)
    named = {key: one for key, one in {**desired.policies, **shipped}.items() if _names(topic, one.document)}
    book, _ = compile_rules(named.values())
    return book, [one.document for one in named.values() if isinstance(one.document, PolicyRule)]


def _names(topic: str, document: object) -> bool:
    from reconcile.model.policy_rule import PolicyRule

    return isinstance(document, PolicyRule) and topic in document.spec.readiness
