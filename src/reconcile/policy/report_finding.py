"""A finding of a rule: words with the object's values, and the line they were written in. Pure."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from reconcile.desired.organization_defaults import DEFAULTS
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.resource import Resource
from reconcile.policy import cel
from reconcile.policy.message import shown
from reconcile.policy.rule import Expression, Rule
from reconcile.policy.variables import PREFIXES, vocabulary
from reconcile.policy.world import MISSING, World, plain

_OTHER = {"name": "metadata.name", "labels": "metadata.labels", "lifecycle": "management.lifecycle"}
_KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}


class Reporter:
    """Makes the findings of one evaluation."""

    def __init__(self, world: World, today: datetime) -> None:
        self._world = world
        self._today = today
        self._places: dict[tuple[Key, str], Position] = {}

    def finding(self, rule: Rule, subject: str, one: Resource) -> Finding:
        """Of a rule that does not hold for an object."""
        position, path = self._marked(rule, one)
        values = {name: self._value(rule, subject, one, name) for name in rule.reads}
        return Finding(
            rule=rule.id,
            severity=rule.severity_at(self._today),
            message="".join(part if isinstance(part, str) else self._said(part, rule, subject, one) for part in rule.message),
            hint=rule.hint,
            position=position,
            path=path,
            resource=one.key,
            cause=self._key(rule.cause, one) if rule.cause else None,
            values=tuple((name, shown(value)) for name, value in values.items()),
        )

    def _said(self, part: Expression, rule: Rule, subject: str, one: Resource) -> str:
        text = part.text.strip()
        names = part.program.reads
        values = {name: self._value(rule, subject, one, name) for name in names}
        if MISSING in values.values():
            return "(not known)"
        if names == (text,):
            return shown(values[text])
        variables = vocabulary(subject)
        answer = _loaded(part.program.code)({name: plain(variables.get(name), value) for name, value in values.items()})
        return "(not known)" if isinstance(answer, cel.Failed) else shown(answer)

    def _value(self, rule: Rule, subject: str, one: Resource, name: str) -> Any:
        if name == "today":
            return cel.moment(self._today)
        if name in rule.parameters:
            return rule.parameters[name]
        return self._world.column(subject, name, [one])[0]

    def _marked(self, rule: Rule, one: Resource) -> tuple[Position, str]:
        for name in rule.at:
            prefix, _, key = name.partition(".")
            whose = self._key(prefix, one)
            resource = self._world.desired.resources.get(whose) if whose is not None else None
            if resource is None:
                continue
            if key in _OTHER:
                path = _OTHER[key]
                return self._place(resource.key, path), path
            if self._written(resource, key):
                return self._place(resource.key, key), f"spec.{key}"
        return self._place(one.key, ""), ""

    def _written(self, resource: Resource, key: str) -> bool:
        if key in resource.spec or any(path.startswith(f"{key}.") for path in resource.spec):
            return True
        given = resource.key.kind == "Mailbox" and key in DEFAULTS
        organization = self._world.single("Organization") if given else None
        return organization is not None and organization.get(f"defaults.{key}") is not None

    def _place(self, key: Key, path: str) -> Position:
        found = self._places.get((key, path))
        if found is None:
            found = self._places[key, path] = self._world.desired.locate(key, path)
        return found

    def _key(self, prefix: str, one: Resource) -> Key | None:
        kind = _KINDS.get(prefix)
        if kind == one.key.kind:
            return one.key
        if kind == "EmailServerProfile":
            name = self._world.column("Mailbox", "mailbox.profile", [one])[0] if one.key.kind == "Mailbox" else None
            return Key(kind, name) if name else None
        return next((key for key in self._world.desired.resources if key.kind == kind), None) if kind else None


def rule_failed(rule: Rule, one: Resource, why: str) -> Finding:
    """Of a rule that could not be judged; said once, with the first object it failed on."""
    return Finding(
        rule="policy/rule-failed",
        severity=Severity.ERROR,
        message=f"the rule {rule.id} cannot be judged for {one.key}: {why}",
        hint="mend the rule, so that it comes to true or false for every object (compare with null first), or switch it off",
        position=rule.position,
        path="spec.assert",
        resource=Key("PolicyRule", rule.id),
        related=(one.position,),
    )


@lru_cache(maxsize=1024)
def _loaded(code: bytes) -> cel.Run:
    return cel.load(code)
