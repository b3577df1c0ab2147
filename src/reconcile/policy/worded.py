"""The words of a finding of a rule, with the values of what it is about. Pure."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from reconcile.model import instant
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.policy import cel
from reconcile.policy.message import shown
from reconcile.policy.rule import Expression, Rule
from reconcile.policy.variable import Type
from reconcile.policy.variables import variable
from reconcile.policy.view import View
from reconcile.policy.world import MISSING, plain

#: Stands in a message for an expression that has no value.
NOT_KNOWN: Final = "(not known)"

#: Characters of a message; what a rule puts in may be longer than anybody reads, once for each of ten thousand objects.
LONGEST: Final = 2_000


def worded(
    rule: Rule,
    subject: str,
    one: Any,
    world: View,
    today: datetime,
    *,
    about: Key | None,
    position: Position,
    path: str = "",
    cause: Key | None = None,
    related: tuple[Position, ...] = (),
) -> Finding:
    """Of a rule that does not hold for `one`, which is known as `about`."""
    values = {name: _value(rule, subject, one, world, today, name) for name in rule.reads}
    said = (part if isinstance(part, str) else _said(part, rule, subject, one, world, today) for part in rule.message)
    return Finding(
        rule=rule.id,
        severity=rule.severity_at(today),
        message=_cut("".join(said)),
        hint=rule.hint,
        position=position,
        path=path,
        resource=about,
        cause=cause,
        values=tuple((name, shown(plain(subject, name, value))) for name, value in values.items()),
        related=related,
    )


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST else f"{message[:LONGEST]}… ({len(message) - LONGEST} more characters)"


def _said(part: Expression, rule: Rule, subject: str, one: Any, world: View, today: datetime) -> str:
    text = part.text.strip()
    names = part.program.reads
    values = {name: _value(rule, subject, one, world, today, name) for name in names}
    if MISSING in values.values():
        return NOT_KNOWN
    taken = {name: plain(subject, name, value) for name, value in values.items()}
    if names == (text,):
        known = variable(subject, text)
        dated = known is not None and known.type is Type.INSTANT and isinstance(taken[text], str)
        return instant.local(taken[text], _time_zone(subject, one, world)) if dated else shown(taken[text])
    answer = _loaded(part.program.code)(taken)
    return NOT_KNOWN if isinstance(answer, cel.Failed) else shown(answer)


def _time_zone(subject: str, one: Any, world: View) -> str:
    try:
        (name,) = world.column(subject, "environment.timeZone", [one])
    except KeyError:
        return "UTC"
    return name if isinstance(name, str) else "UTC"


def _value(rule: Rule, subject: str, one: Any, world: View, today: datetime, name: str) -> Any:
    if name == "today":
        return cel.moment(today)
    if name in rule.parameters:
        return rule.parameters[name]
    return world.column(subject, name, [one])[0]


def rule_failed(rule: Rule, one: str, place: Position | None, why: str) -> Finding:
    """Of a rule that could not be judged; `one` is the first thing it failed on."""
    return Finding(
        rule="policy/rule-failed",
        severity=Severity.ERROR,
        message=f"the rule {rule.id} cannot be judged for {one}: {why}",
        hint="mend the rule, so that it comes to true or false for every object (compare with null first), or switch it off",
        position=rule.position,
        path="spec.assert",
        resource=Key("PolicyRule", rule.id),
        related=(place,) if place is not None else (),
    )


@lru_cache(maxsize=1024)
def _loaded(code: bytes) -> cel.Run:
    return cel.load(code)
