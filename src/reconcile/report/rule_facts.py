"""What reports say about a rule beside its findings: what it asks for, why, what to do, and where it can be read about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from reconcile.desired.rules import RULES
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Severity

if TYPE_CHECKING:
    # A clean run describes no rule, and the model takes 9 ms.
    from reconcile.model.policy_rule import PolicyRule

_FINDINGS_PAGE = "docs/findings.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFacts:
    """`page` is relative to the root of this project; `url` is that of the source, where it is known, as an absolute address."""

    id: str
    title: str
    severity: Severity
    why: str = ""
    remedy: str = ""
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    page: str = ""
    url: str = ""


Facts = Mapping[str, RuleFacts]


def facts(rules: Iterable[PolicyRule] = (), shipped: Collection[str] = ()) -> Facts:
    """By id: those of the built-in checks and of `rules`. Rules that come with reconcile have a page in its documentation."""
    return {**_built_in(), **{rule.metadata.name: _of(rule, rule.metadata.name in shipped) for rule in rules}}


def facts_about(rule: str, severity: Severity, known: Facts) -> RuleFacts:
    """Of a rule that nobody described, what its id says."""
    found = known.get(rule)
    return found if found is not None else RuleFacts(id=rule, title=rule, severity=severity)


@cache
def _built_in() -> Facts:
    return {
        rule.id: RuleFacts(id=rule.id, title=rule.meaning, severity=rule.severity, remedy=rule.fix, page=_FINDINGS_PAGE) for rule in RULES
    }


def _of(rule: PolicyRule, shipped: bool) -> RuleFacts:
    spec = rule.spec
    urls = [source.url for source in spec.sources if source.url and source.url.startswith(("https://", "http://"))]
    return RuleFacts(
        id=rule.metadata.name,
        title=spec.title,
        severity=Severity[spec.severity.upper()],
        why=spec.rationale,
        remedy=spec.remediation,
        sources=tuple(f"{source.title} ({source.date})" for source in spec.sources),
        tags=tuple(sorted(spec.tags)),
        page=f"docs/policies/{rule.metadata.name}.md" if shipped else "",
        url=urls[0] if urls else "",
    )
