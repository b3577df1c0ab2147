"""plan --revert from the command line: every way a commit can change an estate, taken back and applied."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.command import Commands, Result
from support.estate_folder import imap_profile, user_mailbox, write_estate
from support.repository import Repository, new_repository

Box = tuple[str, str, Mapping[str, object]]


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    made = Commands(state=tmp_path / "state", cache=tmp_path / "cache")
    (made.state / "secrets").mkdir(parents=True, mode=0o700)
    (made.state / "secrets" / "password").write_text("correct horse\n")
    (made.state / "secrets" / "password").chmod(0o600)
    return made


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "estate")


def step(commands: Commands, repository: Repository, message: str, *documents: Box, apply: bool = True) -> str:
    """Write the estate, commit it, apply it; the commit."""
    write_estate(repository.root, documents)
    commit = repository.commit(message)
    if apply:
        lifted = [word for name in ("bulk-delete", "emptied", "floor-moved-back", "profile-in-use") for word in ("--lift-brake", name)]
        done = commands.run("apply", "--yes", "-C", str(repository.root), *lifted)
        assert done.code == 0, done.out + done.err
    return commit


def plan(commands: Commands, repository: Repository, *words: str) -> Result:
    return commands.run("plan", "-C", str(repository.root), *words)


def rows(commands: Commands) -> dict[str, Mapping[str, object]]:
    """What the target has."""
    connection = sqlite3.connect(commands.state / "dev" / "engine.db")
    try:
        found = connection.execute("SELECT kind, name, spec FROM resource").fetchall()
    finally:
        connection.close()
    return {f"{kind}/{name}": json.loads(spec) for kind, name, spec in found}


ONE, TWO = imap_profile("one"), imap_profile("two", displayName="Other", incoming={"server": "other.contoso.example"})


def test_everything_a_commit_did_is_taken_back_and_applied(commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, user_mailbox("kept"), user_mailbox("changed"), user_mailbox("old"), user_mailbox("gone"))
    before = rows(commands)
    commit = step(
        commands,
        repository,
        "two",
        ONE,
        TWO,
        user_mailbox("kept"),
        user_mailbox("changed", incoming="none", profile="two"),
        user_mailbox(
            "new-name", emailAddress="old@contoso.example", credentials={"allowUse": True, "username": "old", "password": "file:password"}
        ),
        user_mailbox("new"),
    )
    step(
        commands,
        repository,
        "later",
        ONE,
        TWO,
        user_mailbox("kept", outgoing="server-side"),
        user_mailbox("changed", incoming="none", profile="two", outgoing="server-side"),
        user_mailbox(
            "new-name", emailAddress="old@contoso.example", credentials={"allowUse": True, "username": "old", "password": "file:password"}
        ),
        user_mailbox("new"),
    )
    saved = repository.root.parent / "plan.json"
    shown = plan(commands, repository, "--revert", commit, "--out", str(saved))
    assert shown.code == 0, shown.err
    assert "Mailbox/kept" not in shown.out
    assert "~ Mailbox/old (was Mailbox/new-name)" in shown.out
    assert "x cannot be undone: Mailbox/gone was deleted on " in shown.out
    assert "x cannot be undone: Mailbox/new was created on " in shown.out
    assert f"git revert {commit[:9]}" in shown.out
    assert f"+ Mailbox/gone   # mailbox.yaml:28, takes back commit {commit[:9]}" in shown.out
    done = commands.run("apply", str(saved), "-C", str(repository.root))
    assert done.code == 0, done.out + done.err
    after = rows(commands)
    assert after.keys() == before.keys()
    later = {"Mailbox/kept": {"outgoing": "server-side"}, "Mailbox/changed": {"outgoing": "server-side"}}
    assert after == {name: {**spec, **later.get(name, {})} for name, spec in before.items()}
    # Once is enough.
    again = plan(commands, repository, "--revert", commit, "--detailed-exitcode")
    assert (again.code, again.out.splitlines()[-1].startswith("create 0 · adopt 0 · update 0 · delete 0")) == (0, True)
    document = json.loads(plan(commands, repository, "--revert", commit, "--output", "json").out)
    assert document["plan"]["lasting"]


def test_what_was_changed_again_is_held_and_the_rest_goes_on(commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, user_mailbox("a"), user_mailbox("b"))
    commit = step(commands, repository, "two", ONE, user_mailbox("a", incoming="none"), user_mailbox("b", incoming="none"))
    step(commands, repository, "three", ONE, user_mailbox("a", incoming="forward-mailbox"), user_mailbox("b", incoming="none"))
    done = plan(commands, repository, "--revert", commit)
    assert done.code == 3
    assert "! Mailbox/a is held: changed again since commit" in done.out
    assert 'incoming was "server-side", the commit made it "none", today it is "forward-mailbox"' in done.out
    assert "~ Mailbox/b\n    incoming: none → server-side" in done.out


def test_other_pending_changes_are_left_out(commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, user_mailbox("a"), user_mailbox("b"))
    commit = step(commands, repository, "two", ONE, user_mailbox("a", incoming="none"), user_mailbox("b"))
    step(
        commands,
        repository,
        "pending",
        ONE,
        user_mailbox("a", incoming="none"),
        user_mailbox("b", incoming="none"),
        user_mailbox("c"),
        apply=False,
    )
    done = plan(commands, repository, "--revert", commit)
    assert (done.code, "Mailbox/b" in done.out, "Mailbox/c" in done.out) == (0, False, False)
    assert "~ Mailbox/a" in done.out
    assert "left out 2" in done.out


def test_of_a_merge_what_it_brought_is_taken_back(commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, user_mailbox("a"), user_mailbox("b"))
    repository.git("checkout", "-q", "-b", "side")
    step(commands, repository, "side", ONE, user_mailbox("a", incoming="none"), user_mailbox("b"), apply=False)
    repository.git("checkout", "-q", "main")
    repository.commit("main", {"README.md": "x"})
    who = {f"GIT_{role}_{what}": "x@contoso.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side", **who)
    assert commands.run("apply", "--yes", "-C", str(repository.root)).code == 0
    done = plan(commands, repository, "--revert", "HEAD")
    assert "incoming: none → server-side" in done.out
    assert "git revert -m 1 " in done.out
    # A commit outside of what is read is no step of it.
    repository.git("checkout", "-q", "-b", "elsewhere", "HEAD~1")
    refused = plan(commands, repository, "--revert", "main")
    assert (refused.code, refused.out) == (1, "")
    assert "is not part of HEAD: there is nothing to take back" in refused.err
    assert plan(commands, repository, "--revert", "main", "--revision", "main").code == 0


def test_the_first_commit_can_be_taken_back_and_the_brakes_stand(commands: Commands, repository: Repository) -> None:
    first = step(commands, repository, "one", ONE, user_mailbox("a"))
    done = plan(commands, repository, "--revert", first)
    assert done.code == 4
    assert "brake emptied" in done.out
    assert "- Mailbox/a" in done.out


def test_a_commit_that_changed_nothing_here_gives_an_empty_plan(commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, user_mailbox("a"))
    commit = repository.commit("words", {"README.md": "x"})
    done = plan(commands, repository, "--revert", commit, "--detailed-exitcode")
    assert (done.code, "cannot be undone" in done.out) == (0, False)


def test_a_floor_that_moved_back_stays_read(commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, user_mailbox("a", processEmailFrom="2026-02-01T00:00:00Z"))
    commit = step(commands, repository, "two", ONE, user_mailbox("a", processEmailFrom="2026-01-01T00:00:00Z"))
    done = plan(commands, repository, "--revert", commit)
    assert "processEmailFrom: 2026-01-01T00:00:00Z → 2026-02-01T00:00:00Z" in done.out
    assert "cannot be undone: Mailbox/a: mail from 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z was read from 20" in done.out


@pytest.mark.parametrize("name", ["nowhere", "-x", "", "HEAD^{tree}"])
def test_a_commit_that_is_not_there_is_an_error(name: str, commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, user_mailbox("a"), apply=False)
    done = plan(commands, repository, "--revert", name)
    assert (done.code, done.out) == (1, "")
    assert "there is no commit" in done.err
    assert "git log" in done.err


def test_options_that_exclude_each_other_are_refused(commands: Commands, repository: Repository) -> None:
    step(commands, repository, "one", ONE, apply=False)
    assert plan(commands, repository, "--revert", "HEAD", "--against", "git:HEAD").code == 64
    assert plan(commands, repository, "--online", "--against", "git:HEAD").code == 64
