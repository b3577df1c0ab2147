"""Findings of rules over resources, each at the line that it is about. Pure."""

from __future__ import annotations

from datetime import datetime

from reconcile.desired.organization_defaults import DEFAULTS
from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.resource import Resource
from reconcile.policy.rule import Rule
from reconcile.policy.variable import PREFIXES
from reconcile.policy.worded import rule_failed, worded
from reconcile.policy.world import World

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
        cause = self._key(rule.cause, one) if rule.cause else None
        return worded(rule, subject, one, self._world, self._today, about=one.key, position=position, path=path, cause=cause)

    def failed(self, rule: Rule, one: Resource, why: str) -> Finding:
        """Of a rule that could not be judged; said once, with the first object it failed on."""
        return rule_failed(rule, str(one.key), one.position, why)

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
