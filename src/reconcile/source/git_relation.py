"""How two revisions of a repository lie to each other. Reads objects only."""

from __future__ import annotations

from pathlib import Path

from reconcile.errors import DesiredStateError
from reconcile.source.git_process import MOST_FILES, Git

_FOLDER = b"40000"


def merge_base(folder: Path, one: str, other: str) -> str | None:
    """The last commit that both build on; None where there is none, or the clone does not have it. Arguments are full commit ids."""
    try:
        found = Git(folder).run("merge-base", one, other)
    except DesiredStateError:
        return None
    return found.decode("ascii").strip() or None


def refuse_ambiguous(folder: Path, name: str) -> None:
    """Raises DesiredStateError where a short name means several references: whoever may push a tag called origin/main would be the base."""
    wanted = [f"{room}{name}" for room in ("refs/", "refs/tags/", "refs/heads/", "refs/remotes/")]
    listed = Git(folder).run("for-each-ref", "--format=%(refname)", "refs").decode("utf-8", "surrogateescape").splitlines()
    found = [one for one in wanted if one in {*listed}]
    if len(found) > 1:
        hint = f"name it in full, such as {found[-1]}; look at who made the other, and remove it"
        raise DesiredStateError(f"{name} may be {' or '.join(found)}", hint=hint)


def changed_files(folder: Path, one: str, other: str) -> list[str]:
    """Paths that differ between two commits, from the root of the repository; of a renamed file both. Raises DesiredStateError for a change
    that is too large: `git diff-tree` keeps all of it in memory before it says a word, and a tree can be made that never ends."""
    git = Git(folder)
    first, second = (
        git.run("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").decode("ascii").strip() for commit in (one, other)
    )
    found: list[str] = []
    level = [(b"", first, second)] if first != second else []
    while level:
        ids = [*dict.fromkeys(tree for _, *sides in level for tree in sides if tree)]
        trees = {tree: _entries(tree, content) for tree, content in zip(ids, git.objects(ids), strict=True)} | {"": {}}
        below: list[tuple[bytes, str, str]] = []
        for inside, before, after in level:
            old, new = trees[before], trees[after]
            for name in sorted(old.keys() | new.keys()):
                sides = [old.get(name, (b"", "")), new.get(name, (b"", ""))]
                if sides[0] == sides[1]:
                    continue
                if any(mode not in (_FOLDER, b"") for mode, _ in sides):
                    found.append((inside + name).decode("utf-8", "surrogateescape"))
                was, now = (tree if mode == _FOLDER else "" for mode, tree in sides)
                if was or now:
                    below.append((inside + name + b"/", was, now))
            if len(found) + len(below) > MOST_FILES:
                raise DesiredStateError(f"the change touches more than {MOST_FILES:,} files", hint="split it into several changes")
        level = below
    return sorted(found)


def _entries(tree: str, content: bytes | None) -> dict[bytes, tuple[bytes, str]]:
    """Name → (mode, id): what a tree object holds (gitformat-pack; `mode name NUL id`, the id in octets)."""
    if content is None:
        raise DesiredStateError(f"the object {tree} is missing in the repository", hint="fetch it: git fetch --refetch")
    found: dict[bytes, tuple[bytes, str]] = {}
    at, length = 0, len(tree) // 2
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, name = content[at:end].partition(b" ")
        found[name] = mode.lstrip(b"0"), content[end + 1 : end + 1 + length].hex()
        at = end + 1 + length
    return found
