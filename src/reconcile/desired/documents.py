"""Files to documents: parsed once, kept compactly, read again for places only where somebody asks.

A parsed document is kept as JSON (350 bytes for a mailbox, a tenth of the Python values), which is also what the cache of
parsed files holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from sys import intern
from typing import Any, Final, NamedTuple, Protocol

import orjson

from reconcile.desired.migrations import is_old, migrated, with_places
from reconcile.desired.pages import Entry, F, Page, Shelved, pack, pages, records_of, unpack
from reconcile.desired.plaintext import may_be_kept
from reconcile.desired.to_fill_in import to_fill_in
from reconcile.desired.yaml import Path, Value, read_values
from reconcile.desired.yaml_places import Document, Places, read_places
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position

#: Part of every cache key; rises when `read_values` gives another meaning to the same bytes.
READER_VERSION: Final = 3

#: These findings hide an unknown number of files, so nothing is known about what the tree declares.
HIDES_FILES: Final = frozenset({"source/unreadable-folder", "source/link-to-folder", "source/submodule"})


class DocumentCache(Protocol):
    """What is kept of files between runs. Losing it, or any entry of it, costs time and nothing else."""

    def get(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Those that are there. Never raises."""
        ...

    def put(self, entries: Mapping[str, bytes]) -> None:
        """Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Another document that has a share in one: a later layer, or what holds for many. `below` is where its share stands, `line` where
    a layer begins."""

    file: str
    index: int
    below: Path = ()
    line: int = 1


class SourceDocument(NamedTuple):
    """One document. `index` counts the documents of its file that are not empty, `json` is its value, `broken` what is wrong
    with its YAML. `old`: it was written for an older apiVersion and is read as if for today's. `over` are the layers laid over it,
    last first, `under` is what gives it what it does not say itself.

    A tuple, because a large estate makes tens of thousands of them, and frozen dataclasses take four times as long to make.
    """

    file: str
    index: int  # type: ignore[assignment]  # nobody looks for a value in a document
    line: int
    kind: str
    name: str
    api_version: str
    json: bytes
    broken: str = ""
    old: bool = False
    over: tuple[Part, ...] = ()
    under: tuple[Part, ...] = ()

    def value(self) -> Value:
        """A fresh copy."""
        value: Value = orjson.loads(self.json)
        return value


@dataclass(slots=True, kw_only=True)
class Documents:
    """`unread` maps the path of a file that was not read to its end to the reason; `pages` tell what may be kept between runs."""

    documents: list[SourceDocument] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)


def read_documents(
    files: Sequence[F],
    read: Callable[[Iterable[F]], Iterator[tuple[F, bytes | Finding]]],
    *,
    cache: DocumentCache | None,
) -> Documents:
    """All documents in the order of the files, which are sorted by path."""
    result = Documents()
    for name, page in pages(files):
        key = f"documents-{READER_VERSION}:{name}"
        known = {} if cache is None else unpack(cache.get([key]).get(key))
        taken = records_of(known, page)
        missing = iter(read([file for file, records in zip(page, taken, strict=True) if records is None]))
        kept: list[list[Any]] = []
        shelved: list[Shelved] = []
        changed = False
        for file, records in zip(page, taken, strict=True):
            start = len(result.documents)
            if records is not None and _take_records(result, file.path, records):
                kept.append(records)
                shelved.append(Shelved(file.path, file.content_id, start, len(result.documents)))
                continue
            got, content = next(missing) if records is None else next(iter(read([file])))
            values = _take_content(result, got.path, content)
            # What was written by mistake is removed from the estate again, and must not stay behind in a cache.
            if values and got.content_id and all(may_be_kept(value, orjson.dumps(value)) for _, value in values):
                fresh = result.documents[start:]
                kept.append([[one.line, one.kind, one.name, one.api_version, one.json.decode(), one.old] for one in fresh])
                shelved.append(Shelved(got.path, got.content_id, start, len(result.documents)))
                changed = True
        if cache is not None and shelved:
            result.pages.append(Page(name, shelved))
            if changed:
                entries: dict[str, Entry] = {file.path: [file.content_id, records] for file, records in zip(shelved, kept, strict=True)}
                cache.put({key: pack(entries)})
    return result


def _take_records(result: Documents, path: str, records: Sequence[Any]) -> bool:
    """Whether what was kept is whole; nothing is taken of what is not."""
    before = len(result.documents)
    try:
        for index, (line, kind, name, api_version, json, old) in enumerate(records):
            result.documents.append(SourceDocument(path, index, line, intern(kind), name, intern(api_version), json.encode(), "", old))
    except (TypeError, ValueError, AttributeError):
        del result.documents[before:]
    return len(result.documents) > before


def place_documents(file: str, content: bytes | Finding) -> Places:
    """The same file again, with places; empty when it can no longer be read."""
    if isinstance(content, Finding):
        return Places(documents=(), findings=(content,), complete=False)
    places = read_places(content, file=file)
    return replace(places, documents=tuple(with_places(document) for document in places.documents))


def _take_content(result: Documents, path: str, content: bytes | Finding) -> list[tuple[int, Value]] | None:
    """The values when the file is clean (then it may be cached)."""
    if isinstance(content, Finding):
        result.findings.append(content)
        result.unread[path] = content.message
        return None
    marks = to_fill_in(content, file=path)
    result.findings.extend(marks)
    values = read_values(content)
    if values:
        _take_values(result, path, values)
        return None if marks else values  # kept is only what nothing is to be said of
    places = read_places(content, file=path)
    result.findings.extend(places.findings)
    if not places.complete:
        result.unread[path] = next((finding.message for finding in places.findings), "not read to its end")
    if not places.documents and not places.findings:
        result.findings.append(
            Finding(
                rule="document/empty",
                severity=Severity.INFORMATION,
                message="the file declares nothing",
                hint="remove it if it is no longer needed",
                position=Position(path),
            )
        )
    for index, document in enumerate(places.documents):
        result.documents.append(_from_places(path, index, document))
    return None


def _take_values(result: Documents, path: str, values: list[tuple[int, Value]]) -> None:
    for index, (line, value) in enumerate(values):
        result.documents.append(_document(path, index, line, value, broken=""))


def _from_places(path: str, index: int, document: Document) -> SourceDocument:
    return _document(path, index, document.start.line, document.value, broken=document.broken)


def _document(path: str, index: int, line: int, value: Value, *, broken: str) -> SourceDocument:
    if old := is_old(value):
        value = migrated(value)
    kind = name = api_version = ""
    if isinstance(value, dict):
        kind, api_version = _text(value.get("kind")), _text(value.get("apiVersion"))
        metadata = value.get("metadata")
        name = _text(metadata.get("name")) if isinstance(metadata, dict) else ""
    # orjson hands out buffers of a kilobyte and more; a copy is as long as the document.
    json = memoryview(orjson.dumps(value)).tobytes()
    return SourceDocument(path, index, line, intern(kind), name, intern(api_version), json, broken, old)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
