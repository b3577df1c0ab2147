"""Places of fields kept between runs, so that ten thousand findings that are told again need no file to be read again.

Kept is only what was asked for, of clean files, under the content id of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from reconcile.desired.documents import READER_VERSION, DocumentCache, Documents
from reconcile.desired.draft import Place
from reconcile.desired.pages import Page, pack, records_of, unpack
from reconcile.model.position import Position


class KeptPlaces:
    """For all environments of one tree."""

    def __init__(self, cache: DocumentCache | None, documents: Documents) -> None:
        self._cache = cache
        self._pages = documents.pages if cache is not None else []
        self._page_of: dict[str, Page] | None = None
        self._known: dict[str, dict[str, dict[str, Any]]] = {}
        self._changed: set[str] = set()

    def position(self, place: Place, look_up: Callable[[Place], Position]) -> Position:
        """As `look_up` says, or said when the file was the same. Documents that others are laid over or under are always looked up."""
        if place.over or place.under or (page := self._page(place.file)) is None:
            return look_up(place)
        entries = self._entries(page).setdefault(place.file, {})
        name = orjson.dumps([place.document, place.at_key, *place.path]).decode()
        try:
            line, column, end_column = entries[name]
            return Position(place.file, line, column, end_column)
        except (KeyError, TypeError, ValueError):
            found = look_up(place)
        if found.file == place.file:
            entries[name] = [found.line, found.column, found.end_column]
            self._changed.add(page.name)
        return found

    def save(self) -> None:
        """Write what was looked up anew."""
        for page in self._pages if self._cache is not None else ():
            if page.name in self._changed and self._cache is not None:
                known = self._known[page.name]
                entries = {file.path: [file.content_id, [known.get(file.path, {})]] for file in page.files}
                self._cache.put({_key(page): pack(entries)})
        self._changed.clear()

    def _page(self, file: str) -> Page | None:
        if self._page_of is None:
            self._page_of = {one.path: page for page in self._pages for one in page.files}
        return self._page_of.get(file)

    def _entries(self, page: Page) -> dict[str, dict[str, Any]]:
        found = self._known.get(page.name)
        if found is None:
            stored = unpack(self._cache.get([_key(page)]).get(_key(page))) if self._cache is not None else {}
            found = self._known[page.name] = {}
            for file, records in zip(page.files, records_of(stored, page.files), strict=True):
                if records and isinstance(records[0], dict):
                    found[file.path] = records[0]
        return found


def _key(page: Page) -> str:
    return f"places-{READER_VERSION}:{page.name}"
