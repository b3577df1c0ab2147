"""`reconcile serve` as a process: where it listens, how it stops, and that its token shows nowhere."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sqlite3
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.command import Commands
from support.crm import Desk, letter


@pytest.fixture
def ground(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    desk = Desk(tmp_path, capsys)
    desk.deliver(letter(1))
    return Commands(state=desk.state, cache=tmp_path / "cache")


@contextmanager
def serving(ground: Commands, *words: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A server, and what it printed when it was ready."""
    process = subprocess.Popen(
        ground.arguments("serve", "--output", "json", *words),
        env=ground.environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(port: int, token: str, path: str = "/v1/health") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_it_makes_its_token_answers_and_stops_cleanly(ground: Commands) -> None:
    with serving(ground, "--port", "0") as (process, ready):
        path = ground.state / "secrets" / "api.token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        token, port = path.read_text().strip(), int(ready["listening"].rpartition(":")[2])
        assert ready["listening"].startswith("http://127.0.0.1:")
        assert (ask(port, token), ask(port, "x" * 40)) == (200, 401)
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert token.encode() not in shown
        waiting = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        waiting.request("GET", "/v1/changes?wait=60&kinds=outbox", headers={"Authorization": f"Bearer {token}"})
        idle = socket.create_connection(("127.0.0.1", port))
        time.sleep(0.3)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        # Who waits gets an answer; who says nothing is hung up on.
        assert waiting.getresponse().status == 200
        assert idle.recv(10) == b""
        out, err = process.communicate(timeout=15)
        assert (process.returncode, err) == (0, "ended\n")
        assert time.monotonic() - started < 5
        assert token not in out + err
        idle.close()
        waiting.close()
    with serving(ground, "--port", str(port)) as (_, ready):
        assert ready["listening"].endswith(f":{port}"), "the port is free again, and the token the same"
        assert ask(port, token) == 200


@pytest.mark.parametrize(
    ("words", "variables", "message"),
    [
        (("--address", "0.0.0.0"), {}, "can be reached from other machines"),
        (("--address", "::"), {}, "can be reached from other machines"),
        (("--address", "192.0.2.1"), {}, "can be reached from other machines"),
        (("--address", "contoso.example"), {}, "no IP address"),
        (("--token", "env:NOT_SET"), {}, "NOT_SET"),
        (("--token", "env:SHORT"), {"SHORT": "letmein"}, "fewer than 20 characters"),
        (("--token", "env:ODD"), {"ODD": "x" * 30 + "\n"}, "others than letters"),
        (("--token", "plain-text-token-that-is-long"), {}, "no reference to a secret"),
        (("--socket", "/" + "x" * 200), {}, "cannot make the socket"),
    ],
)
def test_what_it_refuses_to_start_with(ground: Commands, words: tuple[str, ...], variables: dict[str, str], message: str) -> None:
    ended = ground.run("serve", "--port", "0", *words, **variables)
    assert ended.code in (1, 64)
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert all(value.strip() not in ended.err + ended.out for value in variables.values())
    assert "plain-text-token" not in ended.err + ended.out


def test_a_port_that_is_taken(ground: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = ground.run("serve", "--port", str(other.getsockname()[1]))
    assert ended.code == 1
    assert "cannot listen" in ended.err


def test_a_socket_only_this_account_may_open(ground: Commands, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with serving(ground, "--socket", str(path), "--token", "env:TOKEN", TOKEN="t" * 32) as (process, ready):
        assert ready["listening"] == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b"t" * 32 + b"\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        second = ground.run("serve", "--socket", str(path), "--token", "env:TOKEN", TOKEN="t" * 32)
        assert second.code == 8
        process.kill()
        process.wait()
    # What a dead server left behind is no obstacle.
    with serving(ground, "--socket", str(path), "--token", "env:TOKEN", TOKEN="t" * 32) as (process, _):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)
        assert process.returncode == 0
    assert not path.exists()
    path.write_text("somebody's file")
    refused = ground.run("serve", "--socket", str(path), "--token", "env:TOKEN", TOKEN="t" * 32)
    assert (refused.code, path.read_text()) == (1, "somebody's file")


def test_without_a_store_it_says_what_to_do(tmp_path: Path) -> None:
    ended = Commands(state=tmp_path / "nothing", cache=tmp_path / "cache").run("serve")
    assert ended.code == 1
    assert "reconcile apply" in ended.err


def test_requests_at_hand_are_finished(ground: Commands) -> None:
    with serving(ground, "--port", "0") as (process, ready):
        token, port = (ground.state / "secrets" / "api.token").read_text().strip(), int(ready["listening"].rpartition(":")[2])
        body = b'{"clientKey": "slow", "id": 1, "note": "x"}'
        with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
            head = f"POST /v1/activities/edits HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:10])
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            threading.Timer(0.5, connection.sendall, (body[10:],)).start()
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"Connection: close" in answer
        process.communicate(timeout=15)
        assert process.returncode == 0


def test_it_ends_where_a_newer_version_has_the_store_and_asks_for_another_try(ground: Commands) -> None:
    with serving(ground, "--port", "0") as (process, ready):
        token, port = (ground.state / "secrets" / "api.token").read_text().strip(), int(ready["listening"].rpartition(":")[2])
        (path,) = ground.state.rglob("engine.db")
        with closing(sqlite3.connect(path, isolation_level=None)) as newer:
            schema = newer.execute("PRAGMA user_version").fetchone()[0]
            newer.execute(f"PRAGMA user_version={schema + 1}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        body = json.dumps({"edits": [{"kind": "task", "add": {"subject": "Call back"}}]})
        connection.request("POST", "/v1/items/edits", body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1"), said
        assert process.wait(timeout=20) == 1
        assert process.stderr is not None
        assert "another version of reconcile" in json.dumps(said)
        assert "Start that version" in process.stderr.read()
