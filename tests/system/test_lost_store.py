"""A store that is gone is missed, also where no mail lies beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.command import Commands
from support.estate_folder import imap_profile, user_mailbox, write_estate


def test_a_store_that_had_no_mail_is_not_begun_anew_either(tmp_path: Path) -> None:
    """What was applied, and items that are kept in step, would be made a second time."""
    commands = Commands(state=tmp_path / "state", cache=tmp_path / "cache")
    folder = write_estate(tmp_path / "estate", [imap_profile("one"), user_mailbox("sales")])
    password = commands.state / "secrets" / "password"
    password.parent.mkdir(parents=True, mode=0o700)
    password.write_text("x\n")
    password.chmod(0o600)
    file, place = tmp_path / "b.tar", commands.state / "dev"

    def run(*words: str, code: int = 0) -> str:
        done = commands.run(*words, *(("-C", str(folder)) if words[0] in ("plan", "apply") else ()))
        assert done.code == code, (words, done.out, done.err)
        return done.out + done.err

    run("apply", "--yes")
    assert not list(place.rglob("*.pack"))
    run("backup", str(file))
    shutil.move(place, tmp_path / "aside")
    # A backup brings the note along, wherever it is put.
    run("restore", str(file), "-e", "dev")
    (place / "engine.db").unlink()
    for words in (("plan",), ("apply", "--yes"), ("sync",), ("status",)):
        assert "there was a store" in run(*words, code=1), words
    assert not (place / "engine.db").exists()
    run("restore", str(file), "-e", "dev")
    run("plan", "--detailed-exitcode")
    # Another name is a folder that was moved.
    place.rename(commands.state / "other")
    run("status", "-e", "other")
