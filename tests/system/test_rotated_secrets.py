"""A password that changes behind its reference: seen, handed over, and shown nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Commands, Result
from support.estate_folder import imap_profile, user_mailbox, write_estate

FIRST, SECOND, THIRD = "canary-one-7f3a", "canary-two-91bc", "canary-three-55de"


class Watched:
    """Runs commands and keeps everything they print."""

    def __init__(self, commands: Commands, folder: Path) -> None:
        self.commands = commands
        self.folder = folder
        self.printed: list[str] = []

    def __call__(self, *words: str, estate: bool = True, **variables: str) -> Result:
        done = self.commands.run(*words, *(("-C", str(self.folder)) if estate else ()), **variables)
        self.printed += [done.out, done.err]
        return done

    def set_file(self, value: str) -> None:
        path = self.commands.state / "secrets" / "password"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(value + "\n")
        path.chmod(0o600)

    def kept(self) -> bytes:
        """Everything on disk but the file of the secret itself."""
        own = self.commands.state / "secrets"
        paths = [*self.commands.state.rglob("*"), *self.folder.parent.glob("*.json"), *self.commands.cache.rglob("*")]
        return b"".join(path.read_bytes() for path in paths if path.is_file() and own not in path.parents)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    credentials = {"allowUse": True, "username": "info", "password": "env:CANARY"}
    folder = write_estate(tmp_path / "estate", [imap_profile("one"), user_mailbox("sales"), user_mailbox("info", credentials=credentials)])
    made = Watched(Commands(state=tmp_path / "state", cache=tmp_path / "cache"), folder)
    made.set_file(FIRST)
    return made


def test_a_value_that_changed_is_planned_handed_over_and_shown_nowhere(watched: Watched, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    assert watched("apply", "--yes", CANARY=FIRST).code == 0
    assert watched("plan", "--detailed-exitcode", CANARY=FIRST).code == 0

    watched.set_file(SECOND)
    assert watched("plan", "--detailed-exitcode", CANARY=SECOND).code == 2
    text = watched("plan", "--verbose", "--out", str(saved), CANARY=SECOND).out
    assert "the value behind env:CANARY is another one" in text
    assert "the value behind file:password is another one" in text
    assert "update 2" in text
    assert watched("show", str(saved), estate=False).out == text
    document = json.loads(watched("plan", "--output", "json", CANARY=SECOND).out)
    assert sorted(change["rotated"][0]["reference"] for change in document["plan"]["changes"]) == ["env:CANARY", "file:password"]
    assert "connects with the new value" in watched("plan", "--output", "markdown", CANARY=SECOND).out
    assert watched("drift", CANARY=SECOND).code == 0

    # It changed once more before it was applied: what is handed over is what there is.
    watched.set_file(THIRD)
    assert watched("apply", str(saved), estate=False, CANARY=THIRD).code == 0
    assert watched("plan", "--detailed-exitcode", CANARY=THIRD).code == 0
    watched("history", "--output", "json")

    everything = "\n".join(watched.printed).encode() + watched.kept()
    for canary in (FIRST, SECOND, THIRD):
        assert canary.encode() not in everything


def test_a_mailbox_that_failed_is_looked_at_at_once_with_the_new_value(watched: Watched) -> None:
    """Not hours later: nothing but the value behind the reference was wrong."""
    write_estate(watched.folder, [imap_profile("one", incoming={"server": "127.0.0.1", "port": 9}), user_mailbox("sales")])
    assert watched("apply", "--yes").code == 0
    assert watched("sync", estate=False).code == 1
    assert _why(watched).startswith("127.0.0.1:9")
    # Applied again without a change, nothing is new.
    assert watched("apply", "--yes").code == 0
    assert _why(watched).startswith("127.0.0.1:9")
    watched.set_file(SECOND)
    assert watched("apply", "--yes").code == 0
    assert _why(watched).startswith("changed since it failed: 127.0.0.1:9")


def _why(watched: Watched) -> str:
    (mailbox,) = json.loads(watched("mailboxes", "--output", "json", estate=False).out)["mailboxes"]
    return str(mailbox["why"])


def test_what_this_host_cannot_read_is_told_and_nothing_follows(watched: Watched) -> None:
    assert watched("apply", "--yes", CANARY=FIRST).code == 0
    blind = watched("plan", "--detailed-exitcode")
    assert blind.code == 0
    assert "not compared: env:CANARY: the environment variable CANARY is not set (credentials.password of Mailbox/info)" in blind.out
    assert "file:password" not in blind.out
    # Comparing revisions and looking for drift resolve nothing, so there is nothing to tell.
    assert "not compared: env:" not in watched("drift").out
    # Lint resolves nothing: it says the same with and without the secret. The reference it points at may show, its value may not.
    without, with_it = watched("lint"), watched("lint", CANARY=FIRST)
    assert "env:CANARY" in without.out
    assert (without.code, without.out, without.err) == (with_it.code, with_it.out, with_it.err)
    assert FIRST not in with_it.out + with_it.err
    assert "not compared" not in without.out + without.err


def test_a_plan_makes_no_key(watched: Watched) -> None:
    assert watched("plan", CANARY=FIRST).code == 0
    assert not (watched.commands.state / "secrets" / "reconcile.key").exists()
    assert not (watched.commands.state / "dev").exists()
    assert watched("apply", "--yes", CANARY=FIRST).code == 0
    key = watched.commands.state / "secrets" / "reconcile.key"
    away = key.read_bytes()
    key.unlink()
    shown = watched("plan", CANARY=SECOND)
    assert shown.code == 0
    assert "not compared: " in shown.out
    assert "there is no key" in shown.out
    assert not key.exists()
    key.write_bytes(away)


def test_a_new_sealing_key_hides_no_change_and_makes_none(watched: Watched) -> None:
    assert watched("apply", "--yes", CANARY=FIRST).code == 0
    rotated = watched("key", "rotate", estate=False)
    assert rotated.code == 0, rotated.err
    calm = watched("plan", "--detailed-exitcode", CANARY=FIRST)
    assert (calm.code, "not compared" in calm.out) == (0, False)
    seen = watched("plan", "--detailed-exitcode", CANARY=SECOND)
    assert (seen.code, "the value behind env:CANARY is another one" in seen.out) == (2, True)
