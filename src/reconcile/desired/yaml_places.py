"""YAML with places: the second reading, for files that have findings and for whoever asks where a field stands."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field
from typing import Any, Final

from reconcile.desired.text import NotText, read_text
from reconcile.desired.yaml import MAX_DEPTH, MAX_DOCUMENTS, MAX_SCALAR, Path, Value, is_text_key, plain_value
from reconcile.desired.yaml_parser import (
    AliasEvent,
    CParser,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)
from reconcile.desired.yaml_syntax import explain
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position

MAX_FINDINGS: Final = 1_000  # of one file; nobody reads more, and hostile input could make millions


@dataclass(frozen=True, slots=True)
class Span:
    """`line` and `column` from 1; `end_column` is the first after the text, None when it ends on another line."""

    line: int
    column: int
    end_column: int | None = None

    def position(self, file: str) -> Position:
        return Position(file, self.line, self.column, self.end_column)


@dataclass(slots=True, kw_only=True)
class Document:
    """`keys` and `values` map a path to its place; a list item has only a value.

    `broken` says what is wrong with its YAML, if anything; such a document is not to be used.
    """

    value: Value
    start: Span
    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """One file, read with places. `complete` is False when a syntax error hides the rest of the file."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    complete: bool


def read_places(data: bytes, *, file: str) -> Places:
    """Everything there is to say about the text of one file. Raises nothing for bad input."""
    text = read_text(data)
    if isinstance(text, NotText):
        finding = Finding(
            rule=text.rule,
            severity=Severity.ERROR,
            message=text.message,
            hint=text.hint,
            position=Position(file, text.line, text.column),
        )
        return Places(documents=(), findings=(finding,), complete=False)
    return _Reader(text, file).read()


