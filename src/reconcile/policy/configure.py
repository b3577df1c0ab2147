"""What an environment makes of the rules: PolicySettings laid over them. Pure.

Nothing of a setting counts that cannot be meant, and of two that contradict each other neither does: the rule keeps its own value, and
a finding says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from reconcile.desired.suggest import did_you_mean
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.policy.approvals import Means, means_of
from reconcile.policy.rule import Rule, RuleBook
from reconcile.policy.variables import PLAN_SUBJECTS

if TYPE_CHECKING:
    # Most estates have no settings, and the models take milliseconds.
    from reconcile.model.policy_rule import PolicyRuleSpec
    from reconcile.model.policy_settings import Approver, PolicySettingsSpec

#: What the model says where nothing is set (a test compares them).
FAIL_ON: Final = Severity.ERROR
WAIVER_WARNING_DAYS: Final = 30
MAXIMUM_WAIVER_DAYS: Final = 366
#: Fields of settings that hold one value for an environment, by their names in documents.
_ONCE: Final = {
    "fail_on": "failOn",
    "waiver_warning_days": "waiverWarningDays",
    "maximum_waiver_days": "maximumWaiverDays",
    "approvals": "approvals",
}
_NO_RULE: Final = "`reconcile policy list` shows all; a rule with errors is left out until it is mended"
_SEVERITIES: Final = {str(severity): severity for severity in Severity}
_Path = tuple[str | int, ...]


class Limit(NamedTuple):
    """What a number may be."""

    least: int | None
    most: int | None

    def holds(self, value: int) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return f"from {self.least} to {self.most}"
        return f"at least {self.least}" if self.least is not None else f"at most {self.most}"


#: Rule → parameter → what it may be; only of parameters with a range.
Limits = Mapping[str, Mapping[str, Limit]]


def limits_of(spec: PolicyRuleSpec) -> Mapping[str, Limit]:
    """The ranges of a rule's parameters."""
    return {
        name: Limit(one.minimum, one.maximum) for name, one in spec.parameters.items() if one.minimum is not None or one.maximum is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`book` has every rule as the environment has it, also those that are off. `set_by` says which document set what of a rule: "enabled",
    "severity", or the name of a parameter; `reasons` what it gave as reason. `approvers` is None where nobody is named."""

    book: RuleBook
    fail_on: Severity = FAIL_ON
    waiver_warning_days: int = WAIVER_WARNING_DAYS
    maximum_waiver_days: int = MAXIMUM_WAIVER_DAYS
    approvers: tuple[Approver, ...] | None = None
    approvals: Means = Means.NAMES
    set_by: Mapping[str, Mapping[str, Key]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def settings_of(declared: Iterable[PolicyDeclared], environment: str) -> list[PolicyDeclared]:
    """The settings that are for an environment, by name."""
    settings = sorted((one for one in declared if one.key.kind == "PolicySettings"), key=lambda one: one.key)
    return [one for one in settings if (named := _spec(one).environments) is None or environment in named]


def configure(book: RuleBook, limits: Limits, settings: Sequence[PolicyDeclared]) -> Configuration:
    """`settings` are those of the environment."""
    work = _Work(book=book, limits=limits, settings=settings)
    work.gather()
    rules = tuple(work.configured(rule) for rule in book.rules)
    fail_on = work.agreed("", "failOn")
    days, most = work.agreed("", "waiverWarningDays"), work.agreed("", "maximumWaiverDays")
    approvers = work.approvers()
    return Configuration(
        book=replace(book, rules=rules),
        fail_on=FAIL_ON if fail_on is None else _SEVERITIES[fail_on],
        waiver_warning_days=WAIVER_WARNING_DAYS if days is None else days,
        maximum_waiver_days=MAXIMUM_WAIVER_DAYS if most is None else most,
        approvers=approvers,
        approvals=means_of(work.strongest_means(), approvers or ()),
        set_by=work.set_by,
        reasons=work.reasons,
        findings=tuple(sorted(work.findings, key=Finding.sort_key)),
    )


class _Said(NamedTuple):
    """What one document says, and where."""

    value: Any
    by: PolicyDeclared
    path: _Path


@dataclass(slots=True, kw_only=True)
class _Work:
    book: RuleBook
    limits: Limits
    settings: Sequence[PolicyDeclared]
    said: dict[tuple[str, str], list[_Said]] = field(default_factory=dict)
    set_by: dict[str, dict[str, Key]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def gather(self) -> None:
        """What the documents say of rules that are there; what is wrong with the rest."""
        known = {rule.id: rule for rule in self.book.rules}
        for one in self.settings:
            spec = _spec(one)
            for name, alias in _ONCE.items():
                if name in spec.model_fields_set and getattr(spec, name) is not None:
                    self._say("", alias, _Said(getattr(spec, name), one, ("spec", alias)))
            for name, setting in spec.rules.items():
                path: _Path = ("spec", "rules", name)
                rule = known.get(name)
                if rule is None:
                    hint = did_you_mean(name, known)
                    hint = hint if hint.startswith("did") else _NO_RULE
                    self._find(one, "policy/unknown-rule", f"there is no rule {name!r}", hint, path)
                    continue
                if setting.enabled is not None:
                    self._say(name, "enabled", _Said(setting.enabled, one, (*path, "enabled")))
                if setting.severity is not None:
                    self._say(name, "severity", _Said(setting.severity, one, (*path, "severity")))
                for alias, asked in (("requiresApprovalOf", setting.requires_approval_of), ("minimumApprovals", setting.minimum_approvals)):
                    said = _Said(asked, one, (*path, alias))
                    if asked is not None and self._asks(rule, said):
                        self._say(name, alias, said)
                for parameter, value in setting.parameters.items():
                    said = _Said(value, one, (*path, "parameters", parameter))
                    if self._fits(rule, parameter, said):
                        self._say(name, f"params.{parameter}", said)
                if setting.reason is not None:
                    self.reasons.setdefault(name, setting.reason)

    def configured(self, rule: Rule) -> Rule:
        """A rule with what is agreed on."""
        changed: dict[str, Any] = {}
        if (enabled := self.agreed(rule.id, "enabled")) is not None:
            changed["enabled"] = enabled
        if (severity := self.agreed(rule.id, "severity")) is not None:
            changed |= {"severity": _SEVERITIES[severity], "escalations": ()}
        if (whom := self.agreed(rule.id, "requiresApprovalOf")) is not None:
            changed["requires_approval_of"] = whom
        if (least := self.agreed(rule.id, "minimumApprovals")) is not None:
            changed["minimum_approvals"] = least
        values = {name: value for name in rule.parameters if (value := self.agreed(rule.id, name)) is not None}
        if values:
            plain = {name: [*value] if isinstance(value, tuple) else value for name, value in values.items()}
            changed["parameters"] = {**rule.parameters, **plain}
        return replace(rule, **changed) if changed else rule

    def agreed(self, rule: str, what: str) -> Any:
        """What all say that say anything; None where nobody does or they contradict each other."""
        said = self.said.get((rule, what), [])
        if not said:
            return None
        first, *others = said
        for other in others:
            if other.value != first.value or type(other.value) is not type(first.value):
                about = f"{what.removeprefix('params.')} of {rule}" if rule else what
                message = f"{first.by.key} sets {about} differently; neither counts"
                related = (first.by.place(first.path),)
                self._find(other.by, "policy/settings-conflict", message, "write it in one of the two", other.path, related=related)
                return None
        if rule:
            self.set_by.setdefault(rule, {})[what.removeprefix("params.")] = first.by.key
        return first.value

    def approvers(self) -> tuple[Approver, ...] | None:
        """Everybody whom some document names. Of one who is named with different keys in two, only the keys that both name count."""
        found: dict[str, tuple[Approver, PolicyDeclared, _Path]] = {}
        for one in self.settings:
            for number, approver in enumerate(_spec(one).approvers):
                path: _Path = ("spec", "approvers", number)
                if approver.name not in found:
                    found[approver.name] = (approver, one, path)
                    continue
                before, by, earlier = found[approver.name]
                if before.keys != approver.keys:
                    message = f"{by.key} names other keys of {approver.name!r}; only those count that both name"
                    related = (by.place(earlier),)
                    self._find(one, "policy/settings-conflict", message, "write the approver in one of the two", path, related=related)
                    both = tuple(key for key in before.keys if key in approver.keys)
                    found[approver.name] = (before.model_copy(update={"keys": both}), by, earlier)
        return tuple(approver for approver, _, _ in found.values()) or None

    def strongest_means(self) -> str | None:
        """What the documents ask of an approval; where they differ, the most that any asks."""
        agreed: str | None = self.agreed("", "approvals")
        return agreed or max((one.value for one in self.said.get(("", "approvals"), [])), key=lambda word: Means(word).rank, default=None)

    def _say(self, rule: str, what: str, said: _Said) -> None:
        self.said.setdefault((rule, what), []).append(said)

    def _asks(self, rule: Rule, said: _Said) -> bool:
        """Whether the rule can ask for approval."""
        if rule.subject in PLAN_SUBJECTS:
            return True
        message = f"{rule.id} judges what is declared, which a Waiver accepts; only rules over changes and plans ask for approval"
        self._find(said.by, "policy/parameter-value", message, "remove it", said.path)
        return False

    def _fits(self, rule: Rule, name: str, said: _Said) -> bool:
        """Whether the rule has the parameter, and it can have the value."""
        default = rule.parameters.get(f"params.{name}")
        if default is None:
            known = [full.removeprefix("params.") for full in rule.parameters]
            hint = did_you_mean(name, known) or (f"it has {', '.join(known)}" if known else "it has no parameters")
            self._find(said.by, "policy/unknown-parameter", f"{rule.id} has no parameter {name!r}", hint, said.path)
            return False
        wanted, given = _type(default), _type(said.value)
        if wanted != given:
            message = f"{name} of {rule.id} is {wanted}, this is {given}"
            self._find(said.by, "policy/parameter-value", message, f"write {wanted}, such as {_shown(default)}", said.path)
            return False
        limit = self.limits.get(rule.id, {}).get(name)
        if limit is not None and not limit.holds(said.value):
            message = f"{name} of {rule.id} is {said.value}, expected {limit}"
            self._find(said.by, "policy/parameter-value", message, f"write a number {limit}", said.path)
            return False
        return True

    def _find(self, one: PolicyDeclared, rule: str, message: str, hint: str, path: _Path, *, related: Any = ()) -> None:
        self.findings.append(
            Finding(
                rule=rule,
                severity=Severity.ERROR,
                message=message,
                hint=hint,
                position=one.place(path),
                path=".".join(str(part) for part in path),
                resource=one.key,
                related=related,
            )
        )


def _spec(one: PolicyDeclared) -> PolicySettingsSpec:
    return cast("PolicySettingsSpec", one.document.spec)


_TYPES: Final = {bool: "true or false", int: "a whole number", str: "text", list: "a list", tuple: "a list"}


def _type(value: object) -> str:
    return _TYPES[type(value)]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, (list, tuple)) else str(value)
