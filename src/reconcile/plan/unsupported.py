"""Notes on what is declared but cannot be done yet, so that it is seen before it is applied."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.model.change import Note
from reconcile.model.engine_support import not_built
from reconcile.model.resource import DesiredState, Resource


def unsupported_notes(resources: Iterable[Resource], desired: DesiredState) -> list[Note]:
    """One note a field of a kind, with the first place and how many say it: ten thousand mailboxes may share one."""
    found: dict[tuple[str, str], list[Resource]] = {}
    words: dict[tuple[str, str], str] = {}
    for resource in resources:
        for path, instead in not_built(resource.key.kind, resource.spec):
            found.setdefault((resource.key.kind, path), []).append(resource)
            words[resource.key.kind, path] = instead
    notes = []
    for (kind, path), declared in sorted(found.items()):
        first = min(declared, key=lambda resource: resource.key)
        others = f" (and {len(declared) - 1} more {kind})" if len(declared) > 1 else ""
        message = f"Unsupported: {path} is not built yet: {words[kind, path]}{others}"
        notes.append(Note(message=message, key=first.key, position=desired.locate(first.key, path)))
    return notes
