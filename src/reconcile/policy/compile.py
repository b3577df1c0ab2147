"""From declared rules to a book of rules: every expression checked, every fault a finding at its line and column. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from reconcile.desired.suggest import did_you_mean
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.policy_rule import PolicyRule, PolicyRuleSpec
from reconcile.model.position import Position
from reconcile.policy import cel
from reconcile.policy.expression_place import within
from reconcile.policy.message import parts
from reconcile.policy.plan_facts import countable
from reconcile.policy.rule import Expression, Rule, RuleBook
from reconcile.policy.variable import PREFIXES, Type, Variable
from reconcile.policy.variables import vocabulary

_FIRST_SENTENCE: Final = re.compile(r"(.+?[.!?])(?=\s+[^a-z\s]|\s*$)", re.DOTALL)
_LOOK_UP: Final = "docs/policies/variables.md lists what a rule may read, docs/policies/index.md says how it is written"
_SEVERITIES: Final = {"error": Severity.ERROR, "warning": Severity.WARNING, "information": Severity.INFORMATION}


def compile_rules(declared: Iterable[PolicyDeclared]) -> tuple[RuleBook, tuple[Finding, ...]]:
    """The rules among the documents, and what is wrong with those that cannot be used. Never raises for bad input."""
    rules: dict[str, Rule] = {}
    findings: list[Finding] = []
    for one in declared:
        if isinstance(one.document, PolicyRule):
            work = _Work(one, one.document.spec)
            rule = work.rule(one.document.metadata.name)
            findings += work.findings
            if rule is not None:
                rules[rule.id] = rule
    ordered = tuple(sorted(findings, key=Finding.sort_key))
    return RuleBook(rules=tuple(rules[name] for name in sorted(rules))), ordered


def severity(word: str) -> Severity:
    """The severity that a document calls so."""
    return _SEVERITIES[word]


@dataclass(slots=True)
class _Work:
    declared: PolicyDeclared
    spec: PolicyRuleSpec
    findings: list[Finding] = field(default_factory=list)

    def rule(self, name: str) -> Rule | None:
        spec = self.spec
        parameters = {f"params.{key}": _plain(one.default) for key, one in spec.parameters.items()}
        variables = {**vocabulary(spec.applies_to), **{key: parameter_variable(key, value) for key, value in parameters.items()}}
        match = self._expression(spec.match, variables, ("spec", "match"), boolean=True) if spec.match is not None else None
        assert_ = self._expression(spec.assert_, variables, ("spec", "assert"), boolean=True)
        message = tuple(self._message(variables))
        self._names(variables)
        if self.findings or assert_ is None:
            return None
        together = spec.assert_ if spec.match is None else f"({spec.match}\n) ? ({spec.assert_}\n) : true"
        verdict = cel.check(together, variables, boolean=True)
        if isinstance(verdict, list):
            self._fault(verdict[0], together, ("spec", "assert"))
            return None
        return Rule(
            id=name,
            title=spec.title,
            subject=spec.applies_to,
            severity=severity(spec.severity),
            match=match,
            assert_=assert_,
            verdict=verdict,
            message=message,
            hint=first_sentence(spec.remediation),
            position=self.declared.position,
            reads=verdict.reads,
            at=spec.at,
            cause=spec.cause,
            parameters=parameters,
            valid_from=spec.valid_from,
            valid_until=spec.valid_until,
            escalations=tuple((one.start, severity(one.severity)) for one in spec.escalations),
            tags=spec.tags,
            waivable=spec.waivable,
            enabled=spec.enabled,
            requires_approval_of=spec.requires_approval_of or (),
            minimum_approvals=spec.minimum_approvals,
        )

    def _expression(self, text: str, variables: Mapping[str, Variable], path: tuple[str | int, ...], *, boolean: bool) -> Expression | None:
        checked = cel.check(text, variables, boolean=boolean)
        if not isinstance(checked, list):
            return Expression(text, checked)
        for fault in checked:
            self._fault(fault, text, path)
        return None

    def _message(self, variables: Mapping[str, Variable]) -> Iterator[str | Expression]:
        text = self.spec.message
        for part in parts(text):
            if not part.expression:
                yield part.text
                continue
            if part.unclosed:
                self._fault(
                    cel.Fault(message="{ without }", line=1, column=part.start, hint="write {{ for the character itself"),
                    text,
                    ("spec", "message"),
                )
                continue
            checked = cel.check(part.text, variables, boolean=False)
            if isinstance(checked, list):
                for fault in checked:
                    moved = cel.Fault(message=fault.message, line=1, column=part.start + fault.column, width=fault.width, hint=fault.hint)
                    self._fault(moved, text, ("spec", "message"))
            else:
                yield Expression(part.text, checked)

    def _names(self, variables: Mapping[str, Variable]) -> None:
        """Fields that findings mark, and whose fault it is."""
        for number, name in enumerate(self.spec.at):
            known = "." in name and (name in variables or any(other.startswith(f"{name}.") for other in variables))
            places = countable() if self.spec.applies_to == "Plan" else ()
            if name not in places and (not known or name.partition(".")[0] not in PREFIXES.values()):
                hint = did_you_mean(name, [*places, *(other for other in variables if other.partition(".")[0] in PREFIXES.values())])
                self._say(f"unknown field {name}", hint or "name a field of the subject, or of what it uses", ("spec", "at", number))
        if self.spec.cause == "profile" and self.spec.applies_to not in ("Mailbox", "Change"):
            self._say(f"a rule over {self.spec.applies_to} has no profile that could be the cause", "remove it", ("spec", "cause"))

    def _fault(self, fault: cel.Fault, text: str, path: tuple[str | int, ...]) -> None:
        start = self.declared.place(path)
        data = self.declared.content(start.file)
        self._say(fault.message, fault.hint, path, within(start, str(path[-1]), text, fault, data))

    def _say(self, message: str, hint: str, path: tuple[str | int, ...], position: Position | None = None) -> None:
        self.findings.append(
            Finding(
                rule="policy/expression",
                severity=Severity.ERROR,
                message=message,
                hint=hint or _LOOK_UP,
                position=position or self.declared.place(path),
                path=".".join(str(part) for part in path),
                resource=self.declared.key,
            )
        )


def first_sentence(text: str) -> str:
    """Of several sentences the first, on one line."""
    found = _FIRST_SENTENCE.match(text.strip())
    return " ".join((found[1] if found else text).split())


def _plain(default: Any) -> Any:
    return [*default] if isinstance(default, tuple) else default


def parameter_variable(name: str, default: Any) -> Variable:
    """The variable that a parameter is to expressions; its type is that of its default."""
    match default:
        case bool():
            kind = Type.TRUTH
        case int():
            kind = Type.NUMBER
        case str():
            kind = Type.TEXT
        case _:
            kind = Type.TEXTS
    return Variable(name=name, type=kind)
