"""reconcile ci where the change lies in the work tree, and leads elsewhere: to another folder, another repository, another history."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reconcile.cli.main import run
from support.gated import ENVIRONMENT, base_files, gated, profile
from support.repository import Repository, new_repository


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))


def gate(repository: Repository, *words: str, base: str = "main") -> int:
    return run(["ci", "-C", str(repository.root / "estate"), "--base", base, "--out", str(repository.root.parent / "out"), *words])


@pytest.mark.parametrize("outside", [False, True])
def test_a_link_in_the_place_of_the_estate_leads_to_no_base_that_says_nothing(
    outside: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = gated(tmp_path / "repository", {"estate/profiles/one.yaml": profile("1m")})
    target = tmp_path / "other" / "of-the-author" if outside else repository.root / "other"
    target.parent.mkdir(exist_ok=True)
    if outside:
        new_repository(tmp_path / "other" / "of-the-author").commit("Mine", {"environment.yaml": ENVIRONMENT})
        shutil.rmtree(repository.root / "estate")
    else:
        shutil.move(repository.root / "estate", target)
    (repository.root / "estate").symlink_to(target)
    repository.commit("Lead elsewhere")
    assert gate(repository) == 1
    said = capsys.readouterr().err
    assert f"{repository.root / 'estate'} is a link" in said
    assert "check out the base, not the change" in said


def test_a_link_to_the_repository_itself_is_no_ones_trick(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {})
    (tmp_path / "link").symlink_to(repository.root)
    assert run(["ci", "-C", str(tmp_path / "link" / "estate"), "--base", "main"]) == 0


def test_a_bare_repository_in_the_place_of_the_estate_judges_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tree may hold HEAD, objects, refs and config, and git would take the folder for a repository: with branches of its author."""
    repository = gated(tmp_path / "repository", {"estate/profiles/one.yaml": profile("1m")})
    own = new_repository(tmp_path / "own")
    own.commit("Mine", {"environment.yaml": ENVIRONMENT})
    own.git("config", "core.bare", "true")
    for name in ("HEAD", "config", "objects", "refs"):
        there = own.root / ".git" / name
        (shutil.copytree if there.is_dir() else shutil.copy)(there, repository.root / "estate" / name)
    repository.commit("Bring a history")
    assert gate(repository) == 1
    assert "is a repository inside of another one's work tree" in capsys.readouterr().err
    assert run(["lint", "--revision", "HEAD", "-C", str(repository.root / "estate")]) == 1
    # Read from elsewhere it is a change like any other.
    repository.git("checkout", "-qf", "main")
    repository.git("clean", "-qffdx")
    assert gate(repository, "--revision", "change") == 3


def test_a_submodule_in_the_place_of_the_estate_judges_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = gated(tmp_path / "repository", {})
    own = new_repository(tmp_path / "own")
    own.commit("Mine", {"environment.yaml": ENVIRONMENT})
    repository.git("rm", "-rq", "estate")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(own.root), "estate")
    repository.commit("Bring a history")
    assert gate(repository) == 1
    assert "is a submodule" in capsys.readouterr().err


def test_the_estate_of_the_base_is_gone_in_the_change(tmp_path: Path) -> None:
    """As a link, a file or a submodule, read from its objects."""
    for number, kind in enumerate(("link", "file", "nothing")):
        repository = gated(tmp_path / str(number) / "repository", dict.fromkeys(base_files()))
        shutil.rmtree(repository.root / "estate", ignore_errors=True)
        if kind == "link":
            (repository.root / "estate").symlink_to("/etc")
        elif kind == "file":
            (repository.root / "estate").write_text(ENVIRONMENT)
        repository.commit("Put something else there")
        repository.git("checkout", "-qf", "main")
        assert gate(repository, "--revision", "change") == 4, kind
        told = json.loads((repository.root.parent / "out" / "result.json").read_text())
        assert [one["name"] for one in told["environments"]] == ["prod"]
