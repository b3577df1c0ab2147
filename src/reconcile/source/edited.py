"""A source as it would be with other contents in some of its files; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconcile.model.finding import Finding
from reconcile.ports.source import Listing, Source, SourceFile


class EditedSource:
    """`contents` by path; only files that the inner source lists. They come with an empty content id, so that nobody caches them."""

    def __init__(self, inner: Source, contents: Mapping[str, bytes]) -> None:
        self._inner = inner
        self._contents = contents

    @property
    def label(self) -> str:
        """As the inner source is called."""
        return self._inner.label

    @property
    def revision(self) -> str:
        """That of the inner source, which what was edited is not part of."""
        return self._inner.revision

    def list(self) -> Listing:
        """See `Source.list`."""
        listing = self._inner.list()
        return Listing(files=tuple(self._listed(file) for file in listing.files), findings=listing.findings)

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        """See `Source.read`."""
        wanted = [*files]
        others = iter(self._inner.read([file for file in wanted if file.path not in self._contents]))
        for file in wanted:
            if file.path in self._contents:
                yield file, self._contents[file.path]
            else:
                yield next(others)

    def octets(self, path: str) -> bytes | None:
        """See `Source.octets`."""
        return self._contents[path] if path in self._contents else self._inner.octets(path)

    def _listed(self, file: SourceFile) -> SourceFile:
        edited = self._contents.get(file.path)
        return file if edited is None else SourceFile(path=file.path, content_id="", size=len(edited))
