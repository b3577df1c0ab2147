"""Starting, stopping and starting the sandbox again; the command that runs it."""

from __future__ import annotations

import imaplib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.errors import SettingsError
from reconcile.sandbox.corpus.addresses import MAILBOXES, SALES
from reconcile.sandbox.instructions import instructions
from reconcile.sandbox.world import Place, Ports, World

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def make(folder: Path, now: datetime = NOW, wanted: Ports | None = None) -> World:
    place = Place(directory=folder, secrets_directory=folder / "secrets")
    return World(place=place, mailboxes=MAILBOXES, now=lambda: now, wanted=wanted or Ports())


def test_a_second_start_has_the_same_mail_and_passwords_under_another_uidvalidity(tmp_path: Path) -> None:
    with make(tmp_path) as first:
        first.fill()
        before = first.messages(SALES)
        validity = first.post_office.folder(SALES, "INBOX").uid_validity
        password = first.password_file("sales").read_text()
    with make(tmp_path, NOW + timedelta(days=3)) as second:
        second.fill()
        assert second.messages(SALES) == before
        assert second.post_office.folder(SALES, "INBOX").uid_validity > validity
        assert second.password_file("sales").read_text() == password


def test_no_secret_is_in_what_may_be_shown(tmp_path: Path) -> None:
    with make(tmp_path) as world:
        password = world.password_file("sales").read_text()
        assert len(password) > 20
        assert [path.stat().st_mode & 0o77 for path in (world.place.secrets_directory, world.password_file("sales"))] == [0, 0]
        assert password not in (tmp_path / "world.json").read_text()
        assert password not in repr(world) + repr(world.post_office.__dict__)


def test_a_world_json_of_somebody_else_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text('["not ours"]')
    with make(tmp_path) as world:
        assert json.loads((tmp_path / "world.json").read_text())["ports"]["imaps"] == world.ports.imaps


def test_a_port_that_is_taken_is_said_and_the_others_are_free_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        world = make(tmp_path, wanted=Ports(imaps=port, imap=0, submission=taken.getsockname()[1]))
        with pytest.raises(SettingsError, match="in use"):
            world.start()
        socket.create_server(("127.0.0.1", port)).close()


def test_the_instructions_work_as_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with make(tmp_path) as world:
        count = world.fill()
        text = instructions(world, count)
        assert f"{count} messages" in text
        snippet = textwrap.dedent(text.split("From Python:\n\n")[1].split("\n\nAn estate")[0])
        exec(snippet + "\nbox.logout()", {})
        assert capsys.readouterr().out == f"('OK', [b'{len(world.messages(SALES))}'])\n"


@pytest.mark.parametrize("output", ["text", "json"])
def test_the_command_runs_until_it_is_interrupted(tmp_path: Path, output: str) -> None:
    arguments = [
        "sandbox",
        "-C",
        str(tmp_path),
        "--imaps-port",
        "0",
        "--imap-port",
        "0",
        "--submission-port",
        "0",
        "--ews-port",
        "0",
        "--output",
        output,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "reconcile.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        described = json.loads((tmp_path / "world.json").read_text())
        if output == "json":
            assert json.loads(first)["ports"] == described["ports"]
        else:
            assert b"runs until Ctrl-C" in first
        trust = ssl.create_default_context(cafile=described["caCertificate"])
        with imaplib.IMAP4_SSL("127.0.0.1", described["ports"]["imaps"], ssl_context=trust, timeout=10) as client:
            client.login(SALES, Path(described["mailboxes"][0]["passwordFile"]).read_text())
            assert int(client.select("INBOX", readonly=True)[1][0] or 0) >= 60
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (0, b"stopped; 0 mails to others were kept here and are gone now\n")
