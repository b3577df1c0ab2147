"""Where documents are read from."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.commit import Commit, Recorded
    from reconcile.model.position import Position
    from reconcile.ports.history import History
    from reconcile.ports.source import Source
    from reconcile.source.writer import EstateWriter


def open_source(directory: Path, revision: str | None) -> Source:
    """A folder, or a revision of the repository that the folder is in."""
    if revision is None:
        from reconcile.source.folder import FolderSource

        return FolderSource(directory, now=time.time)
    from reconcile.source.git import GitSource

    return GitSource(directory, revision)


def repository_prefix(directory: Path) -> str:
    """Where the estate lies inside its repository ("" or "desired-state/"), for reports whose paths begin there; outside of any
    repository, where it lies below the folder that the command runs in."""
    folder = directory.resolve()
    top = next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), Path.cwd())
    inside = folder.relative_to(top).as_posix() if folder.is_relative_to(top) else "."
    return "" if inside == "." else f"{inside}/"


def base_source(directory: Path, revision: str) -> Source:
    """The revision that `directory` is compared with, which may not have that folder yet."""
    from reconcile.source.git import GitSource

    return GitSource(directory, revision, may_be_new=True)


def refuse_another(directory: Path) -> None:
    """Raises DesiredStateError where a checked out change could lead the folder to another estate than the base has there."""
    from reconcile.source.git_place import refuse_another

    refuse_another(directory)


def refuse_ambiguous(directory: Path, name: str) -> None:
    """Raises DesiredStateError where a name means several references of the repository."""
    from reconcile.source.git_relation import refuse_ambiguous

    refuse_ambiguous(directory, name)


def merge_base(directory: Path, one: str, other: str) -> str | None:
    """The last commit that two commits of the repository both build on, None where nobody knows."""
    from reconcile.source.git_relation import merge_base

    return merge_base(directory, one, other)


def changed_files(directory: Path, one: str, other: str) -> list[str]:
    """Paths that differ between two commits, from the root of the repository."""
    from reconcile.source.git_relation import changed_files

    return changed_files(directory, one, other)


def estate_writer(directory: Path) -> EstateWriter:
    """Writes new files of an estate, over nothing that is there."""
    from reconcile.source.writer import EstateWriter

    return EstateWriter(directory)


def replace_file(directory: Path, path: str, before: bytes, after: bytes, *, command: str = "migrate") -> None:
    """A file of an estate replaced by a new version of itself; `command` is what to run again where somebody was faster."""
    from reconcile.source.replace import replace

    replace(directory, path, before, after, command=command)


def edited_source(source: Source, contents: Mapping[str, bytes]) -> Source:
    """The same tree with other contents in some of its files."""
    from reconcile.source.edited import EditedSource

    return EditedSource(source, contents)


def document_cache(settings: Settings) -> DocumentCache:
    """Parsed and checked documents between runs."""
    from reconcile.source.document_cache import SqliteDocumentCache

    return SqliteDocumentCache(settings.cache_directory, program=_program())


def _program() -> str:
    """What tells whether documents would be read and checked as before: version and the modules that do it, also while they are edited."""
    from reconcile import __version__

    package = Path(__file__).parent.parent
    modules = sorted((entry.name, entry.stat()) for room in ("model", "desired", "policy") for entry in os.scandir(package / room))
    return f"{__version__}:" + ",".join(f"{name}:{status.st_size:x}:{status.st_mtime_ns:x}" for name, status in modules)


def history(directory: Path, revision: str | None) -> History:
    """Who changed the files of what `open_source` reads."""
    from reconcile.source.history import GitHistory

    return GitHistory(directory, revision)


def recorded(directory: Path, name: str, *, within: str | None) -> Recorded:
    """A commit of what `open_source` reads. Raises DesiredStateError."""
    return history(directory, within).recorded(name)


def blame(directory: Path, revision: str, positions: Iterable[Position]) -> dict[Position, Commit]:
    """The commit that last touched the line of each position; where git cannot tell, the position is left out."""
    from reconcile.source.history import GitHistory

    history = GitHistory(directory, revision or None)
    found = ((position, history.blame(position.file, position.line)) for position in positions)
    return {position: commit for position, commit in found if commit is not None}
