"""A finding before its place is known: bulk loading keeps no places, so they are looked up for the few files that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconcile.desired.yaml import Path
from reconcile.desired.yaml_places import Document, Span, dotted, look_up
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position


@dataclass(frozen=True, slots=True)
class Place:
    """A path in a document. `at_key` marks the key instead of the value."""

    file: str
    document: int
    path: Path = ()
    at_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What `Finding` says, without lines."""

    rule: str
    message: str
    place: Place
    severity: Severity = Severity.ERROR
    hint: str = ""
    resource: Key | None = None
    related: tuple[Place, ...] = ()


#: File → its documents with places; none when the file can no longer be read.
Reread = Callable[[str], tuple[Document, ...]]


def place(drafts: Iterable[Draft], reread: Reread) -> list[Finding]:
    """Findings with lines. Each file is read once, and only one is held at a time."""
    by_file: dict[str, list[Place]] = {}
    drafts = list(drafts)
    for draft in drafts:
        for wanted in (draft.place, *draft.related):
            by_file.setdefault(wanted.file, []).append(wanted)
    positions: dict[Place, Position] = {}
    for file, wanted_here in by_file.items():
        documents = reread(file)
        positions.update((wanted, position(documents, wanted)) for wanted in wanted_here)
    return [
        Finding(
            rule=draft.rule,
            severity=draft.severity,
            message=draft.message,
            hint=draft.hint,
            position=positions[draft.place],
            path=dotted(draft.place.path),
            resource=draft.resource,
            related=tuple(positions[related] for related in draft.related),
        )
        for draft in drafts
    ]


def position(documents: tuple[Document, ...], wanted: Place) -> Position:
    """Where it is, or the nearest thing that is there (the file may have changed since)."""
    if wanted.document < len(documents):
        span = look_up(documents[wanted.document], wanted.path, key=wanted.at_key)
    else:
        span = Span(1, 1)
    return span.position(wanted.file)
