"""plan --against git:REF, as a pipeline of a pull request runs it: from the repository alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from support.command import Commands, Result
from support.estate_folder import document, imap_profile, user_mailbox, write_estate
from support.repository import Repository, new_repository
from support.tree import ROOT

#: Ends a process that reaches for the network, or looks into the state directory (named "state") in any way.
WATCH = """
import os, sys

def watch(event, arguments):
    if event.startswith("socket."):
        os.write(2, b"NETWORK"); os._exit(99)
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "sqlite3.connect") and "/state" in os.fsdecode(str(arguments[0])):
        os.write(2, b"STATE " + str(arguments).encode()); os._exit(98)

sys.addaudithook(watch)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = new_repository(tmp_path / "repository")
    estate(repository, *(user_mailbox(f"m{number}") for number in range(10)))
    repository.commit("Lay the estate")
    return repository


def estate(repository: Repository, *mailboxes: tuple[str, str, Mapping[str, object]]) -> None:
    write_estate(repository.root / "estate", [imap_profile("one"), *mailboxes])


@pytest.fixture
def offline(tmp_path: Path) -> Commands:
    """A machine without state, secrets and network."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    return Commands(state=tmp_path / "state", cache=tmp_path / "cache")


def against(commands: Commands, root: Path, base: str, *words: str) -> Result:
    watch = os.pathsep.join([str(commands.state.parent / "watch"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return commands.run("plan", "--against", base, "-C", str(root / "estate"), *words, PYTHONPATH=watch)


def test_a_pull_request_is_planned_from_the_repository_alone(repository: Repository, offline: Commands) -> None:
    kept = [user_mailbox(f"m{number}") for number in range(2, 9)]
    estate(
        repository,
        user_mailbox("m0", incoming="none"),
        user_mailbox("m1", outgoing="server-side"),
        *kept,
        user_mailbox("renamed", emailAddress="m9@contoso.example"),
        user_mailbox("new"),
    )
    repository.commit("Change", author="Review <review@contoso.example>")
    offline.state.write_text("a file where the state directory would be")
    done = against(offline, repository.root, "git:HEAD~1", "--detailed-exitcode")
    assert (done.code, done.err) == (2, "")
    lines = done.out.splitlines()
    assert "compared with git:HEAD~1" in lines[0]
    assert "cannot be applied" in lines[0]
    assert any(
        line.startswith("    incoming: server-side → none   # mailbox.yaml:7, changed in git, commit ")
        and line.endswith("(Review, 2026-01-01)")
        for line in lines
    )
    # Decided without a store too: this profile has no server to send over.
    assert "    → outgoing mail is asked for and will not start: see the notes" in lines
    assert any("names no outgoing server: nothing is sent: 1 mailbox (m1)" in line for line in lines)
    assert "~ Mailbox/renamed (was Mailbox/m9)" in lines
    assert any(line.startswith("+ Mailbox/new") for line in lines)
    assert lines[-1].startswith("create 1 · adopt 0 · update 3 · delete 0")
    assert offline.state.read_text() == "a file where the state directory would be"
    # The other way round, and of two revisions without the folder.
    estate(repository)
    back = against(offline, repository.root, "git:HEAD", "--revision", "HEAD~1", "--output", "json")
    document = json.loads(back.out)
    assert {change["key"]: change["action"] for change in document["plan"]["changes"]} == {
        "Mailbox/m0": "update",
        "Mailbox/m9": "update",
        "Mailbox/new": "delete",
    }
    assert document["plan"]["against"].startswith("git:HEAD (")


def test_without_a_home_nothing_is_kept_in_the_state_directory(repository: Repository, offline: Commands) -> None:
    done = offline.run(
        "plan", "--against", "git:HEAD", "-C", str(repository.root / "estate"), HOME="", RECONCILE_CACHE_DIR="", XDG_CACHE_HOME=""
    )
    assert (done.code, done.err) == (0, "")
    assert not offline.state.exists()
    assert not (repository.root / "estate" / ".reconcile").exists()


def test_such_a_plan_is_shown_but_never_applied(repository: Repository, offline: Commands, tmp_path: Path) -> None:
    estate(repository, *(user_mailbox(f"m{number}") for number in range(9)))
    saved = tmp_path / "plan.json"
    assert against(offline, repository.root, "git:main", "--out", str(saved)).code == 0
    assert "compared with git:main" in offline.run("show", str(saved)).out
    assert "Compared with `git:main" in offline.run("show", str(saved), "--output", "markdown").out
    done = offline.run("apply", str(saved), "-C", str(repository.root / "estate"))
    assert done.code == 1
    assert "the plan compares two revisions (git:main" in done.err
    assert "Plan without --against" in done.err
    assert not offline.state.exists()


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("main", "takes git:REF"),
        ("git:", "takes git:REF"),
        ("git:-x", "has no revision '-x'"),
        ("git:HEAD~99", "git fetch --unshallow brings what a shallow clone lacks"),
        ("git:origin/main", "git fetch origin +refs/heads/main:refs/remotes/origin/main"),
        # What is told to be run is copied: it must be that command and no other.
        ("git:main;reboot", "git fetch origin 'main;reboot', and name it FETCH_HEAD"),
        ("git:origin/$(reboot)", "git fetch origin '+refs/heads/$(reboot):refs/remotes/origin/$(reboot)'"),
        ("git:--upload-pack=reboot", "No branch, tag or commit is called so"),
    ],
)
def test_a_base_that_is_not_there_says_what_to_run(base: str, words: str, repository: Repository, offline: Commands) -> None:
    done = against(offline, repository.root, base)
    assert (done.code, done.out) == (1, "")
    assert words in done.err


def test_what_the_error_tells_to_run_helps_in_a_shallow_clone(repository: Repository, offline: Commands, tmp_path: Path) -> None:
    repository.git("checkout", "-q", "-b", "change")
    estate(repository, *(user_mailbox(f"m{number}") for number in range(9)))
    repository.commit("Change")
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", "--single-branch", "-b", "change", f"file://{repository.root}", clone],
        check=True,
        capture_output=True,
    )
    refused = against(offline, clone, "git:origin/main")
    assert refused.code == 1
    command = refused.err.split("Fetch it: ")[1].split()
    subprocess.run(command, cwd=clone, check=True, capture_output=True)
    done = against(offline, clone, "git:origin/main")
    assert (done.code, done.err) == (0, "")
    assert "- Mailbox/m9" in done.out


def test_what_is_bad_in_the_base_is_unknown_not_new(repository: Repository, offline: Commands) -> None:
    repository.write({"estate/bad.yaml": document("Mailbox", "bad", {"emailAddress": 5})})
    repository.commit("Break one")
    estate(repository, *(user_mailbox(f"m{number}") for number in range(10)), user_mailbox("bad"), user_mailbox("new"))
    done = against(offline, repository.root, "git:HEAD")
    assert done.code == 7
    assert "+ Mailbox" not in done.out
    assert "Mailbox/bad is held: could not be observed: bad.yaml" in done.out
    assert "Mailbox/new is held" in done.out


def test_an_estate_and_an_environment_may_be_new(repository: Repository, offline: Commands) -> None:
    repository.git("mv", "estate", "moved")
    repository.record("Move it away")
    repository.git("mv", "moved", "estate")
    assert against(offline, repository.root, "git:HEAD").out.count("+ Mailbox/") == 10
    repository.commit("Back")
    environment = (repository.root / "estate" / "environment.yaml").read_text()
    repository.write({"estate/environment.yaml": environment + "---\n" + environment.replace("name: dev", "name: test")})
    new = against(offline, repository.root, "git:HEAD", "-e", "test")
    assert (new.code, new.out.count("+ Mailbox/")) == (0, 10)
    # One that is there but cannot be read is not new.
    repository.commit("Break it", {"estate/environment.yaml": environment.replace("Europe/Berlin", "Nowhere/Nowhere")})
    repository.write({"estate/environment.yaml": environment})
    broken = against(offline, repository.root, "git:HEAD")
    assert (broken.code, broken.out) == (1, "")
    assert "environment dev cannot be read at HEAD: environment.yaml:6" in broken.err
    assert "reconcile lint --revision HEAD" in broken.err


def test_a_change_is_measured_by_the_brakes_of_the_base_and_its_edits_of_them_are_shown(repository: Repository, offline: Commands) -> None:
    environment = (repository.root / "estate" / "environment.yaml").read_text()
    estate(repository, *(user_mailbox(f"m{number}") for number in range(5)))
    repository.write({"estate/environment.yaml": environment + "  brakes: {bulkDelete: {count: 100}}\n"})
    done = against(offline, repository.root, "git:HEAD")
    assert done.code == 4
    assert "brake bulk-delete: 5 of " in done.out
    assert "brakes.bulkDelete.count: (none) → 100   # environment.yaml:8, declared for the first time, not committed" in done.out
    assert against(offline, repository.root, "git:HEAD", "--lift-brake", "bulk-delete").code == 0
    # Once the base says so, it holds.
    repository.git(
        "stash",
        "-q",
        "--",
        "estate/mailbox.yaml",
        **{f"GIT_{who}_{what}": "x@contoso.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    )
    repository.commit("Loosen")
    repository.git("stash", "pop", "-q")
    assert against(offline, repository.root, "git:HEAD").code == 0


def test_edits_of_protection_and_of_ignored_fields_are_shown(repository: Repository, offline: Commands) -> None:
    text = (repository.root / "estate" / "mailbox.yaml").read_text()
    first, rest = text.split("---\n", 1)
    repository.write(
        {
            "estate/mailbox.yaml": first.replace("spec:\n", "management: {protect: true, ignore: [incoming], onRemoval: forget}\nspec:\n")
            + "---\n"
            + rest
        }
    )
    done = against(offline, repository.root, "git:HEAD", "--output", "markdown")
    assert done.code == 0
    for path in ("management.protect", "management.onRemoval"):
        assert f"`{path}`" in done.out
    assert "owned elsewhere from now on, so no longer compared (ignore): incoming" in done.out


def test_a_field_that_is_declared_no_more_is_told(repository: Repository, offline: Commands) -> None:
    estate(repository, ("Mailbox", "m0", {"emailAddress": "m0@contoso.example"}), *(user_mailbox(f"m{number}") for number in range(1, 10)))
    done = against(offline, repository.root, "git:HEAD", "--verbose")
    assert done.code == 0
    assert "Mailbox/m0: incoming is declared no more: where it was applied it stays as it is" in done.out


def test_the_step_of_the_workflow_that_init_writes_does_what_it_says(repository: Repository, offline: Commands, tmp_path: Path) -> None:
    """Run as the runner would: bash, a clone with origin, the base in a variable."""
    workflow = YAML(typ="safe", pure=True).load((ROOT / "src" / "reconcile" / "cli" / "starter" / "workflow.yml").read_text("utf-8"))
    (step,) = [step for step in workflow["jobs"]["check"]["steps"] if "reconcile ci" in step.get("run", "")]
    assert step["env"] == {"BASE": "${{ github.base_ref }}"}
    repository.git("mv", "estate", "desired-state")  # where commands look when nothing is named
    repository.record("Move")
    repository.git("checkout", "-q", "-b", "change")
    root = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-b", "change", repository.root, root], check=True, capture_output=True)
    clone = Repository(root)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "reconcile").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconcile.cli.main "$@"\n')
    (tools / "reconcile").chmod(0o755)
    summary = tmp_path / "summary.md"
    variables = {
        "BASE": "main",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_STEP_SUMMARY": str(summary),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
    }

    def run() -> int:
        summary.unlink(missing_ok=True)
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(command, cwd=clone.root, env=offline.environment(variables), capture_output=True, timeout=60).returncode

    assert run() == 0
    assert summary.read_text().startswith("<!-- reconcile ci -->\n### Configuration check passed\n")
    assert "### Plan for `dev`: nothing to do" in summary.read_text()
    write_estate(clone.root / "desired-state", [imap_profile("one"), *(user_mailbox(f"m{number}") for number in range(5))])
    clone.commit("Take half away")
    assert run() == 4
    assert "**`bulk-delete`** 5 of " in summary.read_text()
    assert (tmp_path / "temp" / "gate" / "comment.md").read_text() == summary.read_text()
    assert not (clone.root / "desired-state" / ".reconcile").exists()


def test_an_environment_that_is_new_is_said_to_be(repository: Repository, offline: Commands) -> None:
    other = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: later}\nspec: {target: {type: engine}}\n"
    repository.commit("Another environment", {"estate/later.yaml": other})
    done = against(offline, repository.root, "git:HEAD~1", "-e", "later")
    assert "environment later was not declared there yet, so all of it is new" in done.out, done.err
