"""How two revisions of a repository lie to each other. Reads objects only."""

from __future__ import annotations

from pathlib import Path

from reconcile.errors import DesiredStateError
from reconcile.source.git_process import Git


def merge_base(folder: Path, one: str, other: str) -> str | None:
    """The last commit that both build on; None where there is none, or the clone does not have it. Arguments are full commit ids."""
    try:
        found = Git(folder).run("merge-base", one, other)
    except DesiredStateError:
        return None
    return found.decode("ascii").strip() or None


def changed_files(folder: Path, one: str, other: str) -> list[str]:
    """Paths that differ between two commits, from the root of the repository; of a renamed file both."""
    said = Git(folder).run("diff-tree", "-r", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", one, other)
    return [path.decode("utf-8", "surrogateescape") for path in said.split(b"\0") if path]
