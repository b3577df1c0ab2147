"""Where documents are read from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.ports.source import Source


def open_source(directory: Path, revision: str | None) -> Source:
    """A folder, or a revision of the repository that the folder is in."""
    if revision is None:
        from reconcile.source.folder import FolderSource

        return FolderSource(directory, now=time.time)
    from reconcile.source.git import GitSource

    return GitSource(directory, revision)


def document_cache(settings: Settings) -> DocumentCache:
    """Parsed documents between runs."""
    from reconcile.source.document_cache import SqliteDocumentCache

    return SqliteDocumentCache(settings.cache_directory)
