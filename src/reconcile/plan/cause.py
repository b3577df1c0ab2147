"""Why a field differs: three-way between what git wants, what the target shows and what was last applied."""

from __future__ import annotations

from reconcile.model.canonical import Spec, same
from reconcile.model.change import Cause, Moved
from reconcile.model.inventory import InventoryEntry
from reconcile.model.position import Position


def estate_of(source: str, revision: str) -> str:
    """The label of a source without its revision, so that two commits of one repository are one estate."""
    return source.removesuffix(f"@{revision}") if revision else source


def moved(path: str, desired: Spec, observed: Spec, entry: InventoryEntry | None, *, estate: str) -> Moved:
    """Which side moved since the last apply.

    When another estate was applied in between, what it wrote came from outside as seen from here.
    """
    if entry is None or path not in entry.applied:
        return Moved.NEW
    last = entry.applied[path]
    shown_then = entry.answered.get(path, last)
    git = not same(last, desired.get(path))
    outside = not same(shown_then, observed.get(path))
    if git and estate_of(entry.source, entry.revision) != estate:
        return Moved.OUTSIDE
    if git and outside:
        return Moved.BOTH
    return Moved.OUTSIDE if outside else Moved.GIT


def note(entry: InventoryEntry | None, *, estate: str) -> str:
    """Who applied what in between, when it was not this estate."""
    if entry is None or not entry.source or estate_of(entry.source, entry.revision) == estate:
        return ""
    source = estate_of(entry.source, entry.revision) + (f"@{entry.revision[:12]}" if entry.revision else "")
    return f"last applied from {source} at {entry.applied_at}"


def cause(path: str, desired: Spec, observed: Spec, entry: InventoryEntry | None, *, estate: str, position: Position) -> Cause:
    """The cause of one field."""
    side = moved(path, desired, observed, entry, estate=estate)
    return Cause(moved=side, position=position, note=note(entry, estate=estate))
