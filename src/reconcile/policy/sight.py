"""What a rule sees in an example, and what it finds there. Pure; the clock for time budgets is passed in.

One function a subject. Rules over changes and plans look at two states; until there is a function for them they are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconcile.model.finding import Finding
from reconcile.model.policy_rule import RuleExample
from reconcile.policy.evaluate import evaluate
from reconcile.policy.example import Example, read_example
from reconcile.policy.rule import Rule, RuleBook
from reconcile.policy.tables import tables
from reconcile.policy.variables import PREFIXES
from reconcile.policy.world import MISSING, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What trying rules takes beside documents. `clock` gives seconds that pass while this process works."""

    clock: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`findings` of the rule, or about it; `objects` are the values it read, of each object about which it said yes or no."""

    findings: tuple[Finding, ...]
    objects: tuple[Mapping[str, object], ...]


#: Looks at what was read of an example, once for the rule and once for each mutant of it.
Look = Callable[[Rule], Seen]


def look_at(subject: str, example: RuleExample, around: Around) -> Look | str:
    """How a rule over `subject` looks at an example, or why it cannot (in words)."""
    if subject not in PREFIXES:
        return f"examples of rules over {subject} cannot be tested in this version"
    found = read_example(example)
    if isinstance(found, str):
        return found
    return _State(found, around)


@dataclass(frozen=True, slots=True)
class _State:
    """An example of a rule over one desired state."""

    example: Example
    around: Around

    def __call__(self, rule: Rule) -> Seen:
        example, around = self.example, self.around
        found = evaluate(
            RuleBook(rules=(rule,)),
            example.desired,
            today=example.today,
            others=lambda: example.others,
            clock=around.clock,
        )
        return Seen(findings=found.findings, objects=tuple(self._objects(rule)))

    def _objects(self, rule: Rule) -> list[Mapping[str, object]]:
        if not rule.holds(self.example.today):
            return []
        others = [World(other) for other in self.example.others]
        world = World(self.example.desired, others=lambda: others)
        found = tables(world, rule, world.objects(rule.subject), self.example.today)
        return [one for one in found if MISSING not in one.values()]
