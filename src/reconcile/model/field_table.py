"""The table of fields in a kind's page, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model import kinds, policy_kinds
from reconcile.model.key import POLICY_KINDS
from reconcile.model.labels import Label, by_path

BEGIN = "<!-- fields:begin -->"
END = "<!-- fields:end -->"


def field_table(kind: str) -> str:
    """One row a field: path, type, default on create, product column, meaning; and what the product's forms call it."""
    if kind in POLICY_KINDS:
        return _policy_table(kind)
    labels = by_path(kind)
    shown = bool(labels)
    head = [
        "field",
        "type",
        "default on create",
        "product column",
        *(["on the form (English · German · French)"] if shown else []),
        "meaning",
    ]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for info in kinds.fields(kind):
        default = "required" if info.required else info.default or ("–" if info.nullable else "empty")
        column = f"`{info.column}`" if info.column else "–"
        if info.role != "desired":
            column += f" ({info.role})"
        kind_of_value = f"{info.type} or null" if info.nullable else info.type
        form = [_cell(_form(labels.get(info.path, ())))] if shown else []
        rows.append(f"| {' | '.join([f'`{info.path}`', kind_of_value, default, column, *form, _cell(info.description)])} |")
    return "\n".join(rows)


def _policy_table(kind: str) -> str:
    rows = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for info in policy_kinds.fields(kind):
        default = "required" if info.required else info.default or ("–" if info.nullable else "empty")
        rows.append(f"| `{info.path}` | {info.type} | {default} | {_cell(info.description)} |")
    return "\n".join(rows)


def _form(labels: Sequence[Label]) -> str:
    """Every label of the field itself; those of its values are for `explain`."""
    lines = [" · ".join(text or "–" for text in (one.english, one.german, one.french)) for one in labels if not one.value]
    return "<br>".join(lines) or "–"


def with_table(page: str, kind: str) -> str:
    """The page with the table between its markers renewed. Raises ValueError where the markers are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page of {kind} has no markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{field_table(kind)}\n{END}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