class _Stop(Exception):
    """The rest of the file is not read."""


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._parser = CParser(text)
        self._findings: list[Finding] = []
        self._documents: list[Document] = []
        self._current = Document(value=None, start=Span(1, 1))

    def read(self) -> Places:
        complete = False
        try:
            self._stream()
            complete = True
        except _Stop:
            self._keep_partial()
        except YAMLError as error:
            message, hint, line, column = explain(error, self._text)
            with suppress(_Stop):
                self._add("yaml/syntax", message, hint, Span(line, column))
            self._keep_partial()
        return Places(documents=tuple(self._documents), findings=tuple(self._findings), complete=complete)

    def _stream(self) -> None:
        take = self._parser.get_event
        while type(event := take()) is not StreamEndEvent:
            if type(event) is not DocumentStartEvent:
                continue
            self._current = Document(value=None, start=_span(event))
            if len(self._documents) >= MAX_DOCUMENTS:
                self._add("yaml/too-many-documents", f"more than {MAX_DOCUMENTS} documents in one file", "split the file", _span(event))
                raise _Stop
            if event.version not in (None, (1, 2)) or event.tags:
                hint = "remove the directive; documents are read as YAML 1.2"
                self._add("yaml/directive", "only the directive %YAML 1.2 is understood", hint, _span(event))
            root = take()
            self._current.start = _span(root)
            value = self._node(root, (), 1)
            self._current.value = value
            if value is not None or root.start_mark.index != root.end_mark.index or self._current.broken:
                self._documents.append(self._current)
            self._current = Document(value=None, start=Span(1, 1))

    def _keep_partial(self) -> None:
        """What was read of a document before its syntax error tells at least whose document it is."""
        if isinstance(self._current.value, dict) and self._current.value:
            self._documents.append(self._current)

    def _add(self, rule: str, message: str, hint: str, span: Span, *, path: Path = (), related: Span | None = None) -> None:
        self._current.broken = self._current.broken or message
        self._findings.append(
            Finding(
                rule=rule,
                severity=Severity.ERROR,
                message=message,
                hint=hint,
                position=span.position(self._file),
                path=dotted(path),
                related=() if related is None else (related.position(self._file),),
            )
        )
        if len(self._findings) >= MAX_FINDINGS:
            raise _Stop

    def _node(self, event: Any, path: Path, depth: int) -> Value:
        span = _span(event)
        self._current.values[path] = span
        if type(event) is AliasEvent:
            self._add("yaml/alias", f"the alias *{event.anchor} is not allowed", "write the value out", span, path=path)
            return None
        if event.anchor is not None:
            self._add(
                "yaml/anchor", f"the anchor &{event.anchor} is not allowed", "write the value out where it is needed", span, path=path
            )
        if event.tag is not None:
            hint = "remove the tag; put a value in quotes to make it text"
            self._add("yaml/tag", f"the tag {event.tag} is not allowed", hint, span, path=path)
        if type(event) is ScalarEvent:
            return self._scalar(event, span, path)
        if depth > MAX_DEPTH:
            self._add("yaml/too-deep", f"nested deeper than {MAX_DEPTH} levels; the rest of the file is not read", "flatten it", span)
            raise _Stop
        if type(event) is SequenceStartEvent:
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _scalar(self, event: Any, span: Span, path: Path) -> Value:
        text: str = event.value
        if len(text) > MAX_SCALAR:
            self._add("yaml/too-long", f"a value of {len(text)} characters (at most {MAX_SCALAR})", "shorten it", span, path=path)
            return None
        if event.style:
            return text
        try:
            return plain_value(text)
        except ValueError as error:
            self._add("yaml/number", str(error), "put it in quotes if it is meant as text", span, path=path)
            return None

    def _sequence(self, path: Path, depth: int) -> Value:
        items: list[Value] = []
        while type(event := self._parser.get_event()) is not SequenceEndEvent:
            items.append(self._node(event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> Value:
        mapping: dict[str, Value] = {}
        if not path:
            self._current.value = mapping
        while type(event := self._parser.get_event()) is not MappingEndEvent:
            key = self._key(event, path, depth)
            if key is None:
                self._skip(path, depth)
                continue
            where = (*path, key)
            span = _span(event)
            if key in mapping:
                first = self._current.keys[where]
                message = f"the key {key!r} is written twice in the same mapping (first on line {first.line})"
                self._add("yaml/duplicate-key", message, "remove one of the two", span, path=where, related=first)
                self._skip(path, depth)
                continue
            self._current.keys[where] = span
            mapping[key] = self._node(self._parser.get_event(), where, depth + 1)
        return mapping

    def _skip(self, path: Path, depth: int) -> None:
        """Read a value whose key is not used: its own findings count, its places do not overwrite others."""
        self._without_places(self._parser.get_event(), path, depth)

    def _key(self, event: Any, path: Path, depth: int) -> str | None:
        span = _span(event)
        if type(event) is AliasEvent:
            self._add("yaml/alias", f"the alias *{event.anchor} is not allowed", "write the key out", span, path=path)
            return None
        if type(event) is not ScalarEvent:
            self._add("yaml/key", "a key must be text, this one is a mapping or a list", "write a word before the colon", span, path=path)
            self._collection_as_key(event, path, depth)
            return None
        if event.anchor is not None:
            self._add("yaml/anchor", f"the anchor &{event.anchor} is not allowed", "write the key without it", span, path=path)
        if event.tag is not None:
            self._add("yaml/tag", f"the tag {event.tag} is not allowed", "write the key without it", span, path=path)
        key: str = event.value
        if not event.style and key == "<<":
            self._add("yaml/merge-key", "merge keys (<<) are not allowed", "write the fields out", span, path=path)
            return None
        if len(key) > MAX_SCALAR:
            self._add("yaml/too-long", f"a key of {len(key)} characters (at most {MAX_SCALAR})", "shorten it", span, path=path)
            return None
        if not event.style and not _reads_as_text(key):
            message = f"a key must be text; {key!r} means {_meaning(key)}" if key else "a key is missing before the colon"
            self._add("yaml/key", message, f'write "{key}"' if key else "write a key, or remove the line", span, path=path)
            return None
        return key

    def _collection_as_key(self, event: Any, path: Path, depth: int) -> None:
        if depth >= MAX_DEPTH:
            self._add(
                "yaml/too-deep", f"nested deeper than {MAX_DEPTH} levels; the rest of the file is not read", "flatten it", _span(event)
            )
            raise _Stop
        self._without_places(event, path, depth)

    def _without_places(self, event: Any, path: Path, depth: int) -> None:
        keys, values = self._current.keys, self._current.values
        self._current.keys, self._current.values = {}, {}
        try:
            self._node(event, (*path, ""), depth + 1)
        finally:
            self._current.keys, self._current.values = keys, values


def _reads_as_text(key: str) -> bool:
    try:
        return is_text_key(key)
    except ValueError:
        return False


def _meaning(text: str) -> str:
    try:
        value = plain_value(text)
    except ValueError:
        return "a number"
    return "null" if value is None else "a truth value" if isinstance(value, bool) else "a number"


def _span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    line = start.line
    one_line = end.line == line and type(event) in (ScalarEvent, AliasEvent) and end.column > start.column
    return Span(line + 1, start.column + 1, end.column + 1 if one_line else None)


def dotted(path: Path) -> str:
    """`("spec", "folders", 0)` as `spec.folders[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def look_up(document: Document, path: Path, *, key: bool = False) -> Span:
    """The place of a value (or of its key); of the nearest parent that was written where the path itself was not."""
    if key and path in document.keys:
        return document.keys[path]
    for length in range(len(path), 0, -1):
        written, named = document.values.get(path[:length]), document.keys.get(path[:length])
        if written is not None and written.end_column is not None:
            return written
        # A mapping or a list in block style starts on its own first line: its key says better where it is.
        if (found := named or written) is not None:
            return found
    return document.start
