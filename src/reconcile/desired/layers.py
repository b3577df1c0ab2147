"""Documents of one key in several layers of an environment, laid over each other to one.

Maps merge by key, everything else is replaced, `null` unsets what an earlier layer set, `spec: null` takes the whole document
away. What is merged is what was written, before variables and schema, so a later layer may hold any part of a document.

Merging keeps `null` as a mark until the end: only so does it make no difference in which order layers are put together
(RFC 7396 merges have no such order: a map over a null must stay a new map).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import reduce
from typing import TypeAlias

import orjson

from reconcile.desired.documents import Part, SourceDocument
from reconcile.desired.yaml import Value
from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import API_VERSION, DOCUMENT_KINDS


@dataclass(frozen=True, slots=True)
class Unset:
    """A later layer says null: whatever was set before is not."""


@dataclass(frozen=True, slots=True)
class Map:
    """`fresh`: what earlier layers set here does not count."""

    entries: Mapping[str, Tree]
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """Text, number, truth value or list; null only where a document begins."""

    value: Value


Tree: TypeAlias = "Map | Leaf | Unset"
UNSET = Unset()


def tree(value: Value, *, first: bool) -> Tree:
    """What a document says. In the first layer that has the document null clears a field; later it unsets."""
    if isinstance(value, dict):
        return Map({name: tree(item, first=first) for name, item in value.items()})
    return UNSET if value is None and not first else Leaf(value)


def merge(lower: Tree, upper: Tree) -> Tree:
    """What both say together. Associative."""
    if not isinstance(upper, Map) or upper.fresh:
        return upper
    if not isinstance(lower, Map):
        return Map(upper.entries, fresh=True)
    entries = dict(lower.entries)
    for name, item in upper.entries.items():
        entries[name] = merge(entries[name], item) if name in entries else item
    return Map(entries, lower.fresh)


def value_of(merged: Tree) -> Value:
    """The document that came out."""
    match merged:
        case Map(entries=entries):
            return {name: value_of(item) for name, item in entries.items() if not isinstance(item, Unset)}
        case Leaf(value=value):
            return value
        case Unset():
            return None


def lay(parts: Sequence[SourceDocument]) -> SourceDocument | None:
    """The parts of one key, one a layer, in order, as one document; None when a later one takes it away."""
    first, *later = parts
    merged = reduce(merge, (tree(part.value(), first=False) for part in later), tree(first.value(), first=True))
    bad = next((why for part in parts if (why := _why_bad(part))), "")
    if not bad and isinstance(merged, Map) and isinstance(merged.entries.get("spec"), Unset):
        return None
    return first._replace(
        json=orjson.dumps(value_of(merged)),
        over=tuple(Part(part.file, part.index, line=part.line) for part in reversed(later)),
        # Where one part is bad, nobody knows what all say together.
        broken=bad,
    )


def _why_bad(part: SourceDocument) -> str:
    if part.broken:
        return f"{part.file}:{part.line}: {part.broken}"
    return "" if part.api_version == API_VERSION else f"{part.file}:{part.line}: apiVersion is not {API_VERSION}"


def takes_away(document: SourceDocument) -> bool:
    """Whether the document is `spec: null`."""
    if b'"spec":null' not in document.json:
        return False
    value = document.value()
    return isinstance(value, dict) and "spec" in value and value["spec"] is None


@dataclass(slots=True, kw_only=True)
class Layered:
    """`documents` are what the environment has, one a key. `parts` are those that others were laid over or under, `twice` pairs of
    one key in one layer (the later one is not among the documents), `idle` those that take away what no earlier layer has."""

    documents: list[SourceDocument] = field(default_factory=list)
    parts: list[SourceDocument] = field(default_factory=list)
    twice: list[tuple[SourceDocument, SourceDocument]] = field(default_factory=list)
    idle: list[SourceDocument] = field(default_factory=list)


def layered(documents: Iterable[tuple[int, SourceDocument]]) -> Layered:
    """Documents with the number of their layer, put together."""
    result = Layered()
    groups: dict[tuple[str, str], list[tuple[int, SourceDocument]]] = {}
    for layer, document in documents:
        if document.name and document.kind in DOCUMENT_KINDS:
            groups.setdefault((document.kind, document.name), []).append((layer, document))
        else:
            result.documents.append(document)
    for group in groups.values():
        one_a_layer: dict[int, SourceDocument] = {}
        for layer, document in group:
            if layer in one_a_layer:
                result.twice.append((document, one_a_layer[layer]))
            else:
                one_a_layer[layer] = document
        parts = [one_a_layer[layer] for layer in sorted(one_a_layer)]
        if len(parts) == 1:
            (result.idle if group[0][0] > 0 and takes_away(parts[0]) else result.documents).append(parts[0])
            continue
        result.parts += parts
        if (laid := lay(parts)) is not None:
            result.documents.append(laid)
    return result
