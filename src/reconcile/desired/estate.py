"""A whole tree, read once: its documents, its environments, and what was wrong with its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Generic

from reconcile.desired.documents import HIDES_FILES, DocumentCache, Documents, place_documents, read_documents
from reconcile.desired.draft import Reread
from reconcile.desired.environment import Environments, environments
from reconcile.desired.kept_places import KeptPlaces
from reconcile.desired.mailbox_lists import Tables
from reconcile.desired.pages import F
from reconcile.desired.yaml_places import Document
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding

#: How a source hands out contents: `Source.read`.
Read = Callable[[Iterable[F]], Iterator[tuple[F, bytes | Finding]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate(Generic[F]):
    """`hidden` are folders that could not be read: nobody knows what stands in them. Nothing is said of tables that nobody uses."""

    files: dict[str, F]
    read: Read[F]
    documents: Documents
    environments: Environments
    tables: Tables
    places: KeptPlaces
    cache: DocumentCache | None = None
    hidden: tuple[str, ...] = ()

    def content(self, file: str) -> bytes | None:
        """The octets of a file; None where they cannot be had."""
        return self.tables.content(file)

    @property
    def reread(self) -> Reread:
        """The documents of one file with their places, read again. Keeps nothing of the estate but the list of files."""
        return reread_of(self.files, self.read)


def read_estate(files: Sequence[F], refused: Sequence[Finding], read: Read[F], *, cache: DocumentCache | None = None) -> Estate[F]:
    """`files` and `refused` are what a source listed, `read` hands out contents. Raises nothing for bad input.

    The order of `files` makes no difference.
    """
    files = sorted(files, key=attrgetter("path"))
    of_tables = {finding.position.file: finding for finding in refused if is_table(finding.position.file)}
    refused = [finding for finding in refused if finding.position.file not in of_tables]
    known = {file.path: file for file in files}
    tables = [path for path in known if is_table(path)]
    if tables:
        files = [file for file in files if not is_table(file.path)]
    documents = read_documents(files, read, cache=cache)
    documents.findings[:0] = refused
    for finding in refused:
        if finding.position.line == 1 and finding.rule.startswith("source/") and finding.severity > 1:
            documents.unread.setdefault(finding.position.file, finding.message)
    return Estate(
        files=known,
        read=read,
        documents=documents,
        environments=environments(documents.documents, [*(file.path for file in files), *(finding.position.file for finding in refused)]),
        tables=Tables(files=tables, refused=of_tables, content=content_of(known, read)),
        places=KeptPlaces(cache, documents),
        cache=cache,
        hidden=tuple(finding.position.file for finding in refused if finding.rule in HIDES_FILES),
    )


def is_table(path: str) -> bool:
    """Read only where a list names it."""
    return path.lower().endswith(".csv")


def reread_of(files: Mapping[str, F], read: Read[F]) -> Reread:
    """The documents of one of the files with their places."""

    def again(file: str) -> Sequence[Document]:
        known = files.get(file)
        if known is None:
            return ()
        for _, content in read([known]):
            return place_documents(file, content).documents
        return ()

    return again


def content_of(files: Mapping[str, F], read: Read[F]) -> Callable[[str], bytes | None]:
    """The octets of one of the files; None where they cannot be had."""

    def content(path: str) -> bytes | None:
        known = files.get(path)
        found = next((content for _, content in read([known])), None) if known is not None else None
        return found if isinstance(found, bytes) else None

    return content
