"""The effective fields of one resource, for people."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.desired.effective import EffectiveField, Origin
from reconcile.model.canonical import Leaf
from reconcile.model.resource import Resource
from reconcile.report.safe_text import neutral
from reconcile.report.table import table


def render_text(environment: str, resource: Resource, fields: Sequence[EffectiveField], *, fit: int | None) -> str:
    """A heading, a table of fields, and what the last origins mean where they occur. Without a trailing line break."""
    where = f"{resource.position.file}:{resource.position.line}"
    row = f", row {resource.external_id} of the target" if resource.external_id is not None else ""
    rows = [(one.path, _value(one.value), _origin(one), _place(one)) for one in fields]
    lines = [neutral(f"{resource.key} in {environment}   # {where}{row}")]
    lines.append(table(("FIELD", "VALUE", "FROM", "WHERE"), rows, limits=(None, 400, 200, 200), fit=fit, empty="no fields"))
    if any(one.origin.on_create for one in fields):
        lines.append("defaults count when the row is made; after that the field stays as the target has it")
    return "\n".join(lines)


def _value(leaf: Leaf) -> str:
    if leaf is None:
        return "null"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return "[" + ", ".join(leaf) + "]" if isinstance(leaf, tuple) else str(leaf)


def _origin(one: EffectiveField) -> str:
    if one.origin is Origin.PROVIDER and one.by is not None:
        return f"provider {one.by.name}"
    if one.through is not None:
        return f"{one.by}, through {one.through}"
    if one.by is not None:
        return f"{one.by} (default)" if one.origin is Origin.ORGANIZATION else str(one.by)
    return str(one.origin)


def _place(one: EffectiveField) -> str:
    if one.position is None:
        return "shipped" if one.origin is Origin.PROVIDER else ""
    layer = f" (layer {one.layer})" if one.layer else ""
    return f"{one.position.file}:{one.position.line}{layer}"
