"""The values that a rule reads of each of some objects, and what parts of its expressions come to on them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reconcile.policy import cel
from reconcile.policy.compile import parameter_variable
from reconcile.policy.rule import Rule
from reconcile.policy.variables import vocabulary
from reconcile.policy.view import View
from reconcile.policy.world import plain

#: Name of a variable → value; MISSING where it is not known.
Table = Mapping[str, Any]


def tables(world: View, rule: Rule, objects: Sequence[Any], today: datetime) -> list[Table]:
    """For each object what match and assert read of it; plain values, as expressions take them."""
    fixed = {**rule.parameters, "today": cel.moment(today)}
    read = [name for name in rule.reads if name not in fixed]
    columns = [world.column(rule.subject, name, objects) for name in read]
    rows = zip(*columns, strict=True) if columns else [()] * len(objects)
    given = {name: value for name, value in fixed.items() if name in rule.reads}
    return [{**given, **{name: plain(rule.subject, name, value) for name, value in zip(read, row, strict=True)}} for row in rows]


def answers(rule: Rule, text: str, of: Sequence[Table]) -> list[object]:
    """What a part of one of the rule's expressions comes to on each table: true, false, or `cel.Failed`."""
    variables = {**vocabulary(rule.subject), **{name: parameter_variable(name, value) for name, value in rule.parameters.items()}}
    program = cel.check(text, variables, boolean=True)
    if isinstance(program, list):
        return [cel.Failed(program[0].message)] * len(of)
    run = cel.load(program.code)
    return [run(one) for one in of]
