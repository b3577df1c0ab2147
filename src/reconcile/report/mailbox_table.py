"""Mailboxes that are taken over as a table: one CSV file, and the MailboxList that says what its columns give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from reconcile.model.canonical import Leaf
from reconcile.model.key import API_VERSION
from reconcile.plan.takeover.declare import Draft
from reconcile.report.csv_text import csv_octets
from reconcile.report.document_text import in_order, literal
from reconcile.report.yaml_text import comment, is_visible, scalar

_NAME = "metadata.name"
#: What a spreadsheet would run as a formula, so that it would have to be written as something else than it is.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: Words on what was not written; beyond these only their number is told.
_REMARKS = 20


def fits_a_cell(draft: Draft) -> bool:
    """Whether a table keeps every value as it is, also when a spreadsheet has opened and saved it."""
    return all(_fits(leaf) for leaf in draft.spec.values())


def table_octets(drafts: Sequence[Draft]) -> bytes:
    """The CSV file: a column for the slug and for every field that one of the mailboxes has, named as the field."""
    paths = _paths(drafts)
    rows = ([draft.key.name, *(_cell(draft.spec.get(path)) for path in paths)] for draft in drafts)
    return csv_octets([_NAME, *paths], rows)


def list_text(name: str, file: str, drafts: Sequence[Draft], *, origin: str) -> str:
    """The document beside it. `file` is relative to its folder."""
    lines = [comment(f"From {origin}. Fields with their default are not written."), f"apiVersion: {API_VERSION}", "kind: MailboxList"]
    lines += [f"metadata:\n  name: {scalar(name)}\nspec:\n  file: {scalar(file)}\n  columns:"]
    lines += [f"    {scalar(path)}: {scalar(path)}" for path in (_NAME, *_paths(drafts))]
    lines += [f"  {comment(words)}" for words in _remarks(drafts)]
    return "\n".join(lines) + "\n"


def _paths(drafts: Sequence[Draft]) -> list[str]:
    used = {path for draft in drafts for path in draft.spec}
    return [path for path, _ in in_order("Mailbox", dict.fromkeys(used))]


def _remarks(drafts: Sequence[Draft]) -> Iterator[str]:
    counted = Counter(remark for draft in drafts for remark in draft.remarks)
    for remark, number in counted.most_common(_REMARKS):
        yield f"{number:,} of these: {remark}"
    if len(counted) > _REMARKS:
        yield f"and {len(counted) - _REMARKS:,} more remarks; `reconcile import --layout grouped` writes each beside its mailbox"


def _fits(leaf: Leaf) -> bool:
    if isinstance(leaf, tuple):
        return bool(leaf) and all(_fits(item) and "|" not in item and item == item.strip() for item in leaf)
    if isinstance(leaf, str):
        return bool(leaf) and not leaf.lstrip().startswith(_FORMULA) and is_visible(leaf)
    return leaf is not None


def _cell(leaf: Leaf) -> object:
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return literal("|".join(leaf) if isinstance(leaf, tuple) else leaf) if isinstance(leaf, (str, tuple)) else leaf
