"""What the machine does to a command: no rights, no space, closed or narrow streams, names that are no text."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from support.command import Commands
from support.estate_folder import imap_profile, user_mailbox, write_estate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_estate(tmp_path / "estate", [imap_profile("one"), user_mailbox("sales", displayName="Vertrieb 日本")])


@pytest.mark.parametrize("words", [["plan"], ["drift"], ["apply", "--yes"]])
def test_findings_that_stop_everything_are_json_too(words: list[str], commands: Commands, folder: Path) -> None:
    done = commands.run(*words, "-C", str(folder), "-e", "nope", "-o", "json")
    document = json.loads(done.out)
    assert (done.code, document["exit"], document["findings"][0]["rule"]) == (3, "findings", "environment/unknown")


@pytest.mark.parametrize("words", [["plan"], ["drift"], ["apply", "--yes"], ["render", "sales"], ["coverage"]])
def test_where_nothing_was_looked_at_the_last_words_say_so(words: list[str], commands: Commands, folder: Path) -> None:
    (folder / "loop").symlink_to(".")
    done = commands.run(*words, "-C", str(folder))
    assert (done.code, done.out) == (3, "")
    assert "error[source/link-to-folder]" in done.err
    said, following = done.err.splitlines()[-2:]
    assert said == "error: neither estate nor Environment can be used, so nothing was done"
    assert following == "  next: Mend what stands above."


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, commands: Commands, folder: Path) -> None:
    line = f'"$@" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *commands.arguments("apply", "-C", str(folder))],
        env=commands.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_under_stdout_is_an_error_and_no_traceback(commands: Commands, folder: Path) -> None:
    for more in ([], ["-o", "json"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                commands.arguments("plan", "-C", str(folder), *more),
                env=commands.environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=60,
                check=False,
            )
        # What was told before it stands above it, and the next step below.
        error, following = done.stderr.splitlines()[-2:]
        assert (done.returncode, error) == (1, "error: No space left on device")
        assert following.startswith("  next: Check permissions and free space")
        assert "Traceback" not in done.stderr


def test_a_narrow_stdout_still_gets_json_in_utf_8(commands: Commands, folder: Path) -> None:
    def printed(*more: str) -> bytes:
        return subprocess.run(
            commands.arguments("plan", "-C", str(folder), *more),
            env=commands.environment({"PYTHONIOENCODING": "latin-1"}),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=True,
        ).stdout

    assert "Vertrieb 日本" in json.dumps(json.loads(printed("-o", "json").decode("utf-8")), ensure_ascii=False)
    assert "Vertrieb \\u65e5" in printed().decode("latin-1")


def test_a_folder_whose_name_is_no_utf_8(commands: Commands, folder: Path) -> None:
    odd = os.fsdecode(os.fsencode(folder.parent) + b"/odd\xff")
    folder.rename(odd)
    done = commands.run("apply", "--yes", "-C", odd, "-o", "json")
    assert (done.code, json.loads(done.out)["plan"]["source"].endswith("odd\\xff")) == (0, True), done.err
    assert commands.run("plan", "-C", odd, "--detailed-exitcode").code == 0


def test_a_state_directory_that_cannot_be_made(commands: Commands, folder: Path) -> None:
    (folder / "file").write_text("")
    done = commands.run("apply", "--yes", "-C", str(folder), "--state-dir", str(folder / "file" / "state"), "-o", "json")
    assert (done.code, json.loads(done.out)["error"]["kind"], "Traceback" in done.err) == (1, "OSError", False)


def test_an_environment_is_never_a_path(commands: Commands, folder: Path, tmp_path: Path) -> None:
    for words in (["history"], ["status"], ["mailboxes"], ["outbox", "list"]):
        done = commands.run(*words, "-e", "../elsewhere", "-o", "json")
        assert (done.code, "no name of an environment" in done.err) == (1, True), words


def test_a_plan_for_another_environment_makes_no_store(commands: Commands, folder: Path, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    assert commands.run("plan", "-C", str(folder), "--out", str(saved)).code == 0
    assert commands.run("apply", str(saved), "-e", "prod").code == 5
    assert not (commands.state / "prod").exists()


def test_a_store_whose_making_was_cut_short_reads_as_empty(commands: Commands, folder: Path) -> None:
    (commands.state / "dev").mkdir()
    (commands.state / "dev" / "engine.db").write_bytes(b"")
    assert commands.run("plan", "--detailed-exitcode", "-C", str(folder)).code == 2
    history = commands.run("history", "-C", str(folder), "-o", "json")
    assert (history.code, json.loads(history.out)["records"]) == (0, [])
    assert commands.run("apply", "--yes", "-C", str(folder), RECONCILE_ACTOR=os.fsdecode(b"odd\xff")).code == 0
    assert "odd\\xff" in commands.run("history", "-C", str(folder)).out


def test_the_loop_stays_with_its_environment_when_that_is_renamed(commands: Commands, folder: Path, tmp_path: Path) -> None:
    with (tmp_path / "events").open("w") as events:
        loop = subprocess.Popen(
            commands.arguments("run", "--interval", "1", "-C", str(folder), "-o", "json"),
            env=commands.environment(),
            stdin=subprocess.DEVNULL,
            stdout=events,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(tmp_path / "events", "3 applied")
            environment = folder / "environment.yaml"
            environment.write_text(environment.read_text().replace("name: dev", "name: production"))
            wait_for(tmp_path / "events", "declares no Environment 'dev'")
        finally:
            loop.terminate()
            loop.wait(30)
    assert not (commands.state / "production").exists()


def wait_for(file: Path, words: str) -> None:
    deadline = time.monotonic() + 30
    while words not in file.read_text():
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.1)
