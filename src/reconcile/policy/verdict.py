"""How a rule came to its verdict about one object. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState
from reconcile.policy import cel
from reconcile.policy.message import shown
from reconcile.policy.operands import operands
from reconcile.policy.rule import Rule
from reconcile.policy.tables import Table, answers, tables
from reconcile.policy.variable import PREFIXES
from reconcile.policy.world import MISSING, World

#: `holds` and `fires` where the rule looks at the object; `passed-over` where match leaves it out; `not-known` where the rule reads what
#: nobody knows; `failed` where it came to neither true nor false; `not-in-force` where it is off or not valid today.
Outcome: TypeAlias = Literal["holds", "fires", "passed-over", "not-known", "failed", "not-in-force"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of match or assert, and what it came to: true, false, or why neither."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`values` are the variables that the rule read, with their text; `match` and `assert_` the operands of each."""

    about: Key
    outcome: Outcome
    values: tuple[tuple[str, str], ...]
    match: tuple[Part, ...] = ()
    assert_: tuple[Part, ...] = ()


def verdict(
    rule: Rule, desired: DesiredState, about: Key, *, today: datetime, others: Callable[[], Iterable[DesiredState]] = tuple
) -> Verdict | None:
    """None where the object is no subject of the rule: of another kind, not there, or somebody else's."""
    world = World(desired, others=lambda: [World(other) for other in others()])
    found = [one for one in world.objects(rule.subject) if one.key == about] if rule.subject in PREFIXES else []
    if not found:
        return None
    (table,) = tables(world, rule, found, today)
    values = tuple((name, "not known" if value is MISSING else shown(value)) for name, value in sorted(table.items()))
    if MISSING in table.values():
        return Verdict(about=about, outcome="not-known", values=values)
    match = _parts(rule, rule.match.text, table) if rule.match is not None else ()
    assert_ = _parts(rule, rule.assert_.text, table)
    return Verdict(about=about, outcome=_outcome(rule, table, today), values=values, match=match, assert_=assert_)


def _outcome(rule: Rule, table: Table, today: datetime) -> Outcome:
    if not rule.holds(today):
        return "not-in-force"
    if rule.match is not None and cel.load(rule.match.program.code)(table) is False:
        return "passed-over"
    answer = cel.load(rule.verdict.code)(table)
    return "holds" if answer is True else "fires" if answer is False else "failed"


def _parts(rule: Rule, text: str, table: Table) -> tuple[Part, ...]:
    return tuple(Part(text=" ".join(one.split()), answer=_words(answers(rule, one, [table])[0])) for one in operands(text).texts)


def _words(answer: object) -> str:
    if isinstance(answer, cel.Failed):
        return answer.why
    return "true" if answer is True else "false" if answer is False else "null"
