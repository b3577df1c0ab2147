"""Who changed the files of a source, and when."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from reconcile.model.commit import Commit, LastCommits, Recorded


class History(Protocol):
    """Paths are relative to the root of the source, with forward slashes. Where history only explains, it never stops a plan:
    `last_commits` and `blame` raise nothing."""

    def last_commits(self, files: Collection[str]) -> LastCommits:
        """For each file the commit that last touched it, as seen from the revision that is read."""
        ...

    def blame(self, file: str, line: int) -> Commit | None:
        """The commit that wrote one line (counted from 1); None where nothing is known."""
        ...

    def recorded(self, name: str) -> Recorded:
        """A commit that belongs to what is read. Raises DesiredStateError when there is none, or it is not part of that."""
        ...
