"""A document that is taken over, as YAML for people: fields in the order of their page, a word beside or below where one helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import groupby

from reconcile.model import kinds
from reconcile.model.canonical import Leaf
from reconcile.model.key import API_VERSION
from reconcile.plan.takeover.declare import Draft
from reconcile.report.yaml_text import comment, items, paragraphs, scalar


def document_text(draft: Draft, *, origin: str, first: bool = True) -> str:
    """One document, ending with a line break. `origin` says what was read; the `first` of a file says more of it.

    Raises ValueError for text that no file can hold; documents that were checked have none.
    """
    kind = draft.key.kind
    lines = [comment(_head(draft, origin, first))]
    lines += [f"apiVersion: {API_VERSION}", f"kind: {kind}", f"metadata:\n  name: {scalar(draft.key.name)}"]
    if draft.is_external:
        lines.append("management:\n  lifecycle: external")
    ordered = in_order(kind, draft.spec)
    # ${name} stands for a variable everywhere but in an Environment.
    escape = kind != "Environment"
    lines.append("spec:" if ordered else "spec: {}")
    lines += _fields(_with_short_secrets(kind, ordered), 0, "  ", draft.beside, escape)
    lines += [f"  {comment(remark)}" for remark in draft.remarks]
    return "\n".join(lines) + "\n"


def in_order(kind: str, spec: Mapping[str, Leaf]) -> list[tuple[str, Leaf]]:
    """Fields in the order of the model."""
    return sorted(spec.items(), key=lambda item: _place(kind, item[0]))


def literal(text: str) -> str:
    """Text that holds no variable, whatever stands in it."""
    return text.replace("${", "$${") if "${" in text else text


def _head(draft: Draft, origin: str, first: bool) -> str:
    if not draft.external_id:
        return f"What is applied together. Made from {origin}."
    rest = " Fields with their default are not written." if first and not draft.is_external else ""
    return f"From {origin}, row {draft.external_id}.{rest}"


def _fields(fields: list[tuple[str, Leaf]], depth: int, indent: str, beside: Mapping[str, str], escape: bool) -> Iterator[str]:
    """Leaves that share the first part of their path stand together, for they are in the order of the model."""
    for name, group in groupby(fields, key=lambda item: item[0].split(".")[depth]):
        inner = [*group]
        path, leaf = inner[0]
        if len(inner) > 1 or path.count(".") > depth:
            yield f"{indent}{name}:"
            yield from _fields(inner, depth + 1, indent + "  ", beside, escape)
        else:
            word = f"  {comment(beside[path])}" if path in beside else ""
            value = _leaf(leaf, indent, escape)
            gap = "" if value.startswith("\n") else " "
            yield f"{indent}{scalar(name)}:{gap}{value}{word}"


def _leaf(leaf: Leaf, indent: str, escape: bool) -> str:
    if isinstance(leaf, tuple):
        return items(tuple(literal(text) if escape else text for text in leaf), indent)
    if isinstance(leaf, str):
        leaf = literal(leaf) if escape else leaf
        return (paragraphs(leaf, indent) if "\n" in leaf else None) or scalar(leaf)
    return scalar(leaf)


def _with_short_secrets(kind: str, fields: list[tuple[str, Leaf]]) -> list[tuple[str, Leaf]]:
    """`password: env:NAME` where there is nothing but a reference."""
    by_path = dict(fields)
    for path in _secret_paths(kind):
        if f"{path}.ref" in by_path and by_path.get(f"{path}.generation") == 1 and f"{path}.expires" not in by_path:
            fields = [(path if other == f"{path}.ref" else other, leaf) for other, leaf in fields if other != f"{path}.generation"]
    return fields


@lru_cache(maxsize=8)
def _secret_paths(kind: str) -> tuple[str, ...]:
    return kinds.secret_paths(kind)


@lru_cache(maxsize=8)
def _order(kind: str) -> Mapping[str, int]:
    return {info.path: number for number, info in enumerate(kinds.fields(kind))}


def _place(kind: str, path: str) -> tuple[int, str]:
    """Names below a field (of a variable, of a secret) keep to the field."""
    order = _order(kind)
    parent = path
    while parent and parent not in order:
        parent = parent.rpartition(".")[0]
    return order.get(parent, len(order)), path
