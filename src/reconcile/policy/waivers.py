"""Which findings somebody has accepted, and what is to be said about the waivers themselves. Pure.

A waiver is used while it accepts at least one finding in some environment; so usage is gathered over all environments that were looked
at, and said at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from reconcile.desired.suggest import did_you_mean
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.instant import day
from reconcile.model.key import Key
from reconcile.model.position import Position

if TYPE_CHECKING:
    # Many estates have none, and the model takes milliseconds.
    from reconcile.model.waiver import WaiverSelector, WaiverSpec

Labels = Mapping[str, str]

#: As many approvers are written out.
_NAMED: Final = 6
_NO_RULE: Final = "`reconcile policy list` shows all; a rule with errors is left out until it is mended"
_UNUSED: Final = "remove it if what it was for is mended; else correct its rules, or whom its selector means"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredWaiver:
    """`locate` gives the place of a path of the document ("spec.rules", "" for where it begins); `doubt` is why the approver's word does
    not count, "" where it does; `waits`: it will count as soon as the change that wrote it is merged."""

    name: str
    spec: WaiverSpec
    locate: Callable[[str], Position]
    doubt: str = ""
    waits: bool = False

    @property
    def id(self) -> tuple[str, Position]:
        """The same for one document in every environment that takes it."""
        return self.name, self.locate("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What waivers are measured by. `waivable` maps the id of every known rule to whether it may be waived; `approvers` are the names
    that settings declare, None where they declare none and any name will do; `over_plans` are the rules that judge plans; `warning_days`
    before its end a waiver is told about, one that runs longer than `maximum_days` accepts nothing."""

    today: datetime
    waivable: Mapping[str, bool]
    approvers: frozenset[str] | None = None
    over_plans: frozenset[str] = frozenset()
    warning_days: int = 30
    maximum_days: int = 366


