"""Where desired state comes from: a folder, or a git revision without a checkout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding


class SourceFile(NamedTuple):
    """`path` relative to the root, forward slashes; `content_id` changes whenever the content may have (a blob id, or a
    digest of the file's stat); `size` in bytes."""

    path: str
    content_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of interest (*.yaml, *.yml, and *.csv for the documents that name one), sorted by path, and findings about those
    that were refused (links out of the tree …).

    `unreadable` maps the path of a file that exists but could not be taken to the reason.
    """

    files: tuple[SourceFile, ...]
    findings: tuple[Finding, ...]


class Source(Protocol):
    """A tree of texts at one moment."""

    @property
    def label(self) -> str:
        """What people call it: the folder's path, or repository@revision."""
        ...

    @property
    def revision(self) -> str:
        """Full commit id for git, "" for a folder."""
        ...

    def list(self) -> Listing:
        """Raises DesiredStateError when the tree as a whole cannot be read. A single bad file is a finding."""
        ...

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        """Contents in the order given; a file that vanished or cannot be read comes as a finding."""
        ...

    def octets(self, path: str) -> bytes | None:
        """One file by its path relative to the root, whatever its name says (the baseline, which no listing has); None when there is none.
        Raises DesiredStateError when it cannot be read, or is no ordinary file."""
        ...
