"""One contract for every source: the same tree reads the same from a folder, from git, and from memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconcile.errors import DesiredStateError, ReconcileError, TimedOut
from reconcile.model.finding import Finding
from reconcile.ports.source import Source, SourceFile
from reconcile.source.folder import FolderSource
from reconcile.source.git import GitSource
from reconcile.source.git_process import trusted_repository
from support.estate import Texts

TREE: dict[str, bytes] = {
    "environment.yaml": b"kind: Environment\n",
    "b/two.yml": b"two\r\n",
    "b/deep/er/three.YAML": b"\xff\x00 three",
    "empty.yaml": b"",
    "b/people.CSV": b"E-Mail\r\n",
    "large.csv": b"x" * 1_100_000,
    "name with spaces: 'and' \"quotes\".yaml": b"x",
    "line\nbreak.yaml": b"y",
    "tab\there.yaml": b"z",
    "-dash.yaml": b"d",
    "größe.yaml": b"g",
}
IGNORED: dict[str, bytes] = {
    "README.md": b"# x",
    "yaml": b"no extension",
    ".hidden.yaml": b"x",
    ".git-like/config.yaml": b"x",
    "b/.github/workflow.yml": b"x",
}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@contoso.example", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def write(root: Path, tree: dict[str, bytes]) -> Path:
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def commit(root: Path) -> Path:
    git(root, "init", "-q", "-b", "main", ".")
    git(root, "add", "-A", "-f")
    git(root, "commit", "-q", "-m", "estate")
    return root


def folder(scratch: Path) -> Source:
    return FolderSource(write(scratch, {**TREE, **IGNORED}))


def folder_behind_a_link(scratch: Path) -> Source:
    write(scratch / "real", {**TREE, **IGNORED})
    (scratch / "link").symlink_to("real")
    return FolderSource(scratch / "link")


def revision(scratch: Path) -> Source:
    return GitSource(commit(write(scratch, {**TREE, **IGNORED})), "main")


def packed(scratch: Path) -> Source:
    root = commit(write(scratch, {**TREE, **IGNORED}))
    git(root, "gc", "-q")
    return GitSource(root, "HEAD")


def subfolder(scratch: Path) -> Source:
    write(scratch / "estates" / "one", {**TREE, **IGNORED})
    write(scratch, {"outside.yaml": b"o", "estates/one-more/outside.yaml": b"o"})
    commit(scratch)
    return GitSource(scratch / "estates" / "one", "main")


def bare(scratch: Path) -> Source:
    commit(write(scratch / "work", {**TREE, **IGNORED}))
    git(scratch, "clone", "-q", "--bare", "work", "bare.git")
    return GitSource(scratch / "bare.git", "main")


def changed_work_tree(scratch: Path) -> Source:
    """What is in the work tree or the index does not count."""
    root = commit(write(scratch, {**TREE, **IGNORED}))
    (root / "environment.yaml").write_bytes(b"changed")
    (root / "new.yaml").write_bytes(b"new")
    git(root, "rm", "-q", "--cached", "empty.yaml")
    return GitSource(root, "main")


def hostile_configuration(scratch: Path) -> Source:
    """Nothing that a repository configures runs or changes what is read."""
    root = commit(write(scratch, {**TREE, **IGNORED}))
    (root / ".gitattributes").write_text("* text=auto eol=crlf filter=evil\n")
    for name, value in (
        ("core.fsmonitor", f"touch {root}/owned"),
        ("core.pager", f"touch {root}/owned"),
        ("filter.evil.smudge", f"touch {root}/owned"),
        ("alias.ls-tree", f"!touch {root}/owned"),
    ):
        git(root, "config", name, value)
    return GitSource(root, "main")


def memory(scratch: Path) -> Source:
    return Texts(TREE)


SOURCES: tuple[Callable[[Path], Source], ...] = (
    folder,
    folder_behind_a_link,
    revision,
    packed,
    subfolder,
    bare,
    changed_work_tree,
    hostile_configuration,
    memory,
)


@pytest.fixture(params=SOURCES, ids=lambda make: make.__name__)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    made: Source = request.param(tmp_path)
    return made


def test_it_lists_and_reads_the_tree(source: Source, tmp_path: Path) -> None:
    listing = source.list()
    assert [file.path for file in listing.files] == sorted(TREE)
    assert listing.findings == ()
    assert {file.path: content for file, content in source.read(listing.files)} == TREE
    assert [file.size for file in listing.files] == [len(TREE[path]) for path in sorted(TREE)]
    assert not (tmp_path / "owned").exists()


def test_it_reads_in_the_order_asked_for(source: Source) -> None:
    files = list(reversed(source.list().files))
    assert [file.path for file, _ in source.read(files)] == [file.path for file in files]
    assert list(source.read([])) == []
    twice = [files[0], files[0]]
    assert [content for _, content in source.read(twice)] == [TREE[files[0].path]] * 2


def test_it_can_be_listed_again(source: Source) -> None:
    assert [file.path for file in source.list().files] == [file.path for file in source.list().files]


def ids(source: Source) -> dict[str, str]:
    return {file.path: file.content_id for file in source.list().files}


def test_the_content_id_of_a_folder_follows_every_change(tmp_path: Path) -> None:
    root = write(tmp_path, TREE)
    # Changing times sets the change time to now: pretend that it is later.
    later = time.time() + 60
    source = FolderSource(root, now=lambda: later)
    before = ids(source)
    assert all(before.values())
    assert ids(source) == before
    path = root / "empty.yaml"
    status = path.stat()
    (root / "b" / "two.yml").write_bytes(b"owt\r\n")
    os.utime(root / "b" / "two.yml", ns=(status.st_atime_ns, status.st_mtime_ns))
    os.rename(root / "-dash.yaml", tmp_path / "other")
    (root / "-dash.yaml").write_bytes(b"e")
    after = ids(source)
    assert {name for name in before if before[name] != after[name]} == {"b/two.yml", "-dash.yaml"}


def test_a_file_that_was_just_written_has_no_content_id(tmp_path: Path) -> None:
    """It may change again within the same tick of the clock."""
    root = write(tmp_path, TREE)
    assert set(ids(FolderSource(root, now=time.time)).values()) == {""}
    assert set(ids(FolderSource(root)).values()) == {""}


def test_a_file_that_changes_between_listing_and_reading_is_not_cached(tmp_path: Path) -> None:
    later = time.time() + 60
    source = FolderSource(write(tmp_path, TREE), now=lambda: later)
    listing = source.list()
    (tmp_path / "environment.yaml").write_bytes(b"other content, and longer")
    read = {file.path: (file.content_id, content) for file, content in source.read(listing.files)}
    assert read["environment.yaml"] == ("", b"other content, and longer")
    assert read["empty.yaml"][0]


@pytest.mark.parametrize("what", ["gone", "pipe", "link", "grown", "folder"])
def test_a_file_that_becomes_something_else_is_a_finding(what: str, tmp_path: Path) -> None:
    source = FolderSource(write(tmp_path, TREE), largest=1000)
    listing = source.list()
    path = tmp_path / "environment.yaml"
    path.unlink()
    match what:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("empty.yaml")
        case "grown":
            path.write_bytes(b"x" * 1001)
        case "folder":
            path.mkdir()
        case _:
            pass
    contents = {file.path: content for file, content in source.read(listing.files)}
    finding = contents["environment.yaml"]
    assert isinstance(finding, Finding)
    assert finding.position.file == "environment.yaml"
    assert contents["empty.yaml"] == b""


def test_the_content_id_of_a_revision_is_that_of_the_blob(tmp_path: Path) -> None:
    root = commit(write(tmp_path, {"a.yaml": b"same", "b.yaml": b"same", "c.yaml": b"other"}))
    found = ids(GitSource(root, "HEAD"))
    assert found["a.yaml"] == found["b.yaml"] != found["c.yaml"]
    assert found["a.yaml"] == "git:" + git(root, "hash-object", "a.yaml").strip()


@pytest.mark.parametrize("name", ["main", "v1", "HEAD", "HEAD~0", "main^{tree}^{}", "short"])
def test_a_revision_is_resolved_once_to_a_full_id(name: str, tmp_path: Path) -> None:
    root = commit(write(tmp_path, {"a.yaml": b"a"}))
    git(root, "tag", "-a", "v1", "-m", "v1")
    head = git(root, "rev-parse", "HEAD").strip()
    source = GitSource(root, head[:10] if name == "short" else name)
    if name == "main^{tree}^{}":
        with pytest.raises(DesiredStateError):
            _ = source.revision
        return
    assert source.revision == head
    (root / "b.yaml").write_bytes(b"b")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "more")
    assert [file.path for file in source.list().files] == ["a.yaml"]
    assert source.revision == head


def test_many_files_and_large_ones_do_not_block(tmp_path: Path) -> None:
    tree = {f"f{number:04d}.yaml": b"x" * (number * 37 % 70_000) for number in range(700)}
    source = GitSource(commit(write(tmp_path, tree)), "HEAD")
    assert {file.path: content for file, content in source.read(source.list().files)} == tree


def test_a_reader_that_stops_early_leaves_no_process(tmp_path: Path) -> None:
    source = GitSource(commit(write(tmp_path, TREE)), "HEAD")
    contents = source.read(source.list().files)
    next(iter(contents))
    assert any(b"cat-file" in command for command in children())
    del contents
    assert not any(b"cat-file" in command for command in children())


def children() -> list[bytes]:
    """Command lines of this process's children."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append((entry / "cmdline").read_bytes())
    return found


