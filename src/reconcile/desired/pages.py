"""What is kept of files between runs: pages of some hundred files each, in which every file has its content id.

A page is named after the file it begins with, and which files begin one depends on their names alone. So a new file changes one
page, a changed file leaves the rest of its page usable, and ten thousand files are forty reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from zlib import crc32

import orjson

from reconcile.lazy_dataclass import dataclass

#: Files of a page, on average.
_FILES: Final = 256


class File(Protocol):
    """What a source lists; `content_id` is "" where the content must not be kept."""

    @property
    def path(self) -> str: ...

    @property
    def content_id(self) -> str: ...


F = TypeVar("F", bound=File)

#: What is kept of one file: its content id, and a list with something for each of its documents.
Entry = list[Any]


class Shelved(NamedTuple):
    """Where the documents of one clean file stand in the list of all: from `start` up to `end`."""

    path: str
    content_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    """The clean files of a page."""

    name: str
    files: Sequence[Shelved]


def pages(files: Iterable[F]) -> Iterator[tuple[str, list[F]]]:
    """Files sorted by path, cut into pages: (name, its files)."""
    page: list[F] = []
    for file in files:
        if page and crc32(file.path.encode("utf-8", "surrogateescape")) % _FILES == 0:
            yield _name(page), page
            page = []
        page.append(file)
    if page:
        yield _name(page), page


def _name(page: Sequence[File]) -> str:
    # Revisions and folders have ids of different forms: a name of its own for each, or they would push each other out.
    form = next((file.content_id.partition(":")[0] for file in page if file.content_id), "")
    return f"{form}:{page[0].path}"


def pack(entries: Mapping[str, Entry]) -> bytes:
    """Path → entry."""
    return orjson.dumps(entries)


def unpack(stored: bytes | None) -> dict[str, Entry]:
    """What `pack` made; nothing of what is damaged."""
    try:
        loaded = orjson.loads(stored) if stored else {}
    except orjson.JSONDecodeError:
        return {}
    # Each entry is looked at where it is used: most are, and are whole.
    return loaded if isinstance(loaded, dict) else {}


def records_of(entries: Mapping[str, Entry], files: Sequence[File]) -> list[list[Any] | None]:
    """What is kept of each file as it is now; None where that is not known."""
    if (whole := _all(entries, files)) is not None:
        return whole
    return [_one(entries.get(file.path), file) for file in files]


def _all(entries: Mapping[str, Entry], files: Sequence[File]) -> list[list[Any] | None] | None:
    """Of a page of which nothing changed, which nearly all are: compared as a whole."""
    content_ids = [file.content_id for file in files]
    if "" in content_ids or [*entries] != [file.path for file in files]:
        return None
    kept = [*entries.values()]
    if not all(type(entry) is list and len(entry) == 2 and type(entry[1]) is list for entry in kept):
        return None
    return [entry[1] for entry in kept] if [entry[0] for entry in kept] == content_ids else None


def _one(entry: Entry | None, file: File) -> list[Any] | None:
    if type(entry) is list and len(entry) == 2 and entry[0] == file.content_id != "" and type(entry[1]) is list:
        return entry[1]
    return None
