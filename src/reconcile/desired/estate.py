"""A whole tree, read once: its documents, its environments, and what was wrong with its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from reconcile.desired.documents import HIDES_FILES, DocumentCache, Documents, place_documents, read_documents
from reconcile.desired.draft import Reread
from reconcile.desired.environment import Environments, environments
from reconcile.desired.pages import F
from reconcile.desired.yaml_places import Document
from reconcile.model.finding import Finding

#: How a source hands out contents: `Source.read`.
Read = Callable[[Iterable[F]], Iterator[tuple[F, bytes | Finding]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate(Generic[F]):
    """`hidden` are folders that could not be read: nobody knows what stands in them."""

    files: dict[str, F]
    read: Read[F]
    documents: Documents
    environments: Environments
    cache: DocumentCache | None = None
    hidden: tuple[str, ...] = ()

    def content(self, file: str) -> bytes | None:
        """The octets of a file; None where they cannot be had."""
        known = self.files.get(file)
        found = next((content for _, content in self.read([known])), None) if known is not None else None
        return found if isinstance(found, bytes) else None

    @property
    def reread(self) -> Reread:
        """The documents of one file with their places, read again. Keeps nothing of the estate but the list of files."""
        files, read = self.files, self.read

        def again(file: str) -> Sequence[Document]:
            known = files.get(file)
            if known is None:
                return ()
            for _, content in read([known]):
                return place_documents(file, content).documents
            return ()

        return again


def read_estate(files: Sequence[F], refused: Sequence[Finding], read: Read[F], *, cache: DocumentCache | None = None) -> Estate[F]:
    """`files` and `refused` are what a source listed, `read` hands out contents. Raises nothing for bad input.

    The order of `files` makes no difference.
    """
    files = sorted(files, key=lambda file: file.path)
    documents = read_documents(files, read, cache=cache)
    documents.findings[:0] = refused
    for finding in refused:
        if finding.position.line == 1 and finding.rule.startswith("source/") and finding.severity > 1:
            documents.unread.setdefault(finding.position.file, finding.message)
    return Estate(
        files={file.path: file for file in files},
        read=read,
        documents=documents,
        environments=environments(documents.documents, [*(file.path for file in files), *(finding.position.file for finding in refused)]),
        cache=cache,
        hidden=tuple(finding.position.file for finding in refused if finding.rule in HIDES_FILES),
    )