def test_a_missing_object_is_a_finding(tmp_path: Path) -> None:
    source = GitSource(commit(write(tmp_path, TREE)), "HEAD")
    ghost = SourceFile("ghost.yaml", "git:" + "1" * 40, 1)
    ((_, finding),) = source.read([ghost])
    assert isinstance(finding, Finding)
    assert finding.rule == "source/unreadable"


def fake_git(scratch: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    tools = scratch / "tools"
    tools.mkdir()
    (tools / "git").write_text(f"#!/bin/sh\n{script}\n")
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    (scratch / "estate").mkdir()
    return scratch / "estate"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("sleep 30", TimedOut),
        ('case "$*" in *cat-file*) exit 0;; *rev-parse*) echo;; esac', DesiredStateError),
        ('case "$*" in *cat-file*) exec sleep 30;; *rev-parse*) echo;; esac', TimedOut),
        ('case "$*" in *cat-file*) echo "x blob 100"; echo short; exit 0;; *rev-parse*) echo;; esac', DesiredStateError),
    ],
)
def test_git_that_hangs_or_dies_is_an_error_in_time(
    script: str, error: type[ReconcileError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = GitSource(fake_git(tmp_path, script, monkeypatch), "HEAD", timeout=0.3)
    started = time.monotonic()
    with pytest.raises(error):
        list(source.read([SourceFile("a.yaml", "git:" + "1" * 40, 1)]) if "cat-file" in script else source.list().files)
    assert time.monotonic() - started < 10


def test_a_repository_is_trusted_when_it_has_the_owner_of_the_folder(tmp_path: Path) -> None:
    root = commit(write(tmp_path / "top", {"estate/a.yaml": b"a"}))
    estate = root / "estate"
    git(tmp_path, "clone", "-q", "--bare", "top", "bare.git")
    assert trusted_repository(estate) == trusted_repository(root) == root
    assert trusted_repository(tmp_path / "bare.git") == tmp_path / "bare.git"
    assert trusted_repository(tmp_path / "missing") is None
    if os.geteuid() != 0:
        return  # only root can give files away; what follows is the same rule from the other side
    for path in (root, *root.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    assert [file.path for file in GitSource(estate, "HEAD").list().files] == ["a.yaml"]
    os.chown(estate, 0, 0)
    assert trusted_repository(estate) is None
    with pytest.raises(DesiredStateError) as raised:
        GitSource(estate, "HEAD").list()
    assert "different accounts" in raised.value.hint


def test_the_environment_of_git_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook's GIT_DIR, or a token in the environment, does not reach it."""
    root = commit(write(tmp_path / "estate", {"a.yaml": b"a"}))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.repositoryformatversion")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "99")
    assert [file.path for file in GitSource(root, "HEAD").list().files] == ["a.yaml"]


@pytest.mark.parametrize("make", [folder, folder_behind_a_link, revision, packed])
def test_one_file_by_its_path_whatever_its_name(make: Callable[[Path], Source], tmp_path: Path) -> None:
    source = make(tmp_path)
    assert source.octets(".hidden.yaml") == b"x"
    assert source.octets("b/.github/workflow.yml") == b"x"
    assert source.octets("environment.yaml") == b"kind: Environment\n"
    assert source.octets("b/deep/er/three.YAML") == b"\xff\x00 three"
    assert source.octets("missing.json") is None
    assert source.octets("b/missing.json") is None
    with pytest.raises(DesiredStateError):
        source.octets("b")


@pytest.mark.parametrize("committed", [False, True])
def test_a_link_is_no_file_by_its_path(committed: bool, tmp_path: Path) -> None:
    root = write(tmp_path / "tree", {"environment.yaml": b"kind: Environment\n"})
    (tmp_path / "outside").write_text("secret")
    (root / "inner.json").symlink_to("environment.yaml")
    (root / "outer.json").symlink_to("../outside")
    (root / "nowhere.json").symlink_to("nothing")
    source: Source = GitSource(commit(root), "main") if committed else FolderSource(root)
    for name in ("inner.json", "outer.json", "nowhere.json"):
        with pytest.raises(DesiredStateError):
            source.octets(name)
