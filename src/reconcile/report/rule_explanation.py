"""A rule, or one verdict of it, told to a person or a program. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding
from reconcile.model.fingerprint import fingerprint
from reconcile.model.judgement import ANYBODY
from reconcile.model.policy_rule import PolicyRuleSpec
from reconcile.policy.message import shown
from reconcile.policy.verdict import Outcome, Part, Verdict
from reconcile.report.findings_json import position_json
from reconcile.report.rule_table import ListedRule, rule_json
from reconcile.report.safe_text import neutral

_NAMED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`findings` are those of the rule in the environment, None where none was looked at; `verdict` is about one object, if one was named,
    and `finding` what came of it."""

    listed: ListedRule
    spec: PolicyRuleSpec
    today: datetime
    environment: str | None
    findings: Sequence[Finding] | None = None
    verdict: Verdict | None = None
    finding: Finding | None = None


def rule_explanation_text(one: Explained) -> str:
    """Without a trailing line break."""
    return "\n".join(neutral(line) for line in (_about_object(one) if one.verdict is not None else _about_rule(one)))


def rule_explanation_json(one: Explained) -> dict[str, Any]:
    """The same for programs."""
    spec = one.spec
    document: dict[str, Any] = {
        **rule_json(one.listed, today=one.today),
        "environment": one.environment,
        "rationale": spec.rationale,
        "remediation": spec.remediation,
        "sources": [source.model_dump(by_alias=True, exclude_none=True) for source in spec.sources],
        "match": spec.match,
        "assert": spec.assert_,
    }
    if one.findings is not None:
        document["findings"] = [
            {"resource": str(finding.resource), "fingerprint": fingerprint(finding), **position_json(finding.position)}
            for finding in one.findings
        ]
    if one.verdict is not None:
        document["verdict"] = {
            "resource": str(one.verdict.about),
            "outcome": one.verdict.outcome,
            "values": dict(one.verdict.values),
            "match": [{"text": part.text, "answer": part.answer} for part in one.verdict.match],
            "assert": [{"text": part.text, "answer": part.answer} for part in one.verdict.assert_],
        }
    if one.finding is not None:
        document["message"] = one.finding.message
        document["fingerprint"] = fingerprint(one.finding)
    return document


def _about_rule(one: Explained) -> Iterator[str]:
    spec, now = one.spec, one.listed.now
    yield from _head(one)
    yield ""
    yield f"why      {_flat(spec.rationale)}"
    yield f"to do    {_flat(spec.remediation)}"
    if spec.requires_approval_of is not None:
        yield f"counts   until {_approval(spec)} approved the revision"
    for source in spec.sources:
        yield f"source   {source.title} ({source.date})" + (f": {_flat(source.says)}" if source.says else "")
    yield ""
    if spec.match is not None:
        yield f"match    {_flat(spec.match)}"
    yield f"assert   {_flat(spec.assert_)}"
    for name, parameter in spec.parameters.items():
        value, default = now.parameters.get(f"params.{name}"), parameter.default
        written = [*default] if isinstance(default, tuple) else default
        setter = one.listed.set_by.get(name)
        own = f"; as it comes {shown(written)}" if value != written else ""
        by = f", set by {setter}" if setter is not None else ""
        bounds = f" ({_bounds(parameter.minimum, parameter.maximum)})" if (parameter.minimum, parameter.maximum) != (None, None) else ""
        yield f"params.{name} = {shown(value)}{by}{own}{bounds}: {parameter.description}"
    if one.findings is not None:
        yield ""
        yield f"{_count(len(one.findings))} in {one.environment}"
        for finding in one.findings[:_NAMED]:
            yield f"  {finding.resource}  {finding.position}  {finding.message}"
        if len(one.findings) > _NAMED:
            yield f"  … and {len(one.findings) - _NAMED:,} more: `reconcile lint`"
        if one.findings:
            yield f"one of them: reconcile explain {now.id} {one.findings[0].resource}"


def _approval(spec: PolicyRuleSpec) -> str:
    """Whose approval ends a finding of a rule over plans: "2 of desk, head"."""
    names = spec.requires_approval_of or ()
    if ANYBODY in names:
        return "one who may approve" if spec.minimum_approvals == 1 else f"{spec.minimum_approvals} of those who may approve"
    return names[0] if len(names) == 1 else f"{spec.minimum_approvals} of {', '.join(names)}"


def _about_object(one: Explained) -> Iterator[str]:
    verdict = one.verdict
    assert verdict is not None
    yield from _head(one)
    yield ""
    yield f"{verdict.about}: {_words(verdict.outcome)}"
    if one.finding is not None:
        yield f"  {one.finding.message}"
        yield f"  at {one.finding.position}"
        if one.finding.accepted is not None:
            name = f" {one.finding.accepted.name}" if one.finding.accepted.name else ""
            yield f"  accepted by {one.finding.accepted.by}{name}"
    for title, parts, text in (("match", verdict.match, one.spec.match), ("assert", verdict.assert_, one.spec.assert_)):
        if parts:
            yield ""
            yield f"{title}    {_flat(text or '')}"
            yield from _parts(parts)
    if verdict.values:
        yield ""
        width = max(len(name) for name, _ in verdict.values)
        yield from (f"  {name:<{width}}  {value}" for name, value in verdict.values)
    if verdict.outcome == "fires":
        yield ""
        yield f"to do    {_flat(one.spec.remediation)}"


def _head(one: Explained) -> Iterator[str]:
    listed, now = one.listed, one.listed.now
    why = listed.why(one.today)
    weighs = str(listed.severity(one.today))
    own = f", {listed.own.severity} as it comes" if weighs != str(listed.own.severity) else ""
    yield f"{now.id} ({weighs}{f', {why}' if why else ''}{own})"
    yield f"  {now.title}"
    tags = f"; {', '.join(now.tags)}" if now.tags else ""
    yield f"  looks at {now.subject}; {listed.standing(one.today)}; from {listed.source}{tags}" + (
        "" if now.waivable else "; cannot be waived"
    )
    if listed.reason:
        yield f"  set so because: {listed.reason}"


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    if len(parts) == 1:
        yield f"  = {parts[0].answer}"
        return
    for part in parts:
        yield f"  {part.text}"
        yield f"    = {part.answer}"


def _words(outcome: Outcome) -> str:
    match outcome:
        case "fires":
            return "the rule is broken"
        case "holds":
            return "the rule holds"
        case "passed-over":
            return "match leaves it out"
        case "not-known":
            return "the rule reads what nobody knows, so it says nothing"
        case "failed":
            return "the rule came to neither true nor false, which is a fault of the rule"
        case "not-in-force":
            return "the rule is not in force"
        case other:
            assert_never(other)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _count(number: int) -> str:
    return "1 finding" if number == 1 else f"{number:,} findings" if number else "no finding"


def _bounds(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return f"from {least} to {most}"
    return f"at least {least}" if least is not None else f"at most {most}"
