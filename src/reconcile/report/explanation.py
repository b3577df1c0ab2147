"""What a field is and where it stands, for people and programs: the form of `reconcile explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.combination import COMBINATIONS
from reconcile.model.commit import Commit
from reconcile.model.engine_support import ACTS, DESCRIBES, NOT_BUILT, PARTLY
from reconcile.model.key import Key
from reconcile.model.labels import Label
from reconcile.model.position import Position
from reconcile.model.vocabulary import Term
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One resource of the estate that has the field. `provider` gave it the value, "" when none did; then `position` is None where that
    provider came with reconcile. `commit` last touched the line, where git could tell."""

    key: Key
    value: Leaf
    position: Position | None
    commit: Commit | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChange:
    """One line of the audit trail that changed the field, in the state it was recorded."""

    at: str
    actor: str
    key: str
    before: object
    after: object
    result: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A field, the resources of the estate that have it (None: no estate was read), and what the audit trail knows of it."""

    term: Term
    uses: Sequence[Use] | None = None
    history: Sequence[PastChange] = field(default_factory=tuple)


def engine_words(kind: str, path: str) -> str:
    """What our own engine does with the field."""
    if path in ACTS.get(kind, ()):
        partly = PARTLY.get(kind, {}).get(path)
        return f"acts on it, except {partly}: not built yet" if partly else "acts on it"
    if path in DESCRIBES.get(kind, ()):
        return "keeps and shows it; there is nothing to do"
    found = NOT_BUILT.get(kind, {}).get(path)
    return f"cannot do it yet: {found.instead}" if found is not None else "takes it from the estate; no row holds it"


def explanation_text(found: Explanation, *, environment: str) -> str:
    """A block of lines."""
    return "\n".join(_lines(found, environment))


def _lines(found: Explanation, environment: str) -> Iterator[str]:
    term = found.term
    info = term.field
    yield f"{term.kind}  {info.path}"
    yield f"  {info.description}"
    yield from (f"  on the form   {_names(label)}" for label in term.labels if not label.value)
    if info.column:
        yield f"  column        {info.column}" + ("" if info.role == "desired" else f" ({info.role})")
    yield f"  type          {info.type}" + (" or null, which clears it" if info.nullable else "")
    yield f"  default       {'required' if info.required else info.default or 'none'}"
    if rule := COMBINATIONS.get(term.kind, {}).get(info.path):
        yield f"  rule          {rule}"
    yield f"  engine        {engine_words(term.kind, info.path)}"
    yield from (_value(label, term.value) for label in term.labels if label.value)
    if found.uses is not None:
        yield from _uses(found.uses, environment)
    if found.history:
        yield f"  history in {environment}, newest first"
        yield from (f"    {_past(one)}" for one in found.history[:_SHOWN])
        yield from _more(len(found.history), "reconcile history has all of them")


def _names(label: Label) -> str:
    return " · ".join(filter(None, (label.english, label.german, label.french)))


def _value(label: Label, asked: str) -> str:
    return f"  {'→' if label.value == asked else ' '} value       {label.value}: {_names(label)}"


def _uses(uses: Sequence[Use], environment: str) -> Iterator[str]:
    if not uses:
        yield f"  in {environment}, nothing declares it"
        return
    counts: dict[str, int] = {}
    for use in uses:
        counts[_leaf(use.value)] = counts.get(_leaf(use.value), 0) + 1
    often = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    summary = ", ".join(f"{neutral(value)} ({count})" for value, count in often[:5]) + (", …" if len(often) > 5 else "")
    yield f"  in {environment}, declared {counted(len(uses), 'time')}: {summary}"
    for use in uses[:_SHOWN]:
        by = "" if use.commit is None else f"  {_commit(use.commit)}"
        place = f"{use.position.file}:{use.position.line}" if use.position is not None else "shipped"
        giver = f"provider {use.provider}, " if use.provider else ""
        yield f"    {use.key}: {neutral(_leaf(use.value))}  # {neutral(giver + place)}{by}"
    yield from _more(len(uses), "--output json has all of them")


def _more(count: int, where: str) -> Iterator[str]:
    if count > _SHOWN:
        yield f"    … and {count - _SHOWN} more; {where}"


def _commit(commit: Commit) -> str:
    if not commit.id:
        return "not committed"
    return neutral(f"{commit.id[:10]} {commit.author}, {commit.at[:10]}: {commit.subject}")


def _past(one: PastChange) -> str:
    revision = f" from {one.revision[:10]}" if one.revision else ""
    words = f"{one.at[:19].replace('T', ' ')}  {one.key}: {_leaf(one.before)} → {_leaf(one.after)}  {one.result}, by {one.actor}{revision}"
    return neutral(words)


def _leaf(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return str(value)


def explanation_json(found: Explanation) -> Mapping[str, object]:
    """The same as a document."""
    term, info = found.term, found.term.field
    return {
        "kind": term.kind,
        "path": info.path,
        "description": info.description,
        "labels": [{"english": one.english, "german": one.german, "french": one.french, "value": one.value or None} for one in term.labels],
        "value": term.value or None,
        "column": info.column or None,
        "role": info.role,
        "type": info.type,
        "nullable": info.nullable,
        "required": info.required,
        "default": info.default or None,
        "rule": COMBINATIONS.get(term.kind, {}).get(info.path),
        "engine": engine_words(term.kind, info.path),
        "declared": None if found.uses is None else [_use_json(use) for use in found.uses],
        "history": [
            {
                "at": one.at,
                "actor": one.actor,
                "key": one.key,
                "before": one.before,
                "after": one.after,
                "result": one.result,
                "revision": one.revision,
            }
            for one in found.history
        ],
    }


def _use_json(use: Use) -> Mapping[str, object]:
    commit = use.commit
    return {
        "key": str(use.key),
        "value": list(use.value) if isinstance(use.value, tuple) else use.value,
        "provider": use.provider or None,
        "file": None if use.position is None else use.position.file,
        "line": None if use.position is None else use.position.line,
        "commit": None if commit is None else {"id": commit.id, "author": commit.author, "at": commit.at, "subject": commit.subject},
    }
