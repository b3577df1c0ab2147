"""A finding before its place is known: bulk loading keeps no places, so they are looked up for the few files that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from reconcile.desired.documents import Part
from reconcile.desired.yaml import Path, Value
from reconcile.desired.yaml_places import Document, Span, dotted, look_up
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position


class Place(NamedTuple):
    """A path in a document. `at_key` marks the key instead of the value. It is looked for in `over`, then in the document itself, then
    in `under`; what nobody wrote is missing in the document."""

    file: str
    document: int
    path: Path = ()
    at_key: bool = False
    over: tuple[Part, ...] = ()
    under: tuple[Part, ...] = ()


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
Reread = Callable[[str], Sequence[Document]]


def place(drafts: Iterable[Draft], reread: Reread) -> list[Finding]:
    """Findings with lines. A file is read once for all that was found in it, and few are held at a time."""
    drafts = list(drafts)
    again = remembering(reread)
    wanted = sorted({one for draft in drafts for one in (draft.place, *draft.related)}, key=lambda one: one.file)
    positions = {one: position(again, one) for one in wanted}
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


def remembering(reread: Reread, most: int = 4) -> Reread:
    """The same, which keeps the last files: what is asked for one by one often stands in the same one."""
    last: dict[str, Sequence[Document]] = {}

    def again(file: str) -> Sequence[Document]:
        if file not in last:
            if len(last) >= most:
                last.pop(next(iter(last)))
            last[file] = reread(file)
        return last[file]

    return again


def position(reread: Reread, wanted: Place) -> Position:
    """Where it is, or the nearest thing that is there (the file may have changed since)."""
    parts = (*wanted.over, Part(wanted.file, wanted.document), *wanted.under)
    for part in parts if len(parts) > 1 and wanted.path else ():
        document = _document(reread, part.file, part.index)
        path = _within(part, wanted.path)
        if document is not None and path is not None and _says(document.value, path):
            return look_up(document, path, key=wanted.at_key).position(part.file)
    document = _document(reread, wanted.file, wanted.document)
    span = Span(1, 1) if document is None else look_up(document, wanted.path, key=wanted.at_key)
    return span.position(wanted.file)


def _document(reread: Reread, file: str, index: int) -> Document | None:
    documents = reread(file)
    return documents[index] if index < len(documents) else None


def _within(part: Part, path: Path) -> Path | None:
    """The path as the part writes it: what holds for many stands below one of its fields, without `spec`."""
    if not part.below:
        return path
    return (*part.below, *path[1:]) if path[0] == "spec" else None


def _says(value: Value, path: Path) -> bool:
    """Whether the path was written there, or a leaf or list that stands for all below it."""
    for part in path:
        if not isinstance(value, dict) or not isinstance(part, str):
            return True
        if part not in value:
            return False
        value = value[part]
    return True
