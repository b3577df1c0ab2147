"""What was added to and removed from a list, in words for people. DeepDiff costs 0.2 s to import: only when a list differs."""

from __future__ import annotations


def list_change(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(added, removed), each in the order of its own list; an item moved inside the list is neither."""
    from deepdiff import DeepDiff

    changed = DeepDiff(list(before), list(after), ignore_order=True, report_repetition=False, view="tree")
    added = {str(level.t2) for level in changed.get("iterable_item_added", ())}
    removed = {str(level.t1) for level in changed.get("iterable_item_removed", ())}
    for level in changed.get("values_changed", ()):
        added.add(str(level.t2))
        removed.add(str(level.t1))
    return tuple(item for item in after if item in added), tuple(item for item in before if item in removed)
