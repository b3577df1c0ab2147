"""reconcile ci on a change by somebody who means harm, without a network: nothing of it executes, is followed, or leaks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.command import Commands, Result
from support.comment import harm
from support.findings import HOSTILE
from support.gated import base_files, mailbox
from support.published_schemas import violations
from support.repository import Repository, new_repository

CANARY = "canary-6b1f"
#: Ends a process that reaches for the network, starts anything but git, or opens anything of the checkout by itself.
WATCH = """
import os, sys

def watch(event, arguments):
    if event.startswith("socket."):
        os.write(2, b"NETWORK"); os._exit(99)
    if event in ("os.exec", "os.system", "os.posix_spawn", "os.spawn", "pty.spawn") or (event == "subprocess.Popen" and arguments[0] != "git"):
        os.write(2, b"EXECUTED " + repr(arguments).encode()); os._exit(98)
    if event in ("open", "os.listdir", "os.scandir") and "/repository/" in (path := os.path.abspath(os.fsdecode(str(arguments[0]))) + "/") and "/.git/" not in path:
        os.write(2, b"OPENED " + repr(arguments).encode()); os._exit(97)

sys.addaudithook(watch)
"""


def _isolated() -> Sequence[str]:
    """A network of its own, without any interface that is up, where the machine allows it."""
    words = ("unshare", "-rn")
    if shutil.which("unshare") and subprocess.run([*words, "true"], capture_output=True).returncode == 0:
        return words
    return ()


@pytest.fixture
def machine(tmp_path: Path) -> Commands:
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    secrets = tmp_path / "state" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "password").write_text(CANARY)
    return Commands(state=tmp_path / "state", cache=tmp_path / "cache")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """main has the base and is checked out, as a careful pipeline has it; changes are made beside it."""
    made = new_repository(tmp_path / "repository")
    made.commit("Lay the estate", base_files())
    return made


def gate(machine: Commands, repository: Repository, revision: str, *words: str) -> Result:
    out = machine.state.parent / "out"
    variables = {
        "PYTHONPATH": os.pathsep.join([str(machine.state.parent / "watch"), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "SALES_PASSWORD": CANARY,
        "GITHUB_TOKEN": CANARY,
        "RECONCILE_SECRETS_DIR": str(machine.state / "secrets"),
    }
    command = ["ci", "--base", "main", "--revision", revision, "-C", str(repository.root / "estate"), "--out", str(out), "-o", "github"]
    done = subprocess.run(
        [*_isolated(), *machine.arguments(*command, *words)],
        env=machine.environment(variables),
        cwd=machine.state.parent,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    result = Result(code=done.returncode, out=done.stdout.decode("utf-8", "replace"), err=done.stderr.decode("utf-8", "replace"))
    assert result.code in (0, 3, 4), result.err
    written = result.out + result.err + "".join(path.read_text("utf-8") for path in sorted(out.iterdir()))
    assert CANARY not in written
    assert "root:" not in written, "/etc/passwd was read"
    assert [*harm((out / "comment.md").read_text("utf-8"))] == []
    assert len((out / "comment.md").read_text("utf-8")) <= 60_000
    assert len((out / "comment.md").read_bytes()) <= 90_000
    for line in result.out.splitlines():
        assert line.startswith(("::error ", "::warning ", "::notice ")), line
    assert "##[" not in result.err, "GitHub's runner takes it for a command, wherever it stands"
    ET.parse(out / "junit.xml")
    assert violations("sarif-schema-2.1.0.json", json.loads((out / "findings.sarif").read_text("utf-8"))) == []
    return result


def commit(repository: Repository, message: str = "Change", author: str = "Review <review@contoso.example>") -> str:
    """What lies in the work tree, as a commit beside main; the work tree is main again afterwards."""
    repository.git("checkout", "-q", "-b", "change")
    repository.git("add", "-A", "-f")
    made = repository.record(message, author=author)
    repository.git("checkout", "-qf", "main")
    repository.git("clean", "-qfd")
    return made


def found(machine: Commands) -> dict[str, list[str]]:
    """Rules by file."""
    findings = json.loads((machine.state.parent / "out" / "result.json").read_text("utf-8"))["findings"]
    files: dict[str, list[str]] = {}
    for one in findings:
        files.setdefault(one["file"], []).append(one["rule"])
    return files


def test_the_watch_notices_who_reads_the_checkout(machine: Commands, repository: Repository) -> None:
    done = machine.run("lint", "-C", str(repository.root / "estate"), PYTHONPATH=str(machine.state.parent / "watch"))
    assert (done.code, done.err[:6]) == (97, "OPENED")


def test_links_lead_nowhere(machine: Commands, repository: Repository, tmp_path: Path) -> None:
    estate = repository.root / "estate"
    (estate / "mailboxes" / "passwd.yaml").symlink_to("/etc/passwd")
    (estate / "mailboxes" / "secret.yaml").symlink_to("../../../state/secrets/password")
    (estate / "etc").symlink_to("/etc")
    shutil.rmtree(estate / "policies")
    (estate / "policies").symlink_to("/etc")
    assert gate(machine, repository, commit(repository)).code == 3
    files = found(machine)
    assert files["mailboxes/passwd.yaml"] == files["mailboxes/secret.yaml"] == ["source/link"]
    assert files["etc"] == files["policies"] == ["source/link-to-folder"]


def test_paths_that_lead_out_of_the_tree(machine: Commands, repository: Repository) -> None:
    """No git makes such a tree, but an object may hold anything."""

    def tree(*entries: tuple[str, str, str]) -> str:
        content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(object_id) for mode, name, object_id in entries)
        (repository.root / "entries").write_bytes(content)
        return repository.git("hash-object", "-t", "tree", "-w", "--literally", "entries")

    (repository.root / "evil.yaml").write_text(mailbox("evil"))
    blob = repository.git("hash-object", "-w", "evil.yaml")
    up = tree(("100644", "evil.yaml", blob))
    estate = repository.git("rev-parse", "main:estate")
    listed = [line.split(None, 3) for line in repository.git("ls-tree", estate).splitlines()]
    inner = tree(("40000", "..", up), *((mode.lstrip("0"), name, one) for mode, _, one, name in listed))
    top = tree(("40000", "estate", inner))
    made = repository.git("commit-tree", top, "-p", "main", "-m", "Lead out", **_someone())
    for file in ("entries", "evil.yaml"):
        (repository.root / file).unlink()
    gate(machine, repository, made)
    assert not (repository.root / "evil.yaml").exists()


def _someone() -> dict[str, str]:
    return {
        f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "x"), ("EMAIL", "x@contoso.example"))
    }


def test_bombs(machine: Commands, repository: Repository) -> None:
    folder = repository.root / "estate" / "mailboxes"
    with (folder / "huge.yaml").open("wb") as file:
        file.truncate(100_000_000)
    laughs = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (folder / "laughs.yaml").write_text(laughs)
    (folder / "deep.yaml").write_text("[" * 100_000)
    (folder / "nested.yaml").write_text("".join(f"{' ' * n}a:\n" for n in range(1000)))
    (folder / "tag.yaml").write_text("!!python/object/apply:os.system [touch /tmp/pwned]\n")
    (folder / "many.yaml").write_text("---\nx: 1\n" * 20_000)
    (folder / "binary.yaml").write_bytes(bytes(range(256)) * 100)
    (folder / "utf16.yaml").write_text(mailbox("utf"), encoding="utf-16")
    assert gate(machine, repository, commit(repository)).code == 3
    files = found(machine)
    assert files["mailboxes/huge.yaml"] == ["source/too-large"]
    assert "yaml/anchor" in files["mailboxes/laughs.yaml"]
    assert "yaml/tag" in files["mailboxes/tag.yaml"]
    assert "yaml/too-many-documents" in files["mailboxes/many.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["main:estate", "main"])
def test_a_tree_that_never_ends(where: str, machine: Commands, repository: Repository) -> None:
    """A few objects that name each other over and over: ten thousand million files, in the estate and beside it."""

    inner = _made(
        repository,
        "\n".join(f"100644 blob {repository.git('rev-parse', 'main:estate/environment.yaml')}\tf{number}" for number in range(10)),
    )
    for _ in range(9):
        inner = _made(repository, "\n".join(f"040000 tree {inner}\td{number}" for number in range(10)))
    top = _made(repository, f"{repository.git('ls-tree', where)}\n040000 tree {inner}\tz")
    if where != "main":
        estate = repository.git("rev-parse", where)
        top = _made(repository, repository.git("ls-tree", "main").replace(estate, top))
    made = repository.git("commit-tree", top, "-p", "main", "-m", "Never end", **_someone())
    command = ["ci", "--base", "main", "--revision", made, "-C", str(repository.root / "estate")]
    script = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({2 << 30}, {2 << 30})); import sys; from reconcile.cli.main import run; sys.exit(run({command!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=machine.environment({}), cwd=machine.state.parent, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 1, done.stderr
    assert "more than 500,000 files" in done.stderr


def _made(repository: Repository, rows: str) -> str:
    done = subprocess.run(["git", "mktree"], cwd=repository.root, input=rows + "\n", capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_words_that_steer(machine: Commands, repository: Repository) -> None:
    printable = HOSTILE.replace("\udc80", "").replace("\x00", "").replace("\ufffe", "")
    folder = repository.root / "estate" / "mailboxes"
    for number, name in enumerate(
        ("a\n::set-output name=x::y.yaml", "##[error]x.yaml", "</details><b>.yaml", "@all ![x](https:x.example).yaml")
    ):
        (folder / name.replace("/", "∕")).write_text(mailbox(f"h{number}", displayName=printable[:200], incoming=printable[:200]))
    (repository.root / ".github").mkdir()
    (repository.root / ".github" / "##[add-mask]e.yml").write_text("x")
    rule = base_files()["estate/policies/rules.yaml"] or ""
    (repository.root / "estate" / "policies" / "mine.yaml").write_text(
        rule.partition("---")[0].replace("patient-polling", "mine").replace("House rule", "</details>![x](https://x.example)")
    )
    done = gate(machine, repository, commit(repository, "::error::x </details> @all", "@all <x@contoso.example>"))
    assert done.code == 3


def test_nothing_of_git_is_talked_into_running_something(machine: Commands, repository: Repository) -> None:
    (repository.root / ".gitattributes").write_text("* diff=evil filter=evil textconv=evil\n*.yaml export-subst\n")
    (repository.root / ".gitmodules").write_text('[submodule "x"]\n\tpath = estate/x\n\turl = ext::sh -c touch% /tmp/pwned\n')
    hooks = repository.root / ".githooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text("#!/bin/sh\ntouch /tmp/pwned\n")
    (repository.root / "conftest.py").write_text("raise SystemExit(96)\n")
    (repository.root / "estate" / "sitecustomize.py").write_text("raise SystemExit(96)\n")
    (repository.root / "estate" / "mailboxes" / "new.yaml").write_text(
        mailbox("new", credentials={"allowUse": True, "username": "new", "password": "env:SALES_PASSWORD"})
    )
    assert gate(machine, repository, commit(repository)).code == 3
    told = json.loads((machine.state.parent / "out" / "result.json").read_text("utf-8"))
    assert told["verdict"] == "failed: an approval is missing", "of what git makes of files elsewhere"
    assert [one["what"] for one in told["judges"]] == [".gitattributes"]
    assert not Path("/tmp/pwned").exists()


def test_hundreds_of_broken_files_fit(machine: Commands, repository: Repository) -> None:
    folder = repository.root / "estate" / "mailboxes"
    for number in range(700):
        (folder / f"broken-{number}.yaml").write_text(mailbox(f"b{number}", incoming="忘" * 60))
    assert gate(machine, repository, commit(repository)).code == 3
    comment = (machine.state.parent / "out" / "comment.md").read_text("utf-8")
    assert "findings did not fit into this comment" in comment
    assert "### Plan for `prod`" in comment, "findings must not push out what the change would do"
