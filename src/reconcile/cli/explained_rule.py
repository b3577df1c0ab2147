"""`reconcile explain` for rules and their findings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconcile.cli.context import Context
from reconcile.errors import DesiredStateError, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Finding
from reconcile.model.key import SLUG_PATTERN, Key

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.resource import DesiredState
    from reconcile.report.rule_explanation import Explained
    from reconcile.wiring.policies import Rules

FORMAT_VERSION = "1.0"
#: Subjects of rules that a plan is judged by, and no declared object.
_OF_PLANS = ("Change", "Plan")
_FINGERPRINT = re.compile(r"[0-9a-f]{8,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """One environment, the rules it is judged by, and what they found."""

    desired: DesiredState
    others: Sequence[DesiredState]
    rules: Rules
    findings: Sequence[Finding]


def explain_rule(context: Context, words: Sequence[str]) -> bool:
    """Whether the words are a rule, a rule and an object, or the fingerprint of a finding; then it has been explained.

    Raises SettingsError for an object that is not there, and for a fingerprint that no finding or several have.
    """
    from reconcile.wiring.estate import document_cache
    from reconcile.wiring.policies import rules_of

    first, *rest = words
    if not re.fullmatch(SLUG_PATTERN, first) or len(rest) > 1:
        return False
    cache, today = document_cache(context.settings), datetime.now(UTC)
    judged, all_findings = _judged(context, cache, today)
    if not rest and _FINGERPRINT.fullmatch(first):
        found = _with_fingerprint(first, all_findings)
        if found is not None:
            rest, first = [str(found.resource)], found.rule
    shipped = rules_of(None, cache)
    holding = [one for one in judged if one.rules.book.get(first) is not None]
    if not holding and shipped.book.get(first) is None:
        return False
    if rest:
        explained = _about_object(first, rest[0], holding, shipped, today, cache)
    else:
        explained = _about_rule(first, holding, shipped, today, cache)
    _show(context, explained)
    return True


def rules_like(context: Context, name: str) -> list[str]:
    """Rules whose names are spelt much like it."""
    from difflib import get_close_matches

    from reconcile.wiring.estate import document_cache
    from reconcile.wiring.policies import rules_of

    return get_close_matches(name, rules_of(None, document_cache(context.settings)).written, n=2, cutoff=0.8)


def _judged(context: Context, cache: DocumentCache | None, today: datetime) -> tuple[list[_Judged], Sequence[Finding]]:
    """The environments that can be used, or the one that is named, and all findings; nothing where there is no estate."""
    from reconcile.cli.linted import linted
    from reconcile.model.fingerprint import fingerprint
    from reconcile.wiring.estate import open_source
    from reconcile.wiring.judging import read_baseline

    try:
        source = open_source(context.directory, context.revision)
        baseline = read_baseline(source.octets)
        run = linted(context, source, cache=cache, today=today, baseline=baseline, environment=context.environment, keep=True)
    except DesiredStateError:
        return [], ()
    # What the baseline accepts is marked at the end of a run only.
    marked = {fingerprint(finding): finding for finding in run.result.findings}
    judged = [
        _Judged(
            desired=desired,
            others=[other for environment, other in run.states.items() if environment != name],
            rules=run.checks.rules[name],
            findings=[marked.get(fingerprint(finding), finding) for finding in run.by_environment[name]],
        )
        for name, desired in run.states.items()
    ]
    return judged, run.result.findings


def _with_fingerprint(digits: str, findings: Sequence[Finding]) -> Finding | None:
    """None for digits that may be the name of something else."""
    from reconcile.model.fingerprint import fingerprint

    found = {fingerprint(finding): finding for finding in findings if fingerprint(finding).startswith(digits)}
    if len(found) > 1:
        raise SettingsError(f"{len(found)} findings have a fingerprint that begins with {digits}", hint="Give more of its digits.")
    if not found and len(digits) == 32:
        raise SettingsError(f"no finding has the fingerprint {digits}", hint="It may be mended: `reconcile lint --output json` shows all.")
    finding = next(iter(found.values()), None)
    if finding is not None and "/" in finding.rule:
        words = f"{finding.position}: {finding.message}"
        raise SettingsError(
            f"{words} ({finding.rule}) is no finding of a rule", hint=f"`reconcile explain {finding.rule}` says what it means."
        )
    return finding


def _about_object(
    rule: str, name: str, holding: Sequence[_Judged], shipped: Rules, today: datetime, cache: DocumentCache | None
) -> Explained:
    subject = (holding[0].rules if holding else shipped).written[rule].subject
    if subject in _OF_PLANS:
        raise SettingsError(f"{rule} looks at plans, not at what is declared", hint="`reconcile plan` shows what it finds.")
    for judged in holding:
        about = _object(name, subject, judged.desired)
        if about is None:
            continue
        explained = _explained(rule, judged.rules, judged, today, cache, about=about)
        if explained.verdict is None:
            why = f"{about} belongs to somebody else, and no rule looks at it" if about.kind == subject else f"{rule} looks at {subject}"
            raise SettingsError(why, hint=f"Say {subject}/NAME, or its name alone.")
        return explained
    where = ", ".join(judged.desired.environment for judged in holding) or "an environment that can be read"
    raise SettingsError(f"there is no {name!r} in {where}", hint=f"Say {subject}/NAME, or its name alone.")


def _about_rule(rule: str, holding: Sequence[_Judged], shipped: Rules, today: datetime, cache: DocumentCache | None) -> Explained:
    """In the one environment there is, or the first in which it finds something."""
    if not holding:
        return _explained(rule, shipped, None, today, cache)
    finding = (one for one in holding if any(finding.rule == rule for finding in one.findings))
    judged = next(finding, holding[0])
    return _explained(rule, judged.rules, judged, today, cache)


def _object(name: str, subject: str, desired: DesiredState) -> Key | None:
    kind, slash, slug = name.partition("/")
    key = Key(kind, slug) if slash else Key(subject, name)
    if key in desired.resources:
        return key
    return next((key for key, one in desired.resources.items() if key.kind == subject and one.spec.get("emailAddress") == name), None)


def _explained(
    rule: str, rules: Rules, judged: _Judged | None, today: datetime, cache: DocumentCache | None, *, about: Key | None = None
) -> Explained:
    from reconcile.policy.verdict import verdict
    from reconcile.report.rule_explanation import Explained
    from reconcile.wiring.policies import listed_rules, rules_named

    (listed,) = (one for one in listed_rules(rules) if one.now.id == rule)
    looked = judged is not None and listed.now.subject not in _OF_PLANS
    mine = None if judged is None or not looked else [finding for finding in judged.findings if finding.rule == rule]
    found = None
    if judged is not None and about is not None:
        found = verdict(listed.now, judged.desired, about, today=today, others=lambda: judged.others)
    return Explained(
        listed=listed,
        spec=next(iter(rules_named([rule], [rules], cache))).spec,
        today=today,
        environment=None if judged is None else judged.desired.environment,
        findings=mine,
        verdict=found,
        finding=next((finding for finding in mine or () if about is not None and finding.resource == about), None),
    )


def _show(context: Context, explained: Explained) -> None:
    from reconcile.report.rule_explanation import rule_explanation_json, rule_explanation_text

    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **rule_explanation_json(explained), "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(rule_explanation_text(explained))
