"""The effective fields of one resource, for programs."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.desired.effective import EffectiveField
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.model.resource import Resource

FORMAT_VERSION = "1.0"


def render_json(environment: str, resource: Resource, fields: Sequence[EffectiveField], code: ExitCode) -> dict[str, object]:
    """`fields` in the order of paths. `onCreate` tells that the value counts only when the row is made."""
    return {
        "formatVersion": FORMAT_VERSION,
        "environment": environment,
        "key": str(resource.key),
        "position": {"file": resource.position.file, "line": resource.position.line},
        "externalId": resource.external_id,
        "held": None,
        "fields": [_field(one) for one in fields],
        "exit": code.reason,
    }


def held_json(environment: str, key: Key, reason: str, code: ExitCode) -> dict[str, object]:
    """The same for what is held: nobody knows its fields."""
    return {
        "formatVersion": FORMAT_VERSION,
        "environment": environment,
        "key": str(key),
        "position": None,
        "externalId": None,
        "held": reason,
        "fields": [],
        "exit": code.reason,
    }


def _field(one: EffectiveField) -> dict[str, object]:
    place = None if one.position is None else {"file": one.position.file, "line": one.position.line, "column": one.position.column}
    return {
        "path": one.path,
        "value": [*one.value] if isinstance(one.value, tuple) else one.value,
        "origin": str(one.origin),
        "by": None if one.by is None else str(one.by),
        "through": None if one.through is None else str(one.through),
        "position": place,
        "layer": one.layer or None,
        "onCreate": one.origin.on_create,
    }
