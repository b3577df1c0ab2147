"""Rules made wrong on purpose: examples that do not notice test nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconcile.model.finding import Finding
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.policy_rule import PolicyRule, PolicyRuleSpec
from reconcile.policy.compile import compile_rules
from reconcile.policy.try_rule import Trial


class Mutant(NamedTuple):
    """`how` says what was done to the rule."""

    how: str
    spec: PolicyRuleSpec


def mutants(spec: PolicyRuleSpec) -> Iterator[Mutant]:
    """Assert negated, match widened to everything and emptied, each number among the parameters one more and one less."""
    # A line break ends a comment.
    yield Mutant("assert negated", spec.model_copy(update={"assert_": f"!({spec.assert_}\n)"}))
    if spec.match is not None:
        if spec.match.strip() != "true":
            yield Mutant("match widened to true", spec.model_copy(update={"match": "true"}))
        yield Mutant("match emptied to false", spec.model_copy(update={"match": "false"}))
    for name, parameter in spec.parameters.items():
        default = parameter.default
        if isinstance(default, int) and not isinstance(default, bool):
            for changed, word in ((default + 1, "up"), (default - 1, "down")):
                moved = {**spec.parameters, name: parameter.model_copy(update={"default": changed})}
                yield Mutant(f"parameter {name} moved {word} to {changed}", spec.model_copy(update={"parameters": moved}))


def survivors(trial: Trial) -> Iterator[str]:
    """What was done to a rule without any of its examples going wrong. `trial` must pass as it is."""
    document = trial.declared.document
    assert isinstance(document, PolicyRule)
    for mutant in mutants(document.spec):
        changed = _declared(trial.declared, document, mutant.spec)
        book, _ = compile_rules([changed])
        rule = book.get(document.metadata.name)
        if rule is not None and not trial.run(rule).failures:
            yield mutant.how


def unnoticed(trial: Trial) -> Iterator[Finding]:
    """The same as findings."""
    for how in survivors(trial):
        yield trial.gap(f"no example notices when the rule is changed: {how}", "add an example that does", ("spec", "examples"))


def _declared(declared: PolicyDeclared, document: PolicyRule, spec: PolicyRuleSpec) -> PolicyDeclared:
    return declared._replace(document=document.model_copy(update={"spec": spec}))
