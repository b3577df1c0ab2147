"""Rules over a desired state: findings. Pure; the clock for time budgets is passed in.

Rules that read the same variables form a group. Objects that agree in all of them are judged once: ten thousand mailboxes come in few
combinations once name and address are left out. Lines are looked for only where something was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from reconcile.model.finding import Finding
from reconcile.model.resource import DesiredState, Resource
from reconcile.policy import cel
from reconcile.policy.budget import Budget
from reconcile.policy.report_finding import Reporter, rule_failed
from reconcile.policy.rule import Rule, RuleBook
from reconcile.policy.variables import PREFIXES, Variable, vocabulary
from reconcile.policy.world import MISSING, World, plain

#: Objects that are looked at together; bounds the memory that columns take.
CHUNK: Final = 5_000
#: Combinations that are remembered from one chunk to the next.
_REMEMBERED: Final = 50_000
_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """`findings` in the order of printing. `judged` counts, by rule, the objects that it said yes or no about; objects of which it reads
    something that nobody knows are not among them."""

    findings: tuple[Finding, ...] = ()
    judged: Mapping[str, int] = field(default_factory=dict)


def evaluate(
    book: RuleBook,
    desired: DesiredState,
    *,
    today: datetime,
    others: Callable[[], Iterable[DesiredState]] = tuple,
    providers: Mapping[str, Any] = _NOTHING,
    clock: Callable[[], float],
) -> Evaluation:
    """What the rules of the book find. `others` gives the other environments of the estate, and is called when a rule
    needs them; `providers` is the catalogue by id, `clock` gives seconds
    that pass while this process works. Raises nothing for bad rules: one that fails is a finding about itself."""
    rules = [rule for rule in book if rule.subject in PREFIXES and rule.holds(today)]
    if not rules:
        return Evaluation()
    world = World(desired, others=lambda: [World(other) for other in others()], providers=providers)
    reporter = Reporter(world, today)
    findings: list[Finding] = []
    judged: dict[str, int] = {}
    for subject in PREFIXES:
        over = [rule for rule in rules if rule.subject == subject]
        objects = world.objects(subject)
        for group in _groups(over) if objects else ():
            judging = _Judging(world, subject, group, today, Budget(clock))
            found = [*judging.all(objects)]
            failed: set[str] = set()
            for rule, one, why in found:
                if why is None:
                    findings.append(reporter.finding(rule, subject, one))
                elif rule.id not in failed:
                    failed.add(rule.id)
                    findings.append(rule_failed(rule, one, why))
            judged.update(judging.judged)
    return Evaluation(findings=tuple(sorted(set(findings), key=_order)), judged=judged)


def _order(finding: Finding) -> tuple[Any, ...]:
    return (*finding.sort_key(), str(finding.resource))


def _groups(rules: Sequence[Rule]) -> list[list[Rule]]:
    groups: dict[tuple[str, ...], list[Rule]] = {}
    for rule in rules:
        groups.setdefault(_varying(rule), []).append(rule)
    return [*groups.values()]


def _varying(rule: Rule) -> tuple[str, ...]:
    return tuple(name for name in rule.reads if name != "today" and not name.startswith("params."))


@dataclass(slots=True)
class _Judging:
    """One group of rules over the objects of one kind."""

    world: World
    subject: str
    rules: list[Rule]
    today: datetime
    budget: Budget
    judged: dict[str, int] = field(default_factory=dict)

    def all(self, objects: Sequence[Resource]) -> Iterator[tuple[Rule, Resource, str | None]]:
        """(rule, object, None) for what does not hold, or with the reason why the rule failed on it."""
        world, subject = self.world, self.subject
        reads = _varying(self.rules[0])
        constants = {name: world.column(subject, name, objects[:1])[0] for name in reads if world.constant(subject, name)}
        if MISSING in constants.values():
            return
        names = [name for name in reads if name not in constants]
        self.judged = {rule.id: 0 for rule in self.rules}
        known: dict[tuple[Any, ...], tuple[tuple[Rule, str | None], ...] | None] = {}
        for start in range(0, len(objects), CHUNK):
            chunk = objects[start : start + CHUNK]
            columns = [world.column(subject, name, chunk) for name in names]
            keys = [*zip(*columns, strict=True)] if columns else [()] * len(chunk)
            fresh = [*(dict.fromkeys(keys).keys() - known.keys())] if known else [*dict.fromkeys(keys)]
            outcomes = self._outcomes(names, constants, fresh)
            known.update(outcomes)
            skipped = {key for key, outcome in known.items() if outcome is None} if None in known.values() else ()
            count = len(keys) - (sum(1 for key in keys if key in skipped) if skipped else 0)
            for rule in self.rules:
                self.judged[rule.id] += count
            if any(known.values()):
                for one, key in zip(chunk, keys, strict=True):
                    for rule, why in known[key] or ():
                        yield rule, one, why
            if len(known) > _REMEMBERED:
                known.clear()

    def _outcomes(
        self, names: Sequence[str], constants: Mapping[str, Any], keys: Sequence[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], tuple[tuple[Rule, str | None], ...] | None]:
        """Per combination: None where something is not known, else the rules that do not hold, or failed and why."""
        variables = vocabulary(self.subject)
        usable = [key for key in keys if MISSING not in key]
        around = {name: plain(variables.get(name), value) for name, value in constants.items()}
        around["today"] = cel.moment(self.today)
        tables = [_table(names, key, variables, around) for key in usable]
        found: dict[tuple[Any, ...], list[tuple[Rule, str | None]]] = {}
        for rule in self.rules:
            if self.budget.spent(rule):
                continue
            run = cel.load(rule.verdict.code)
            with_own = [{**table, **rule.parameters} for table in tables] if rule.parameters else tables
            for key, answer in zip(usable, self.budget.run(rule, run, with_own), strict=False):
                if answer is not True:
                    found.setdefault(key, []).append((rule, None if answer is False else _why(answer)))
        outcomes: dict[tuple[Any, ...], tuple[tuple[Rule, str | None], ...] | None] = dict.fromkeys(keys)
        for key in usable:
            outcomes[key] = tuple(found.get(key, ()))
        return outcomes


def _table(names: Sequence[str], key: tuple[Any, ...], variables: Mapping[str, Variable], around: Mapping[str, Any]) -> dict[str, Any]:
    table = dict(around)
    for name, value in zip(names, key, strict=True):
        table[name] = plain(variables.get(name), value) if type(value) is tuple else value
    return table


def _why(answer: object) -> str:
    if isinstance(answer, cel.Failed):
        return answer.why
    return "it comes to null, which is neither true nor false" if answer is None else "it comes to something that is neither true nor false"
