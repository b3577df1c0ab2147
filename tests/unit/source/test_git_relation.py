"""Which files differ between two commits: as git itself tells them."""

from __future__ import annotations

from pathlib import Path

from reconcile.source.git_relation import changed_files
from support.repository import new_repository


def test_it_is_what_git_tells(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "repository")
    first = repository.commit(
        "one", {"a/b/c.yaml": "1", "a/d": "1", "same/x": "1", "turns": "file", "folder/in": "1", "mode": "1", "ä/ö": "1", "gone/a/b": "1"}
    )
    (repository.root / "mode").chmod(0o755)
    (repository.root / "turns").unlink()
    (repository.root / "folder" / "in").unlink()
    (repository.root / "folder").rmdir()
    (repository.root / "folder").symlink_to("same")
    second = repository.commit("two", {"a/b/c.yaml": "2", "turns/x/y": "1", "ä/ö": "2", "gone/a/b": None, 'new\n"line': "1"})
    for one, other in ((first, second), (second, first), (first, first)):
        told = repository.git("-c", "core.quotePath=false", "diff-tree", "-r", "-z", "--name-only", "--no-renames", one, other)
        assert changed_files(repository.root, one, other) == sorted(path for path in told.split("\0") if path)
    assert "turns/x/y" in changed_files(repository.root, first, second)
