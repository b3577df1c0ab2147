"""Findings of rules over a plan: each at the line that causes the change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Final

from reconcile.model.change import Change, Plan, Update
from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.policy.change_facts import causes
from reconcile.policy.plan_facts import PLAN_FACTS
from reconcile.policy.plan_world import PlanWorld
from reconcile.policy.rule import Rule
from reconcile.policy.variable import PREFIXES
from reconcile.policy.worded import rule_failed, worded

_KINDS: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
#: Places of changes that a finding about the whole plan names beside its own.
_RELATED: Final = 5


class PlanReporter:
    """Makes the findings of one evaluation."""

    def __init__(self, world: PlanWorld, today: datetime) -> None:
        self._world = world
        self._today = today
        self._environment = Key("Environment", world.desired.environment)

    def finding(self, rule: Rule, subject: str, one: Change | Plan) -> Finding:
        """Of a rule that does not hold for a change, or for the plan."""
        if isinstance(one, Plan):
            first, *others = self._places(rule)
            return worded(
                rule, subject, one, self._world, self._today, about=self._environment, position=first, related=tuple(others[:_RELATED])
            )
        position, path = self._marked(rule, one)
        cause = self._blamed(rule.cause, one) if rule.cause else None
        return worded(rule, subject, one, self._world, self._today, about=one.key, position=position, path=path, cause=cause)

    def failed(self, rule: Rule, one: Change | Plan, why: str) -> Finding:
        """Of a rule that could not be judged."""
        if isinstance(one, Plan):
            return rule_failed(rule, "the plan", None, why)
        return rule_failed(rule, f"a change of {one.key}", self._place(one), why)

    def _places(self, rule: Rule) -> list[Position]:
        """Where the plan is marked: the first changes of those that the rule counts, else where the environment is declared."""
        for name in rule.at:
            fact = PLAN_FACTS.get(name)
            if fact is None:
                if (position := self._declared(name, self._environment)) is not None:
                    return [position]
            elif fact.keys is not None and (found := [*self._first(fact.keys(self._world.plan))]):
                return found
        return [self._document]

    def _first(self, keys: Iterable[Key]) -> Iterator[Position]:
        seen: dict[Position, None] = {}
        for key in keys:
            change = self._changes.get(key)
            position = _cause(change) if change is not None else None
            if position is not None and position not in seen:
                seen[position] = None
                yield position
                if len(seen) > _RELATED:
                    return

    @cached_property
    def _changes(self) -> dict[Key, Change]:
        return {change.key: change for change in self._world.plan.changes}

    @cached_property
    def _document(self) -> Position:
        """Where the environment is declared."""
        resource = self._world.desired.resources.get(self._environment)
        return resource.position if resource is not None else Position(".")

    def _marked(self, rule: Rule, change: Change) -> tuple[Position, str]:
        """A field that the rule marks and the change touches stands where the change says so; else it is looked up."""
        for name in rule.at:
            prefix, _, path = name.partition(".")
            if _KINDS[prefix] == change.key.kind and isinstance(change, Update):
                touched = next((field.cause.position for field in change.fields if field.path == path), None)
                if touched is not None:
                    return touched, f"spec.{path}"
            whose = self._blamed(prefix, change)
            if whose is not None and (position := self._declared(name, whose)) is not None:
                return position, f"spec.{path}"
        return self._place(change), ""

    def _declared(self, name: str, key: Key) -> Position | None:
        prefix, _, path = name.partition(".")
        resource = self._world.desired.resources.get(key)
        if resource is None or _KINDS.get(prefix) != key.kind or path not in resource.spec:
            return None
        return self._world.desired.locate(key, path)

    def _place(self, change: Change) -> Position:
        return _cause(change) or self._document

    def _blamed(self, prefix: str, change: Change) -> Key | None:
        kind = _KINDS[prefix]
        if kind == change.key.kind:
            return change.key
        if kind == "EmailServerProfile":
            resource = self._world.desired.resources.get(change.key) if change.key.kind == "Mailbox" else None
            name = self._world.around.column("Mailbox", "mailbox.profile", [resource])[0] if resource is not None else None
            return Key(kind, name) if name else None
        return self._environment if kind == "Environment" else self._organization

    @cached_property
    def _organization(self) -> Key | None:
        return next((key for key in self._world.desired.resources if key.kind == "Organization"), None)


def _cause(change: Change) -> Position | None:
    """Where git says what makes the change; None where the document is gone."""
    own = change.position if isinstance(change, Update) else None
    found = next((cause.position for cause in causes(change) if cause.position is not None), own)
    return None if found is None or found.file == "." else found
