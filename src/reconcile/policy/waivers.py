"""Which findings somebody has accepted, and what is to be said about the waivers themselves. Pure.

A waiver is used while it accepts at least one finding in some environment; so usage is gathered over all environments that were looked
at, and said at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.waiver import WaiverSelector, WaiverSpec

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredWaiver:
    """`locate` gives the place of a path of the document ("spec.rules"); `proved` is why the approver's word counts, None where it is
    only written in the file."""

    name: str
    spec: WaiverSpec
    locate: Callable[[str], Position]
    proved: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What waivers are measured by. `waivable` maps the id of every known rule to whether it may be waived; `approvers` are the names
    that settings declare, None where they declare none and any name will do; `proof_needed`: a name in a file is not enough."""

    today: datetime
    waivable: Mapping[str, bool]
    approvers: frozenset[str] | None = None
    proof_needed: bool = False
    warning_days: int = 30


@dataclass(slots=True)
class Waivers:
    """The waivers of an estate over one run."""

    declared: Sequence[DeclaredWaiver]
    terms: Terms
    _used: set[str] = field(default_factory=set)
    _looked_at: set[str] = field(default_factory=set)

    def accept(self, environment: str, findings: Iterable[Finding], labels: Callable[[Key], Labels]) -> list[Finding]:
        """The findings of one environment, those marked that a waiver accepts. The waiver that ends last is named."""
        mine = [one for one in self.declared if one.spec.environments is None or environment in one.spec.environments]
        self._looked_at |= {one.name for one in mine}
        by_rule: dict[str, list[DeclaredWaiver]] = {}
        for one in sorted(mine, key=lambda one: (-one.spec.expires.timestamp(), one.name)):
            if self._holds(one):
                for rule in one.spec.rules:
                    if self.terms.waivable.get(rule, False):
                        by_rule.setdefault(rule, []).append(one)
        return [self._accepted(finding, by_rule.get(finding.rule, ()), labels) for finding in findings]

    def remarks(self) -> Iterator[Finding]:
        """What is wrong with the waivers of the environments that were looked at, and what will be soon."""
        for one in sorted(self.declared, key=lambda one: one.name):
            if one.name not in self._looked_at:
                continue
            problems = [*self._problems(one)]
            yield from problems
            if one.spec.expires > self.terms.today and not any(problem.severity is Severity.ERROR for problem in problems):
                yield from self._about_use(one)

    def _accepted(self, finding: Finding, candidates: Iterable[DeclaredWaiver], labels: Callable[[Key], Labels]) -> Finding:
        if finding.resource is None:
            return finding
        fitting = [one for one in candidates if fits(one.spec.selector, finding.resource, labels(finding.resource))]
        self._used |= {one.name for one in fitting}
        if not fitting:
            return finding
        first = fitting[0]
        return replace(finding, accepted=Accepted(by="waiver", name=first.name, until=first.spec.expires))

    def _holds(self, one: DeclaredWaiver) -> bool:
        terms = self.terms
        if one.spec.expires <= terms.today or not one.spec.reason.strip():
            return False
        if terms.approvers is not None and one.spec.approver not in terms.approvers:
            return False
        return one.proved is not None or not terms.proof_needed

    def _problems(self, one: DeclaredWaiver) -> Iterator[Finding]:
        terms, spec = self.terms, one.spec
        for number, rule in enumerate(spec.rules):
            if rule not in terms.waivable:
                message = f"there is no rule {rule!r}"
                yield _about(
                    one, "waiver/unknown-rule", Severity.ERROR, message, "`reconcile policy list` shows all", f"spec.rules.{number}"
                )
            elif not terms.waivable[rule]:
                message = f"the rule {rule!r} cannot be waived"
                yield _about(
                    one,
                    "waiver/not-waivable",
                    Severity.ERROR,
                    message,
                    f"mend what it finds: `reconcile explain {rule}`",
                    f"spec.rules.{number}",
                )
        if spec.expires <= terms.today:
            message = f"the waiver ended on {spec.expires:%Y-%m-%d}; it accepts nothing any more"
            yield _about(one, "waiver/expired", Severity.WARNING, message, "mend the finding, or have it approved again", "spec.expires")
        if terms.approvers is not None and spec.approver not in terms.approvers:
            message = f"{spec.approver!r} is not among the approvers of the policy settings; the waiver accepts nothing"
            yield _about(one, "waiver/unknown-approver", Severity.ERROR, message, "name one of them", "spec.approver")
        elif terms.proof_needed and one.proved is None:
            message = f"nothing outside the file shows that {spec.approver!r} approved; the waiver accepts nothing"
            hint = "have the approver sign the commit with a key of the settings, or review the change at the forge"
            yield _about(one, "waiver/unproved-approver", Severity.ERROR, message, hint, "spec.approver")

    def _about_use(self, one: DeclaredWaiver) -> Iterator[Finding]:
        left = one.spec.expires - self.terms.today
        if one.name not in self._used:
            yield _about(one, "waiver/unused", Severity.WARNING, "the waiver accepts no finding", "remove it", "spec.selector")
        elif left <= timedelta(days=self.terms.warning_days):
            message = f"the waiver ends on {one.spec.expires:%Y-%m-%d}, in {_days(left)}; its findings count again then"
            yield _about(
                one, "waiver/expires-soon", Severity.INFORMATION, message, "mend the finding, or have it approved again", "spec.expires"
            )


def fits(selector: WaiverSelector, key: Key, labels: Labels) -> bool:
    """Whether a selector means a resource."""
    if selector.everything:
        return True
    if selector.kinds is not None and key.kind not in selector.kinds:
        return False
    if selector.names is not None and not any(fnmatchcase(key.name, pattern) for pattern in selector.names):
        return False
    return all(labels.get(name) == value for name, value in selector.labels.items())


_DAY: Final = timedelta(days=1)


def _days(left: timedelta) -> str:
    count = -(-left // _DAY)
    return "1 day" if count == 1 else f"{count} days"


def _about(one: DeclaredWaiver, rule: str, severity: Severity, message: str, hint: str, path: str) -> Finding:
    return Finding(
        rule=rule, severity=severity, message=message, hint=hint, position=one.locate(path), path=path, resource=Key("Waiver", one.name)
    )
