"""Who changed a file last, on real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reconcile.errors import DesiredStateError
from reconcile.model.commit import Commit, Recorded
from reconcile.source.history import NOT_COMMITTED, GitHistory
from support.repository import Repository, new_repository


def last(root: Path, *files: str, revision: str | None = None) -> dict[str, str]:
    """File → subject of its last commit, "" for one that is not committed."""
    return {file: commit.subject for file, commit in GitHistory(root, revision).last_commits(files).found.items()}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "repository")


def test_each_file_has_the_commit_that_touched_it_last(repository: Repository) -> None:
    repository.commit("one", {"a.yaml": "1", "b.yaml": "1", "deep/größe und '.yaml": "1"})
    wanted = repository.commit("two", {"b.yaml": "2"}, author="Prüfstelle <review@contoso.example>")
    repository.commit("three", {"README.md": "x"})
    assert last(repository.root, "a.yaml", "b.yaml", "deep/größe und '.yaml", "never.yaml") == {
        "a.yaml": "one",
        "b.yaml": "two",
        "deep/größe und '.yaml": "one",
    }
    commit = GitHistory(repository.root, None).last_commits(["b.yaml"]).found["b.yaml"]
    assert commit == Commit(id=wanted, author="Prüfstelle <review@contoso.example>", at="2026-01-01T01:00:00Z", subject="two")


def test_what_is_not_committed_says_so(repository: Repository) -> None:
    repository.commit("one", dict.fromkeys(("same.yaml", "edited.yaml", "staged.yaml", "removed.yaml", ".gitignore"), "1"))
    repository.write({"edited.yaml": "2", "staged.yaml": "2", "new.yaml": "1", "removed.yaml": None, ".gitignore": "ignored.yaml\n"})
    repository.write({"ignored.yaml": "1"})
    repository.git("add", "staged.yaml")
    files = ("same.yaml", "edited.yaml", "staged.yaml", "new.yaml", "removed.yaml", "ignored.yaml", "never.yaml")
    found = GitHistory(repository.root, None).last_commits(files).found
    assert {file for file, commit in found.items() if commit == NOT_COMMITTED} == set(files) - {"same.yaml", "never.yaml"}
    assert set(found) == set(files) - {"never.yaml"}
    # A revision has no edits.
    assert last(repository.root, *files, revision="HEAD") == dict.fromkeys(
        ("same.yaml", "edited.yaml", "staged.yaml", "removed.yaml"), "one"
    )


def test_a_removed_file_has_the_commit_that_removed_it_and_a_moved_one_the_move(repository: Repository) -> None:
    repository.commit("one", {"a.yaml": "1", "old.yaml": "long enough to be seen as moved\n" * 5})
    repository.commit("move", {"old.yaml": None, "new.yaml": "long enough to be seen as moved\n" * 5})
    repository.commit("remove", {"a.yaml": None})
    assert last(repository.root, "a.yaml", "old.yaml", "new.yaml") == {"a.yaml": "remove", "old.yaml": "move", "new.yaml": "move"}


def test_of_a_merge_the_author_of_the_change_is_named_unless_the_merge_itself_changed_it(repository: Repository) -> None:
    repository.commit("one", {"a.yaml": "1", "b.yaml": "1", "c.yaml": "1"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", {"a.yaml": "2", "b.yaml": "side"})
    repository.git("checkout", "-q", "main")
    repository.commit("main", {"b.yaml": "main", "c.yaml": "2"})
    repository.git("merge", "-q", "--no-commit", "-s", "ours", "side", GIT_COMMITTER_NAME="x", GIT_COMMITTER_EMAIL="x@contoso.example")
    repository.git("checkout", "side", "--", "a.yaml")
    repository.commit("merge", {"b.yaml": "both"})
    assert last(repository.root, "a.yaml", "b.yaml", "c.yaml") == {"a.yaml": "side", "b.yaml": "merge", "c.yaml": "main"}


def test_a_change_that_a_merge_threw_away_is_nobodys_cause(repository: Repository) -> None:
    repository.commit("one", {"a.yaml": "1"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", {"a.yaml": "2"})
    repository.git("checkout", "-q", "main")
    repository.commit("main", {"b.yaml": "1"})
    repository.git("merge", "-q", "-s", "ours", "-m", "merge", "side", **who())
    assert last(repository.root, "a.yaml") == {"a.yaml": "one"}


def who() -> dict[str, str]:
    return {f"GIT_{role}_{what}": "x@contoso.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def test_a_folder_in_a_repository_asks_for_its_own_files(repository: Repository) -> None:
    repository.commit("one", {"estate/a.yaml": "1", "a.yaml": "1"})
    repository.commit("two", {"a.yaml": "2"})
    repository.write({"estate/new.yaml": "1"})
    assert last(repository.root / "estate", "a.yaml", "new.yaml") == {"a.yaml": "one", "new.yaml": ""}
    assert last(repository.root / "estate", *(["a.yaml"] + [f"x{number}.yaml" for number in range(100)])) == {"a.yaml": "one"}


def test_a_shallow_clone_does_not_blame_its_oldest_commit(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", {"a.yaml": "1", "b.yaml": "1"})
    repository.commit("two", {"c.yaml": "1"})
    repository.commit("three", {"b.yaml": "2"})
    subprocess.run(["git", "clone", "-q", "--depth", "2", f"file://{repository.root}", tmp_path / "clone"], check=True, capture_output=True)
    known = GitHistory(tmp_path / "clone", None).last_commits(["a.yaml", "b.yaml"])
    assert {file: commit.subject for file, commit in known.found.items()} == {"b.yaml": "three"}
    assert "git fetch --unshallow" in known.why_missing
    assert GitHistory(tmp_path / "clone", None).blame("a.yaml", 1) is None


@pytest.mark.parametrize("case", ["no repository", "no folder", "no commit", "no git", "stranger"])
def test_where_there_is_no_history_there_is_none_and_no_error(case: str, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository.root
    repository.write({"a.yaml": "1"})
    expected: dict[str, str] = {}
    match case:
        case "no repository":
            root = root.parent / "plain"
            root.mkdir()
            (root / "a.yaml").write_text("1")
        case "no folder":
            root = root / "missing"
        case "no commit":
            expected = {"a.yaml": ""}
        case "no git":
            repository.commit("one")
            monkeypatch.setenv("PATH", str(root))
        case _:
            if os.geteuid() != 0:
                return  # only root can give a folder away
            repository.commit("one")
            os.chown(root, 65534, 65534)
    assert last(root, "a.yaml") == expected
    if case != "no commit":
        assert GitHistory(root, None).blame("a.yaml", 1) is None


def test_a_damaged_repository_is_told_and_stops_nothing(repository: Repository) -> None:
    repository.commit("one", {"a.yaml": "1"})
    first = repository.git("rev-parse", "HEAD")
    repository.commit("two", {"b.yaml": "1"})
    (repository.root / ".git" / "objects" / first[:2] / first[2:]).unlink()
    known = GitHistory(repository.root, None).last_commits(["a.yaml"])
    assert (known.found, bool(known.why_missing)) == ({}, True)


def test_the_walk_ends_where_everything_was_met_and_never_goes_farther_than_it_may(repository: Repository) -> None:
    repository.commit("one", {"old.yaml": "1"})
    for number in range(6):
        repository.commit(f"more {number}", {"a.yaml": str(number)})
    assert GitHistory(repository.root, None, farthest=3).last_commits(["a.yaml"] + [f"{n}.yaml" for n in range(99)]).found.keys() == {
        "a.yaml"
    }
    many = [f"{number}.yaml" for number in range(99)]
    assert "old.yaml" in GitHistory(repository.root, None, farthest=7).last_commits(["old.yaml", *many]).found
    assert "old.yaml" not in GitHistory(repository.root, None, farthest=6).last_commits(["old.yaml", *many]).found


def test_a_commit_may_hold_anything(repository: Repository) -> None:
    repository.commit("one", {"a.yaml": "1"})
    tree = repository.git("write-tree").encode()
    body = b"tree %s\nauthor J\xf6rg \x1b[31m <j@contoso.example> 99999999999999 +0000\ncommitter x <x> 1 +0000\nencoding ISO-8859-1\n\n\n \nTab\there\nmore\n"
    root = repository.root
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"], cwd=root, input=body % tree, capture_output=True, check=True
    )
    repository.git("update-ref", "refs/heads/main", made.stdout.decode().strip())
    commit = GitHistory(root, None).last_commits(["a.yaml"]).found["a.yaml"]
    assert (commit.author, commit.at, commit.subject) == ("Jörg \x1b[31m <j@contoso.example>", "", "Tab\there")


def test_a_line_has_its_own_commit(repository: Repository) -> None:
    repository.commit("one", {"a.yaml": "1\n2\n3\n"})
    two = repository.commit("two", {"a.yaml": "1\nzwei\n3\n"})
    history = GitHistory(repository.root, None)
    assert [commit.subject for line in (1, 2) if (commit := history.blame("a.yaml", line))] == ["one", "two"]
    repository.write({"a.yaml": "1\nzwei\ndrei\n"})
    assert history.blame("a.yaml", 3) == NOT_COMMITTED
    then = GitHistory(repository.root, two).blame("a.yaml", 3)
    assert then is not None
    assert then.subject == "one"
    assert (history.blame("a.yaml", 9), history.blame("missing.yaml", 1), GitHistory(repository.root, "--x").blame("a.yaml", 1)) == (
        None,
    ) * 3


def test_a_recorded_commit_has_its_parents_and_the_committers_clock(repository: Repository, tmp_path: Path) -> None:
    one = repository.commit("one", {"a.yaml": "1"})
    two = repository.commit("two", {"a.yaml": "2"})
    history = GitHistory(repository.root, None)
    assert history.recorded("HEAD~1") == Recorded(id=one, parents=(), at="2026-01-01T00:00:00Z")
    assert history.recorded(two[:10]) == Recorded(id=two, parents=(one,), at="2026-01-01T01:00:00Z")
    repository.git("checkout", "-q", "-b", "side", one)
    three = repository.commit("three", {"b.yaml": "1"})
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "main", **who())
    assert history.recorded("HEAD").parents == (three, two)
    repository.git("checkout", "-q", "main")
    for name, words in (("side", "is not part of HEAD"), ("nowhere", "there is no commit 'nowhere'"), ("--help", "there is no commit")):
        with pytest.raises(DesiredStateError, match=words):
            history.recorded(name)
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{repository.root}", tmp_path / "clone"], check=True, capture_output=True)
    with pytest.raises(DesiredStateError, match="shallow and ends at commit") as raised:
        GitHistory(tmp_path / "clone", None).recorded("HEAD")
    assert "git fetch --unshallow" in raised.value.hint