@dataclass(slots=True)
class Waivers:
    """The waivers that are measured alike, over one run."""

    declared: Sequence[DeclaredWaiver]
    terms: Terms
    used: set[tuple[str, Position]] = field(default_factory=set)
    _looked_at: set[tuple[str, Position]] = field(default_factory=set)

    def accept(self, environment: str, findings: Iterable[Finding], labels: Callable[[Key], Labels]) -> list[Finding]:
        """The findings of one environment, those marked that a waiver accepts. The waiver that ends last is named."""
        mine = [one for one in self.declared if one.spec.environments is None or environment in one.spec.environments]
        self._looked_at |= {one.id for one in mine}
        by_rule: dict[str, _Candidates] = {}
        for one in sorted(mine, key=lambda one: (-one.spec.expires.timestamp(), one.name)):
            if self._holds(one):
                for rule in one.spec.rules:
                    if self.terms.waivable.get(rule, False):
                        by_rule.setdefault(rule, _Candidates()).add(one)
        return [self._accepted(finding, by_rule.get(finding.rule), labels) for finding in findings]

    def remarks(self, used: Collection[tuple[str, Position]] = ()) -> Iterator[Finding]:
        """What is wrong with the waivers of the environments that were looked at, and what will be soon. `used` are those that were used
        elsewhere."""
        for one in sorted(self.declared, key=lambda one: one.name):
            if one.id not in self._looked_at:
                continue
            problems = [*self._problems(one)]
            yield from problems
            if one.spec.expires > self.terms.today and not problems:
                yield from self._about_use(one, one.id in self.used or one.id in used)

    def _accepted(self, finding: Finding, candidates: _Candidates | None, labels: Callable[[Key], Labels]) -> Finding:
        if finding.resource is None or candidates is None:
            return finding
        fitting = [
            one for one in candidates.of(finding.resource.name) if fits(one.spec.selector, finding.resource, labels(finding.resource))
        ]
        self.used |= {one.id for one in fitting}
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
        return not one.doubt and not self._too_long(one)

    def _too_long(self, one: DeclaredWaiver) -> bool:
        return one.spec.expires - self.terms.today > timedelta(days=self.terms.maximum_days)

    def _problems(self, one: DeclaredWaiver) -> Iterator[Finding]:
        terms, spec = self.terms, one.spec
        for number, rule in enumerate(spec.rules):
            if rule not in terms.waivable:
                message = f"there is no rule {rule!r}"
                hint = did_you_mean(rule, terms.waivable)
                yield _about(
                    one,
                    "waiver/unknown-rule",
                    Severity.ERROR,
                    message,
                    hint if hint.startswith("did") else _NO_RULE,
                    f"spec.rules.{number}",
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
            message = f"the waiver ended on {day(spec.expires)}; it accepts nothing any more"
            yield _about(one, "waiver/expired", Severity.WARNING, message, "mend the finding, or have it approved again", "spec.expires")
        elif self._too_long(one):
            most = _days(timedelta(terms.maximum_days))
            message = f"the waiver runs until {day(spec.expires)}; one that runs for more than {most} accepts nothing"
            hint = "let it end earlier, and renew it then; maximumWaiverDays of PolicySettings says how long one may run"
            yield _about(one, "waiver/too-long", Severity.ERROR, message, hint, "spec.expires")
        if terms.approvers is not None and spec.approver not in terms.approvers:
            message = f"{spec.approver!r} is not among the approvers of the policy settings; the waiver accepts nothing"
            yield _about(
                one, "waiver/unknown-approver", Severity.ERROR, message, f"name one of them: {_some(terms.approvers)}", "spec.approver"
            )
        elif one.waits:
            message = "the change that is judged wrote this waiver, so it accepts nothing in it"
            hint = f"merge it first; or let {spec.approver} review the change at the forge"
            yield _about(one, "waiver/waits", Severity.INFORMATION, message, hint, "spec.approver")
        elif one.doubt and spec.expires > terms.today:
            message = f"nothing outside the file shows that {spec.approver!r} approved: {one.doubt}; the waiver accepts nothing"
            hint = (
                "let the approver sign the commit with a key of the settings, or review it at the forge: docs/waivers.md says which counts"
            )
            yield _about(one, "waiver/unproved-approver", Severity.ERROR, message, hint, "spec.approver")

    def _about_use(self, one: DeclaredWaiver, used: bool) -> Iterator[Finding]:
        left = one.spec.expires - self.terms.today
        if not used and not self.terms.over_plans.isdisjoint(one.spec.rules):
            # What plans do is not known where estates are looked at.
            return
        if not used:
            yield _about(one, "waiver/unused", Severity.WARNING, "the waiver accepts no finding", _UNUSED, "spec.selector")
        elif left <= timedelta(days=self.terms.warning_days):
            message = f"the waiver ends on {day(one.spec.expires)}, in {_days(left)}; its findings count again then"
            yield _about(
                one, "waiver/expires-soon", Severity.INFORMATION, message, "mend the finding, or have it approved again", "spec.expires"
            )


@dataclass(slots=True)
class _Candidates:
    """Waivers of one rule, those that name resources by how the names begin: not all are compared with each of a thousand findings."""

    beginning: dict[str, list[tuple[int, DeclaredWaiver]]] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)
    named: dict[str, list[tuple[int, DeclaredWaiver]]] = field(default_factory=dict)
    count: int = 0

    def add(self, one: DeclaredWaiver) -> None:
        """The next in order."""
        for name in {*(one.spec.selector.names or ("*",))}:
            begin = _WILD.split(name, maxsplit=1)[0]
            if begin == name:
                self.named.setdefault(name, []).append((self.count, one))
            else:
                self.beginning.setdefault(begin, []).append((self.count, one))
                self.lengths.add(len(begin))
        self.count += 1

    def of(self, name: str) -> list[DeclaredWaiver]:
        """Those that may mean a resource of this name, in order."""
        found = dict(self.named.get(name, ()))
        for length in self.lengths:
            found.update(self.beginning.get(name[:length], ()))
        return [one for _, one in sorted(found.items())]


def fits(selector: WaiverSelector, key: Key, labels: Labels) -> bool:
    """Whether a selector means a resource."""
    if selector.everything:
        return True
    if selector.kinds is not None and key.kind not in selector.kinds:
        return False
    if selector.names is not None and not _named(key.name, selector.names):
        return False
    return all(labels.get(name) == value for name, value in selector.labels.items())


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:_NAMED]) + (" …" if len(names) > _NAMED else "")


def _named(name: str, patterns: Iterable[str]) -> bool:
    return any(_pattern(pattern)(name) is not None for pattern in patterns)


@lru_cache(maxsize=50_000)
def _pattern(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """As `fnmatchcase`, which forgets a pattern after a few hundred others and takes a hundred times as long to read one as to try it."""
    return re.compile(translate(pattern)).match


_WILD: Final = re.compile(r"[*?\[]")
_DAY: Final = timedelta(days=1)


def _days(left: timedelta) -> str:
    count = -(-left // _DAY)
    return "1 day" if count == 1 else f"{count} days"


def _about(one: DeclaredWaiver, rule: str, severity: Severity, message: str, hint: str, path: str) -> Finding:
    return Finding(
        rule=rule, severity=severity, message=message, hint=hint, position=one.locate(path), path=path, resource=Key("Waiver", one.name)
    )
