"""The loop as a command and as a process: git moves, a brake stands, somebody changes the target, a signal ends it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconcile.cli.main import run
from support import servers
from support.smtp_fault import FaultServer

_ENVIRONMENT = (
    "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test}\nspec: {allowedRecipients: ['@contoso.example']}\n"
)
_PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
spec:
  displayName: Contoso
  serverType: imap-smtp
  useSameSettingsForOutgoing: false
  incoming: {server: localhost}
  outgoing: {server: localhost, port: PORT, tls: starttls, caCertificate: "file:ca.pem", credentials: anonymous}
"""
_MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec: {displayName: First, emailAddress: NAME@contoso.example, profile: contoso, outgoing: server-side}
"""


class Place:
    """An estate in a folder, its state, and the loop run on it."""

    def __init__(self, folder: Path, server: FaultServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.estate = folder / "estate"
        self.estate.mkdir()
        (folder / "secrets").mkdir()
        (folder / "secrets" / "ca.pem").write_bytes(server.authority)
        self.options = ["-C", str(self.estate), "--state-dir", str(folder / "state"), "--secrets-dir", str(folder / "secrets")]
        self._capsys = capsys
        self.write("environment.yaml", _ENVIRONMENT)
        self.write("profile.yaml", _PROFILE.replace("PORT", str(server.port)))
        self.write("sales.yaml", _MAILBOX.replace("NAME", "sales"))

    def write(self, name: str, text: str) -> None:
        (self.estate / name).write_text(text)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        words = 2 if arguments[0] in ("outbox", "alerts") else 1
        self._capsys.readouterr()
        ended = run([*arguments[:words], *self.options, *arguments[words:]])
        out, err = self._capsys.readouterr()
        assert ended == code, (arguments, ended, out, err)
        return out

    def once(self, *more: str, code: int = 0) -> dict[str, dict]:  # type: ignore[type-arg]
        """The events of one pass by part."""
        lines = self("run", "--once", "--output", "json", *more, code=code).splitlines()
        return {event["part"]: event for event in map(json.loads, lines)}


@pytest.fixture
def server():  # type: ignore[no-untyped-def]
    with FaultServer() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, server: FaultServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    return Place(tmp_path, server, capsys)


def test_a_first_pass_applies_and_a_second_has_nothing_to_tell(place: Place, server: FaultServer) -> None:
    assert place.once()["configuration"]["applied"] == 3
    place("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    events = place.once()
    assert "configuration" not in events
    assert events["mail"]["sent"] == 1
    assert len(server.taken) == 1
    assert set(place.once()) == {"loop"}


def test_a_brake_stalls_the_configuration_and_the_mail_goes_on(place: Place, server: FaultServer) -> None:
    for number in range(12):
        place.write(f"m{number}.yaml", _MAILBOX.replace("NAME", f"m{number}"))
    place.once()
    place("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    for number in range(12):
        (place.estate / f"m{number}.yaml").unlink()
    events = place.once(code=4)
    assert events["configuration"]["kind"] == "stalled"
    assert "--lift-brake" in events["configuration"]["message"]
    assert events["mail"]["sent"] == 1
    assert len(server.taken) == 1


def test_a_bad_file_holds_its_own_and_the_rest_goes_on(place: Place) -> None:
    place.once()
    place.write("sales.yaml", "kind: [")
    place.write("info.yaml", _MAILBOX.replace("NAME", "info"))
    event = place.once(code=3)["configuration"]
    assert (event["kind"], event["applied"]) == ("stalled", 1)
    place.write("environment.yaml", "kind: [")
    assert place.once(code=3)["configuration"]["kind"] == "stalled"


def test_a_broken_file_is_named_with_its_line_and_raises_an_alert_until_it_is_mended(place: Place) -> None:
    def lasting() -> list[tuple[str, str]]:
        document = json.loads(place("alerts", "list", "--output", "json"))
        return [(one["about"]["kind"], one["text"]) for one in document["alerts"] if one["code"] == "ConfigurationStalled"]

    place.once()
    mended = (place.estate / "sales.yaml").read_text()
    place.write("sales.yaml", f"{mended}  broken: [\n")
    events = place.once(code=3)
    where = f"sales.yaml:{len(mended.splitlines()) + 1}:"
    told = events["configuration"]["message"]
    assert where in told
    assert "stays as it was applied last, the rest goes on" in told
    assert (events["rules"]["kind"], where in events["rules"]["message"]) == ("found", True), "not settled: nobody could judge it"
    assert lasting() == [("Environment", told)]
    shown = told.replace("`reconcile lint`", f"`reconcile lint {shlex.join(place.options)}`")
    assert shown != told
    assert shown in place("alerts", "list"), "in full, though the table has no room for it"
    place.write("sales.yaml", mended)
    place.once()
    assert lasting() == []


def test_what_was_changed_outside_is_put_back_or_told(place: Place, tmp_path: Path) -> None:
    place.once()
    # Somebody else applies another folder to the same target.
    here = place.estate
    other = tmp_path / "other"
    other.mkdir()
    for path in here.iterdir():
        (other / path.name).write_text(path.read_text().replace("displayName: First", "displayName: Other"))
    place.options[1] = str(other)
    place("apply", "--yes")
    place.options[1] = str(here)
    shown = place("drift", code=2)
    assert "Other" in shown
    event = place.once("--drift", "report")["configuration"]
    if event["applied"]:
        pytest.fail(f"report must not write: {event}")
    assert event["drift"] == ["Mailbox/sales"]
    assert place.once("--drift", "heal")["configuration"]["applied"] == 1
    place("drift")


def test_the_head_of_a_branch_is_looked_up_in_each_pass(place: Place) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=tests", "-c", "user.email=tests@contoso.example"]
        ended = subprocess.run(["git", *identity, *arguments], cwd=place.estate, check=True, capture_output=True, text=True)
        return ended.stdout.strip()

    servers.require("git")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    first = git("rev-parse", "HEAD")
    event = place.once("--revision", "main")["configuration"]
    assert (event["applied"], event["revision"]) == (3, first)
    place.write("info.yaml", _MAILBOX.replace("NAME", "info"))
    assert "configuration" not in place.once("--revision", "main")  # not committed, so not there
    git("add", ".")
    git("commit", "-q", "-m", "second")
    event = place.once("--revision", "main")["configuration"]
    assert (event["applied"], event["revision"]) == (1, git("rev-parse", "HEAD"))
    assert place.once("--revision", "nowhere", code=1)["configuration"]["kind"] == "stalled"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_loop_follows_the_estate_and_ends_when_asked(place: Place, server: FaultServer, number: int) -> None:
    arguments = [sys.executable, "-m", "reconcile.cli.main", "run", *place.options, "--interval", "1", "--output", "json"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["applied"] == 3
        place("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
        place.write("info.yaml", _MAILBOX.replace("NAME", "info"))
        seen = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert {event["part"] for event in seen} == {"configuration", "mail"}
        assert len(server.taken) == 1
        asked = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - asked < 10
        assert process.returncode == 0, err
        assert json.loads(out.splitlines()[-1])["kind"] == "stopped"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
