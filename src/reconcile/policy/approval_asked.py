"""Which findings of rules over a plan are accepted because those approved whom the rules ask. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from reconcile.model.finding import Accepted, Finding
from reconcile.model.judgement import ANYBODY, Approved, Asked, NotApproved
from reconcile.policy.approvals import Proof, Proved
from reconcile.policy.rule import RuleBook

#: Names → whether each approved what the plan is made from.
Proofs = Callable[[Iterable[str]], Mapping[str, Proof]]


def asked(
    book: RuleBook, findings: Sequence[Finding], *, anybody: Sequence[str], proofs: Proofs
) -> tuple[tuple[Finding, ...], tuple[Asked, ...]]:
    """The findings, those accepted whose rule got its approvals, and what was asked. `anybody` are the names that may approve anything;
    `proofs` is called once, and only when there is something to ask."""
    rules = {rule.id: rule for rule in book if rule.requires_approval_of}
    fired = [rules[name] for name in dict.fromkeys(finding.rule for finding in findings if finding.counts) if name in rules]
    if not fired:
        return tuple(findings), ()
    named = {rule.id: tuple(anybody) if ANYBODY in rule.requires_approval_of else rule.requires_approval_of for rule in fired}
    answers = proofs(dict.fromkeys(name for names in named.values() for name in names))
    found = []
    for rule in fired:
        given = tuple(Approved(name=name, how=proof.how) for name in named[rule.id] if isinstance(proof := answers[name], Proved))
        missing = tuple(NotApproved(name=name, why=proof.why) for name in named[rule.id] if not isinstance(proof := answers[name], Proved))
        found.append(Asked(rule=rule.id, names=rule.requires_approval_of, minimum=rule.minimum_approvals, given=given, missing=missing))
    granted = {one.rule: Accepted(by="approval", name=", ".join(by.name for by in one.given)) for one in found if one.granted}
    marked = (
        replace(finding, accepted=granted[finding.rule]) if finding.counts and finding.rule in granted else finding for finding in findings
    )
    return tuple(marked), tuple(found)
