"""Commits in words: who touched a file last. Names and subjects are strangers' text, made harmless by whoever prints them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconcile.model.change import Cause, Change, Moved
from reconcile.model.commit import Commit
from reconcile.plan.commits import causes, file_of
from reconcile.report.safe_text import cut

_SHORT = 9
_NAME = 40


def short(commit: Commit) -> str:
    """`3f2a91c04`, or `not committed`."""
    return commit.id[:_SHORT] if commit.id else "not committed"


def author(commit: Commit) -> str:
    """The name without the address; the address where there is no name."""
    name, _, address = commit.author.partition(" <")
    return cut(name.strip(" <>") or address.strip(" <>"), _NAME)


def whole(commit: Commit) -> str:
    """`commit 3f2a91c04 (Mail Team, 2026-11-20)`."""
    if not commit.id:
        return "not committed"
    said = ", ".join(part for part in (author(commit), commit.at[:10]) if part)
    return f"commit {short(commit)}" + (f" ({said})" if said else "")


def behind(cause: Cause, commits: Mapping[str, Commit]) -> Commit | None:
    """The last commit of the file of a cause; None where it explains nothing, because the other side moved."""
    return None if cause.moved is Moved.OUTSIDE else commits.get(file_of(cause))


def behind_all(changes: Iterable[Change], commits: Mapping[str, Commit]) -> list[Commit]:
    """Of many changes, each once, the latest first; not committed ones before all."""
    found = {commit for change in changes for cause in causes(change) if (commit := behind(cause, commits)) is not None}
    return sorted(found, key=lambda commit: (bool(commit.id), _latest_first(commit.at), commit.id))


def several(found: list[Commit]) -> str:
    """`2 commits, the last 3f2a91c04 (Mail Team, 2026-11-20)`; "" for none."""
    if len(found) < 2:
        return whole(found[0]) if found else ""
    if not found[0].id:
        return f"{len(found) - 1:,} {'commit' if len(found) == 2 else 'commits'}, and not committed"
    return f"{len(found):,} commits, the last {whole(found[0]).removeprefix('commit ')}"


def _latest_first(at: str) -> tuple[int, ...]:
    return tuple(-ord(character) for character in at)
