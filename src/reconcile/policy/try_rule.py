"""The examples of a rule as its tests, and what they leave untried. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Final, NamedTuple

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.policy_rule import PolicyRule, PolicyRuleSpec, RuleExample
from reconcile.policy import cel
from reconcile.policy.example import FILE
from reconcile.policy.operands import operands
from reconcile.policy.rule import Rule
from reconcile.policy.sight import Around, Look, Seen, look_at
from reconcile.policy.tables import answers
from reconcile.policy.worded import NOT_KNOWN

_Path = tuple[str | int, ...]
_MANY: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """`failures` are findings at the examples that went wrong, `gaps` at what no example tries; `good` and `bad` count examples."""

    rule: str
    good: int
    bad: int
    failures: tuple[Finding, ...]
    gaps: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.failures and not self.gaps


class _Case(NamedTuple):
    """One example. `path` is where it stands in the rule."""

    good: bool
    path: _Path
    example: RuleExample
    look: Look | str

    @property
    def called(self) -> str:
        kind, number = "good" if self.good else "bad", int(self.path[-1]) + 1
        return f"{kind} example {number}" + (f" ({self.example.name})" if self.example.name else "")


@dataclass(slots=True)
class Trial:
    """The examples of one rule, read once and looked at as often as wanted."""

    declared: PolicyDeclared
    around: Around
    spec: PolicyRuleSpec = field(init=False)
    cases: Sequence[_Case] = field(init=False)

    def __post_init__(self) -> None:
        assert isinstance(self.declared.document, PolicyRule)
        self.spec = self.declared.document.spec
        examples = self.spec.examples
        self.cases = [
            _Case(good, ("spec", "examples", "good" if good else "bad", number), one, look_at(self.spec.applies_to, one, self.around))
            for good, ones in ((True, examples.good), (False, examples.bad))
            for number, one in enumerate(ones)
        ]

    def count(self, *, good: bool) -> int:
        """How many examples there are."""
        return sum(case.good is good for case in self.cases)

    def run(self, rule: Rule) -> Tried:
        """`rule` is what the document became, or a mutant of it."""
        rule = replace(rule, enabled=True)
        failures: list[Finding] = []
        objects: list[Mapping[str, object]] = []
        for case in self.cases:
            seen = self._seen(case, rule)
            if isinstance(seen, str):
                failures.append(self._failure(f"the {case.called} cannot be looked at: {seen}", "mend the example", case.path))
                continue
            objects += seen.objects
            failures += self._judged(case, rule, seen)
        for word in ("good", "bad"):
            if not self.count(good=word == "good"):
                failures.append(self._failure(f"the rule has no {word} example", f"write one under examples.{word}", ("spec", "examples")))
        gaps = () if failures else tuple(self._gaps(rule, objects))
        return Tried(rule=rule.id, good=len(self.spec.examples.good), bad=len(self.spec.examples.bad), failures=tuple(failures), gaps=gaps)

    def _seen(self, case: _Case, rule: Rule) -> Seen | str:
        if isinstance(case.look, str):
            return case.look
        given = case.example.parameters
        own = {f"params.{name}": [*value] if isinstance(value, tuple) else value for name, value in given.items()}
        for name, value in own.items():
            known = rule.parameters.get(name)
            if known is None or type(known) is not type(value):
                return f"the rule has no parameter {name.removeprefix('params.')} that could be {value!r}"
        return case.look(replace(rule, parameters={**rule.parameters, **own}) if own else rule)

    def _judged(self, case: _Case, rule: Rule, seen: Seen) -> Iterator[Finding]:
        mine = [one for one in seen.findings if one.rule == rule.id]
        broken = [one for one in seen.findings if one.rule != rule.id]
        if broken:
            yield self._failure(f"the {case.called}: {broken[0].message}", broken[0].hint, case.path)
        elif case.good and mine:
            first = mine[0]
            message = f"the {case.called} has a finding at {_at(first)}: {first.message}"
            yield self._failure(message, "mend the example or the rule", case.path)
        elif not case.good and not mine:
            yield self._failure(f"the {case.called} has no finding of the rule", "mend the example or the rule", case.path)
        elif not case.good:
            file, line = case.example.file or FILE, case.example.line
            if line is None:
                message = f"the {case.called} does not say on which line its finding is"
                yield self._failure(message, f"write line: {mine[0].position.line}, if {_at(mine[0])} is what you mean", case.path)
            elif not any(one.position.file == file and one.position.line == line for one in mine):
                found = ", ".join(sorted({_at(one) for one in mine}))
                message = f"the {case.called} has its finding at {found}, expected {file}:{line}"
                yield self._failure(message, "correct the line, or what the rule marks (at)", (*case.path, "line"))
            if unsaid := next((one.message for one in mine if NOT_KNOWN in one.message), ""):
                message = f"the {case.called} has a message with a part that cannot be worked out: {unsaid}"
                yield self._failure(
                    message, "mend the expression in braces: it fails, or reads what is not known there", ("spec", "message")
                )

    def _gaps(self, rule: Rule, objects: Sequence[Mapping[str, object]]) -> Iterator[Finding]:
        """What of match and assert no example tries."""
        matched = list(objects)
        if rule.match is not None and rule.match.text.strip() != "true":
            taken = [cel.load(rule.match.program.code)(one) for one in objects]
            matched = [one for one, answer in zip(objects, taken, strict=True) if answer is True]
            for wanted, words in (
                (True, "no example has an object that match takes"),
                (False, "no example has an object that match leaves out"),
            ):
                if wanted not in taken:
                    yield self.gap(words, "add one, or remove match if it takes everything", ("spec", "match"))
        found = operands(rule.assert_.text)
        if len(found.texts) < 2:
            return
        answers_of = [answers(rule, text, matched) for text in found.texts]
        deciding = found.operator == "||"
        for number, text in enumerate(found.texts):
            alone = any(
                answers_of[number][place] is deciding
                and all(answers_of[other][place] is not deciding for other in range(len(found.texts)) if other != number)
                for place in range(len(matched))
            )
            if not alone:
                why = "is true while the others are not" if deciding else "is false while the others are true"
                shown = " ".join(text.split())
                message = f"no example has an object of which `{shown[:_MANY]}` alone {why}"
                kind = "good" if deciding else "bad"
                yield self.gap(message, f"add a {kind} example that rests on it, or remove it", ("spec", "assert"))

    def _failure(self, message: str, hint: str, path: _Path) -> Finding:
        return self._finding("policy/example", message, hint, path)

    def gap(self, message: str, hint: str, path: _Path) -> Finding:
        """A finding about what no example tries."""
        return self._finding("policy/untried", message, hint, path)

    def _finding(self, rule: str, message: str, hint: str, path: _Path) -> Finding:
        return Finding(
            rule=rule,
            severity=Severity.ERROR,
            message=message,
            hint=hint,
            position=self.declared.place(path),
            path=".".join(map(str, path)),
            resource=self.declared.key,
        )


def _at(finding: Finding) -> str:
    return f"{finding.position.file}:{finding.position.line}"
