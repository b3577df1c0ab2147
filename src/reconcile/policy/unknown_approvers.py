"""Approvers whom rules ask and the settings of the environment do not declare. Pure.

A typing error here shows only on the day the approval is needed, and the finding then stands for good.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from reconcile.desired.suggest import did_you_mean
from reconcile.model.finding import Finding, Severity
from reconcile.model.judgement import ANYBODY
from reconcile.model.key import Key
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.policy.configure import Configuration
from reconcile.policy.rule import Rule

UNKNOWN_APPROVER = "policy/unknown-approver"
_DECLARE = "name them under approvers of a PolicySettings for this environment"


def unknown_approvers(configuration: Configuration, documents: Mapping[Key, PolicyDeclared], environment: str) -> Iterator[Finding]:
    """One finding a name, where it is written: in the rule, or in the settings that ask somebody else for it. `documents` are those about
    the rules that the environment takes. An error where the approvals that a rule asks for cannot be had, else a warning."""
    known = None if configuration.approvers is None else {one.name for one in configuration.approvers}
    for rule in configuration.book:
        if not rule.enabled or ANYBODY in rule.requires_approval_of:
            continue
        setter = configuration.set_by.get(rule.id, {}).get("requiresApprovalOf")
        one = documents.get(setter or Key("PolicyRule", rule.id))
        if one is None:
            continue
        path = ("spec", "rules", rule.id, "requiresApprovalOf") if setter is not None else ("spec", "requiresApprovalOf")
        for number, name in enumerate(rule.requires_approval_of):
            if known is None or name not in known:
                yield _finding(rule, name, known, environment, one, (*path, number))


def _finding(
    rule: Rule, name: str, known: Collection[str] | None, environment: str, one: PolicyDeclared, path: tuple[str | int, ...]
) -> Finding:
    severity = Severity.WARNING
    if known is None:
        message = f"environment {environment} declares no approvers, so only a review under the name {name!r} approves"
    else:
        message = f"{name!r} is not among the approvers of environment {environment}"
        if sum(whom in known for whom in rule.requires_approval_of) < rule.minimum_approvals:
            severity = Severity.ERROR
            asked = "approval" if rule.minimum_approvals == 1 else f"{rule.minimum_approvals} approvals"
            message += f", so {rule.id} cannot get its {asked} there"
    return Finding(
        rule=UNKNOWN_APPROVER,
        severity=severity,
        message=message,
        hint=_DECLARE if known is None else did_you_mean(name, known) or _DECLARE,
        position=one.place(path),
        path=".".join(str(part) for part in path),
        resource=one.key,
    )
