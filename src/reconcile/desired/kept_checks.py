"""Checked documents kept between runs: what came out of a document under the same surroundings need not be checked again.

Kept is only what stood alone, was sound and raised no finding; everything else is checked each time, so that its findings are
told each time. A name for the program's own version stands in the keys of the cache, which see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from reconcile.desired.documents import DocumentCache, Documents, SourceDocument
from reconcile.desired.pages import Entry, Page, pack, records_of, unpack
from reconcile.desired.plaintext import SECRET_NAME, is_reference, may_be_kept
from reconcile.desired.surroundings import Surroundings
from reconcile.model import kinds
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.key import Key
from reconcile.model.management import UNMANAGED, Management, OnRemoval
from reconcile.model.position import Position
from reconcile.model.resource import Lifecycle, Resource


class KeptChecks:
    """For one environment. `documents` are all of the tree."""

    def __init__(self, cache: DocumentCache | None, documents: Documents, around: Surroundings) -> None:
        self._cache = cache
        self._documents = documents.documents
        self._known: dict[int, Resource] = {}
        self._stale: list[Page] = []
        self._references: dict[object, tuple[Key, ...]] = {}
        if cache is None or around.variables is None:
            return
        private = [name for name, value in around.variables.items() if SECRET_NAME.search(name) and not is_reference(str(value))]
        self._private = tuple(f"${{{name}}}".encode() for name in private)
        said = [sorted(around.variables.items()), around.time_zone, sorted(around.ignored.items())]
        self._prefix = f"checked:{hashlib.sha256(orjson.dumps(said)).hexdigest()}:"
        for page in documents.pages:
            if not self._take(page, cache):
                self._stale.append(page)

    def get(self, document: SourceDocument) -> Resource | None:
        """What came out of the very same document before."""
        return self._known.get(id(document))

    def keep(self, document: SourceDocument, resource: Resource) -> None:
        """`resource` came out without a finding."""
        if self._stale and not document.over and not document.under:
            self._known[id(document)] = resource

    def save(self) -> None:
        """Write the pages of which something was checked anew."""
        if self._cache is None:
            return
        for page in self._stale:
            entries: dict[str, Entry] = {
                file.path: [file.content_id, [self._record(document) for document in self._documents[file.start : file.end]]]
                for file in page.files
            }
            self._cache.put({self._prefix + page.name: pack(entries)})

    def _take(self, page: Page, cache: DocumentCache) -> bool:
        """Whether all that could be known of the page is known."""
        key = self._prefix + page.name
        stored = unpack(cache.get([key]).get(key))
        complete = True
        for file, records in zip(page.files, records_of(stored, page.files), strict=True):
            if records is None or len(records) != file.end - file.start:
                complete = False
                continue
            try:
                for document, record in zip(self._documents[file.start : file.end], records, strict=True):
                    if record is not None:
                        self._known[id(document)] = self._resource(document, record)
            except (TypeError, ValueError, KeyError, AttributeError):
                complete = False  # of another shape: check it again
        return complete

    def _record(self, document: SourceDocument) -> object:
        resource = self._known.get(id(document))
        if resource is None:
            return None
        spec = dict(resource.spec)
        if b"${" in document.json and self._may_expose(document, spec):
            return None
        management: list[object] | None = None
        if resource.management is not UNMANAGED:
            own = resource.management
            management = [own.on_removal, own.protected, own.ignored, own.moved_from]
        lists = [path for path, leaf in spec.items() if type(leaf) is tuple]
        plain = resource.lifecycle is Lifecycle.MANAGED and management is None
        if plain and not (lists or resource.labels or resource.annotations):
            return spec  # most documents say no more
        return [spec, lists, dict(resource.labels), dict(resource.annotations), resource.lifecycle, management]

    def _may_expose(self, document: SourceDocument, spec: Spec) -> bool:
        """Whether a variable may have brought in what must not be written elsewhere."""
        dumped = orjson.dumps(spec)
        return any(name in document.json for name in self._private) or not may_be_kept(orjson.loads(dumped), dumped)

    def _resource(self, document: SourceDocument, record: Any) -> Resource:
        key, position = Key(document.kind, document.name), Position(document.file, document.line)
        if type(record) is dict:
            return Resource(key, record, position, references=self._referred(key.kind, record))
        spec, lists, labels, annotations, lifecycle, management = record
        for path in lists:
            spec[path] = tuple(spec[path])
        return Resource(
            key=key,
            spec=spec,
            position=position,
            labels=labels,
            annotations=annotations,
            lifecycle=_LIFECYCLES[lifecycle],
            references=() if lifecycle == "external" else self._referred(document.kind, spec),
            management=UNMANAGED if management is None else _management(management),
        )

    def _referred(self, kind: str, spec: dict[str, Leaf]) -> tuple[Key, ...]:
        """Ten thousand mailboxes share a handful of profiles."""
        if kind != "Mailbox":
            return kinds.references(kind, spec)
        profile = spec.get("profile")
        found = self._references.get(profile)
        if found is None:
            found = self._references[profile] = kinds.references(kind, spec)
        return found


_LIFECYCLES = {str(one): one for one in Lifecycle}


def _management(record: Sequence[Any]) -> Management:
    removal, protected, ignored, moved_from = record
    return Management(
        on_removal=None if removal is None else OnRemoval(removal), protected=protected, ignored=tuple(ignored), moved_from=moved_from
    )
