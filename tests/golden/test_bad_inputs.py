"""Bad input, and the words each gets: never a traceback, everything in one run, no secret repeated.

A case is a folder with `estate/` and `expected.txt`. Environment and profile of `_base` are added unless the case has its own
or its name begins with `alone-`. What a repository cannot hold (pipes, links that lead out, undecodable names) is made here.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconcile.errors import DesiredStateError
from reconcile.ports.source import Source
from reconcile.source.folder import FolderSource
from reconcile.source.git import GitSource
from support.estate import mailbox, report
from support.golden import Golden

HERE = Path(__file__).parent / "bad_inputs"
CASES = sorted(entry.name for entry in HERE.iterdir() if (entry / "estate").is_dir())

#: What stands for secrets in the cases. None of it may ever be shown.
SECRETS = ("Correct-Horse", "Battery-Staple", "12345678,", "ghp_", "MIIEpAIBAAKC", "my-password!")


def with_base(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name in ("environment.yaml", "profile.yaml"):
        shutil.copy(HERE / "_base" / name, root / name)
    return root


def test_there_are_enough() -> None:
    assert len(CASES) + len(MADE) + len(REFUSED) >= 40


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, tmp_path: Path, golden: Golden) -> None:
    root = tmp_path / "estate"
    if not case.startswith("alone-"):
        with_base(root)
    shutil.copytree(HERE / case / "estate", root, dirs_exist_ok=True)
    text = report(FolderSource(root))
    for secret in SECRETS:
        assert secret not in text
    assert "\x1b" not in text
    golden.check(text, HERE / case / "expected.txt")


def out_of_the_tree(root: Path) -> None:
    (root.parent / "elsewhere.yaml").write_text(mailbox())
    (root / "sales.yaml").symlink_to("../elsewhere.yaml")


def inside_the_tree(root: Path) -> None:
    (root / "sales.yaml").write_text(mailbox())
    (root / "again.yaml").symlink_to("sales.yaml")


def leading_nowhere(root: Path) -> None:
    (root / "sales.yaml").symlink_to("missing.yaml")


def loop(root: Path) -> None:
    (root / "a.yaml").symlink_to("b.yaml")
    (root / "b.yaml").symlink_to("a.yaml")


def link_to_folder(root: Path) -> None:
    (root / "more").mkdir()
    (root / "more" / "sales.yaml").write_text(mailbox())
    (root / "same").symlink_to("more")


def folder_in_itself(root: Path) -> None:
    (root / "round").symlink_to(".")


def fifo(root: Path) -> None:
    os.mkfifo(root / "pipe.yaml")


def unix_socket(root: Path) -> None:
    # A path of a socket is at most some hundred bytes long: bind with a relative one.
    here = Path.cwd()
    os.chdir(root)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket.yaml")
    finally:
        os.chdir(here)


def huge_file(root: Path) -> None:
    with (root / "huge.yaml").open("wb") as file:
        file.truncate(3 * 1024**3)  # sparse


def name_not_utf8(root: Path) -> None:
    (root / os.fsdecode(b"verk\xe4ufe.yaml")).write_text(mailbox())


def folder_name_not_utf8(root: Path) -> None:
    (root / os.fsdecode(b"verk\xe4ufe")).mkdir()


def hostile_name(root: Path) -> None:
    (root / "a\x1b[2J\nb.yaml").write_text("kind: 'x")


def hidden(root: Path) -> None:
    (root / ".github").mkdir()
    (root / ".github" / "workflow.yaml").write_text("on: push")
    (root / ".pre-commit-config.yaml").write_text("repos: []")


MADE: dict[str, Callable[[Path], None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        out_of_the_tree,
        inside_the_tree,
        leading_nowhere,
        loop,
        link_to_folder,
        folder_in_itself,
        fifo,
        unix_socket,
        huge_file,
        name_not_utf8,
        folder_name_not_utf8,
        hostile_name,
        hidden,
    )
}


@pytest.mark.parametrize("case", MADE)
def test_made_case(case: str, tmp_path: Path, golden: Golden) -> None:
    root = with_base(tmp_path / "estate")
    MADE[case](root)
    golden.check(report(FolderSource(root)), HERE / f"made-{case}" / "expected.txt")


@pytest.mark.parametrize(("what", "name"), [("file", "sales.yaml"), ("folder", "more")])
def test_unreadable(what: str, name: str, tmp_path: Path, golden: Golden) -> None:
    """In a process without the right to read everything."""
    root = with_base(tmp_path / "estate")
    if what == "file":
        (root / name).write_text(mailbox())
    else:
        (root / name).mkdir()
    (root / name).chmod(0)
    try:
        golden.check(as_ordinary_user(lambda: report(FolderSource(root)), tmp_path), HERE / f"made-unreadable-{what}" / "expected.txt")
    finally:
        (root / name).chmod(0o700)


def as_ordinary_user(action: Callable[[], str], scratch: Path) -> str:
    """Root reads everything: do it in a child that gave that up."""
    if os.geteuid() != 0:
        return action()
    result = scratch / "result.txt"
    result.touch()
    for path in (*scratch.parents, scratch):
        if path.owner() == "root" and path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)
    result.chmod(0o666)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            result.write_text(action(), encoding="utf-8")
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return result.read_text(encoding="utf-8")


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@contoso.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def repository(folder: Path) -> Path:
    with_base(folder)
    git(folder, "init", "-q", "-b", "main", ".")
    return folder


def test_links_and_submodules_in_git(tmp_path: Path, golden: Golden) -> None:
    root = repository(tmp_path / "estate")
    out_of_the_tree(root)
    inside_the_tree_name = root / "again.yaml"
    inside_the_tree_name.symlink_to("profile.yaml")
    link_to_folder(root)
    (root / "more" / ".hidden.yaml").write_text("x")
    (root / "huge.yaml").write_bytes(b"# " + b"x" * 1_100_000)
    name_not_utf8(root)
    git(root, "add", "-A")
    git(root, "update-index", "--add", "--cacheinfo", "160000,1111111111111111111111111111111111111111,vendor")
    git(root, "commit", "-q", "-m", "estate")
    golden.check(report(GitSource(root, "main")), HERE / "made-git-links" / "expected.txt")


def unknown_revision(scratch: Path) -> Source:
    root = repository(scratch / "estate")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "estate")
    return GitSource(root, "releases/next")


def option_as_revision(scratch: Path) -> Source:
    root = repository(scratch / "estate")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "estate")
    return GitSource(root, "--output=owned")


def not_a_repository(scratch: Path) -> Source:
    return GitSource(with_base(scratch / "estate"), "HEAD")


def repository_without_commits(scratch: Path) -> Source:
    return GitSource(repository(scratch / "estate"), "HEAD")


def folder_missing(scratch: Path) -> Source:
    return FolderSource(scratch / "estate")


def folder_is_a_file(scratch: Path) -> Source:
    (scratch / "estate").write_text("")
    return FolderSource(scratch / "estate")


REFUSED: dict[str, Callable[[Path], Source]] = {
    function.__name__.replace("_", "-"): function
    for function in (unknown_revision, option_as_revision, not_a_repository, repository_without_commits, folder_missing, folder_is_a_file)
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_as_a_whole(case: str, tmp_path: Path, golden: Golden) -> None:
    source = REFUSED[case](tmp_path)
    with pytest.raises(DesiredStateError) as raised:
        source.list()
    text = f"error: {raised.value.message}\n  next: {raised.value.hint}\n".replace(str(tmp_path), "")
    golden.check(text, HERE / f"refused-{case}" / "expected.txt")


@pytest.mark.parametrize(("wanted", "case"), [("prodution", "environment-unknown"), ("test", "environment-named")])
def test_environment_by_name(wanted: str, case: str, tmp_path: Path, golden: Golden) -> None:
    root = tmp_path / "estate"
    shutil.copytree(HERE / "alone-two-environments" / "estate", root)
    golden.check(report(FolderSource(root), environment=wanted), HERE / f"made-{case}" / "expected.txt")
