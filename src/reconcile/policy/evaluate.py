"""Rules over a desired state: findings. Pure; the clock for time budgets is passed in.

Rules that read the same variables form a group. Objects that agree in all of them are judged once: ten thousand mailboxes come in few
combinations once name and address are left out. Lines are looked for only where something was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from itertools import compress
from typing import Any, Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding
from reconcile.model.resource import DesiredState
from reconcile.policy import cel
from reconcile.policy.budget import Budget
from reconcile.policy.report_finding import Reporter
from reconcile.policy.rule import Rule, RuleBook
from reconcile.policy.variable import PREFIXES
from reconcile.policy.view import Tells, View
from reconcile.policy.world import MISSING, Columns, World, plain
from reconcile.policy.worlds import Worlds

#: Objects that are looked at together; bounds the memory that columns take.
CHUNK: Final = 5_000
#: Combinations of values that are remembered from one chunk to the next.
_REMEMBERED: Final = 50_000


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
    worlds: Worlds | None = None,
    clock: Callable[[], float],
) -> Evaluation:
    """What the rules of the book find. `others` gives the other environments of the estate, and is called when a rule needs them;
    whoever judges several environments shares `worlds` among them. `clock` gives seconds that pass while this process works. Raises
    nothing for bad rules: one that fails is a finding about itself."""
    rules = [rule for rule in book if rule.subject in PREFIXES and rule.holds(today)]
    if not rules:
        return Evaluation()
    views = worlds or Worlds()
    world = World(desired, others=lambda: views.of(others()))
    return evaluate_view(rules, world, PREFIXES, Reporter(world, today), today=today, clock=clock)


def evaluate_view(
    rules: Sequence[Rule], world: View, subjects: Iterable[str], reporter: Tells, *, today: datetime, clock: Callable[[], float]
) -> Evaluation:
    """The same over whatever can be seen. `rules` hold today."""
    budget = Budget(clock)
    findings: list[Finding] = []
    judged: dict[str, int] = {}
    for subject in subjects:
        objects = world.objects(subject)
        groups = (
            [_Group(world, subject, reads, group, today, budget) for reads, group in _groups(rules, subject).items()] if objects else []
        )
        failed: set[str] = set()
        for rule, one, why in _found(groups, world, subject, objects):
            if why is None:
                findings.append(reporter.finding(rule, subject, one))
            elif rule.id not in failed:
                failed.add(rule.id)
                findings.append(reporter.failed(rule, one, why))
        judged.update((rule.id, group.judged) for group in groups for rule in group.rules)
    return Evaluation(findings=tuple(sorted(set(findings), key=_order)), judged=judged)


def _found(groups: Sequence[_Group], world: View, subject: str, objects: Sequence[Any]) -> Iterator[_Found]:
    """What does not hold, or failed. Of objects that agree in what a group reads it looks at one."""
    alike = {group: some for group in groups if (some := world.alike(subject, group.columns)) is not None}
    for some in {id(one): one for one in alike.values()}.values():
        for start in range(0, len(some.first), CHUNK):
            columns = Columns(world, subject, some.first[start : start + CHUNK])
            times = some.times[start : start + CHUNK]
            for rule, one, why in (found for group in alike for found in group.judge(columns, times)):
                yield from ((rule, each, why) for each in some.of(one))
    alone = [group for group in groups if group not in alike]
    for start in range(0, len(objects) if alone else 0, CHUNK):
        columns = Columns(world, subject, objects[start : start + CHUNK])
        for group in alone:
            yield from group.judge(columns)


def _order(finding: Finding) -> tuple[Any, ...]:
    return (*finding.sort_key(), str(finding.resource))


def _groups(rules: Sequence[Rule], subject: str) -> dict[tuple[str, ...], list[Rule]]:
    """What a rule reads of the objects (`NAME?` where it only asks whether it is null) → the rules over the kind that read just that."""
    groups: dict[tuple[str, ...], list[Rule]] = {}
    for rule in rules:
        if rule.subject == subject:
            asked = rule.verdict.asked
            reads = tuple(
                f"{name}?" if name in asked else name for name in rule.reads if name != "today" and not name.startswith("params.")
            )
            groups.setdefault(reads, []).append(rule)
    return groups


_Key = tuple[Any, ...]
#: Rule, object, and None or the reason why the rule failed on it.
_Found = tuple[Rule, Any, str | None]
#: Rules that do not hold, with why where one failed; None where something that they read is not known.
_Outcome = tuple[tuple[Rule, str | None], ...] | None


class _Group:
    """Rules over one kind that read the same variables; `judged` counts the objects they said yes or no about."""

    def __init__(self, world: View, subject: str, reads: Sequence[str], rules: list[Rule], today: datetime, budget: Budget) -> None:
        self.rules = rules
        self.judged = 0
        self._budget = budget
        self._subject = subject
        first = Columns(world, subject, world.objects(subject)[:1])
        constants = {name: first[name][0] for name in reads if world.constant(subject, name)}
        self._unknown = MISSING in constants.values()
        #: What it reads that is not the same for all.
        self.columns = [name for name in reads if name not in constants]
        self._names = [name.removesuffix("?") for name in self.columns]
        self._around = {name.removesuffix("?"): plain(subject, name, value) for name, value in constants.items()}
        self._around["today"] = cel.moment(today)
        self._known: dict[_Key, _Outcome] = {}

    def judge(self, columns: Columns, times: Sequence[int] = ()) -> Iterator[_Found]:
        """What does not hold, or failed. `times`: how many each object stands for, where not for itself alone."""
        if self._unknown:
            return
        known = self._known
        if len(known) > _REMEMBERED:
            known.clear()
        values = [columns[name] for name in self.columns]
        keys: list[_Key] = [*zip(*values, strict=True)] if values else [()] * len(columns.objects)
        fresh = [*(dict.fromkeys(keys).keys() - known.keys())]
        if fresh:
            known.update(self._outcomes(fresh))
        outcomes = [*map(known.__getitem__, keys)]
        if times:
            self.judged += sum(compress(times, (outcome is not None for outcome in outcomes)))
        else:
            self.judged += len(keys) - outcomes.count(None)
        if any(outcomes):
            for one, outcome in zip(columns.objects, outcomes, strict=True):
                for rule, why in outcome or ():
                    yield rule, one, why

    def _outcomes(self, keys: Sequence[_Key]) -> dict[_Key, _Outcome]:
        usable = [key for key in keys if MISSING not in key]
        tables = [self._table(key) for key in usable]
        found: dict[_Key, tuple[tuple[Rule, str | None], ...]] = {}
        for rule in self.rules:
            if self._budget.spent(rule):
                continue
            with_own = [{**table, **rule.parameters} for table in tables] if rule.parameters else tables
            # A rule that takes too long gives up before the end.
            for key, answer in zip(usable, self._budget.run(rule, cel.load(rule.verdict.code), with_own), strict=False):
                if answer is not True:
                    found[key] = (*found.get(key, ()), (rule, None if answer is False else _why(answer)))
        outcomes: dict[_Key, _Outcome] = dict.fromkeys(keys)
        outcomes.update((key, found.get(key, ())) for key in usable)
        return outcomes

    def _table(self, key: _Key) -> dict[str, Any]:
        table = dict(self._around)
        for name, value in zip(self._names, key, strict=True):
            table[name] = plain(self._subject, name, value) if type(value) is tuple else value
        return table


def _why(answer: object) -> str:
    if isinstance(answer, cel.Failed):
        return answer.why
    return "it comes to null, which is neither true nor false" if answer is None else "it comes to something that is neither true nor false"
