"""reconcile ci where the base is broken, empty, or has nothing in common with the change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.main import run
from support.gated import ENVIRONMENT, RULE, SETTINGS, base_files, gated, mailbox, profile
from support.repository import Repository


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))


def gate(repository: Repository, *words: str, base: str = "main") -> int:
    return run(["ci", "-C", str(repository.root / "estate"), "--base", base, "--out", str(repository.root.parent / "out"), *words])


def result(repository: Repository) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((repository.root.parent / "out" / "result.json").read_text())
    return document


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"estate/environment.yaml": ENVIRONMENT.replace("timeZone", "timezone")}, 'unknown field "timezone"'),
        ({"estate/environment.yaml": "a: [\n"}, "environment.yaml:1:5"),
        ({"estate/policies/settings.yaml": "a: [\n"}, "policies/settings.yaml:1:5"),
        ({"estate/policies/settings.yaml": SETTINGS.replace("approvers", "approverz")}, 'unknown field "approverz"'),
        ({"estate/policies/again.yaml": SETTINGS}, "declared twice"),
        ({"estate/policies/rules.yaml": RULE.replace("kind: PolicyRule", "kind: PolicyRull")}, "PolicyRull"),
    ],
)
def test_where_the_base_cannot_be_read_nobody_knows_who_judges(broken: dict[str, str | None], said: str, tmp_path: Path) -> None:
    """The change began while the base was sound, and edits what would have asked for an approval."""
    change = {"estate/profiles/one.yaml": profile("1m"), "estate/policies/settings.yaml": SETTINGS.replace("mail-lead", "me")}
    repository = gated(tmp_path / "repository", {**change, "estate/mailboxes/m5.yaml": None})
    repository.git("checkout", "-q", "main")
    repository.commit("Break it", broken)
    repository.git("checkout", "-q", "change")
    assert gate(repository, "--fail-on", "never") == 7
    (prod,) = result(repository)["environments"]
    assert prod["problem"].startswith("the base cannot be read as a whole")
    assert said in prod["problem"]
    assert "mend it first" in (tmp_path / "out" / "comment.md").read_text()


def test_one_environment_is_judged_though_another_is_not_asked_for(tmp_path: Path) -> None:
    """With --environment the others are not read, which is no fault of the base."""
    other = {
        "estate/environment-test.yaml": ENVIRONMENT.replace("prod", "test").replace("spec:\n", "spec:\n  layers: [profiles, mailboxes]\n")
    }
    repository = gated(tmp_path / "repository", {})
    repository.git("checkout", "-q", "main")
    repository.commit("Add another", other)
    repository.git("checkout", "-q", "-b", "next")
    repository.commit("Change it", {"estate/mailboxes/new.yaml": mailbox("new", incoming="none")})
    assert gate(repository, "-e", "prod") == 0
    assert gate(repository) == 0


def test_a_history_without_a_common_commit_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = gated(tmp_path / "repository", {"estate/mailboxes/new.yaml": mailbox("new")})
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile", {"estate/mailboxes/m6.yaml": mailbox("m6")})
    shallow = Repository(tmp_path / "shallow" / "clone")
    shallow.root.mkdir(parents=True)
    shallow.git("init", "-q", ".")
    for branch in ("main", "change"):
        shallow.git("fetch", "-q", "--depth=1", f"file://{repository.root}", f"+{branch}:refs/heads/{branch}")
    shallow.git("checkout", "-q", "main")
    assert gate(shallow, "--revision", "change") == 0
    assert result(shallow)["notes"][0].startswith("No commit is known that base and change both build on")
    assert "**No commit is known" in (shallow.root.parent / "out" / "comment.md").read_text()
    assert "git fetch --unshallow" in capsys.readouterr().err
    shallow.git("fetch", "-q", "--unshallow", f"file://{repository.root}")
    assert gate(shallow, "--revision", "change") == 0
    assert "notes" not in result(shallow)


def test_a_base_without_an_estate_judges_little_and_says_so(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {})
    repository.git("mv", "estate", "elsewhere")
    repository.commit("Move")
    (repository.root / "estate").mkdir()
    repository.commit("Another estate", {file: text for file, text in base_files().items() if "polic" not in file})
    # The folder that the pipeline asks for was there before: what is in it now is judged by what was.
    assert gate(repository) == 3
    repository.git("branch", "-f", "empty", repository.git("commit-tree", repository.git("mktree"), "-m", "x", **_someone()))
    gate(repository, base="empty")
    assert any("only the rules that come with reconcile judge" in note for note in result(repository)["notes"])


def _someone() -> dict[str, str]:
    return {
        f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "x"), ("EMAIL", "x@contoso.example"))
    }


def test_a_tag_with_the_name_of_the_base_is_not_the_base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """git takes tags first, and more people may push tags than the branch."""
    repository = gated(tmp_path / "repository", {"estate/profiles/one.yaml": profile("1m")})
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    assert gate(repository, base="origin/main") == 3
    repository.git("tag", "origin/main", "change")
    assert gate(repository, base="origin/main") == 1
    assert "origin/main may be refs/tags/origin/main or refs/remotes/origin/main" in capsys.readouterr().err
    assert gate(repository, base="refs/remotes/origin/main") == 3
