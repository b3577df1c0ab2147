"""Forty mailboxes share an account whose password is wrong: two processes of eight threads, killed (-9) in between, show it three times."""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.receiving import apply_estate

ADDRESSES = [f"box{number}@contoso.example" for number in range(40)]
ACCOUNT = "shared@contoso.example"
WRONG = "wr0ng-of-the-account"


@dataclass
class CountingServer:
    """IMAP as far as LOGIN. `heard` is called with each password before it is answered."""

    logins: list[str] = field(default_factory=list)
    heard: Callable[[int], None] = lambda _: None
    answers: bool = True
    guard: threading.Lock = field(default_factory=threading.Lock)

    def converse(self, connection: socketserver.StreamRequestHandler) -> None:
        connection.wfile.write(b"* OK [CAPABILITY IMAP4rev1] counting\r\n")
        while line := connection.rfile.readline():
            tag, _, rest = line.partition(b" ")
            if rest.upper().startswith(b"LOGIN"):
                with self.guard:
                    self.logins.append(rest.split(b'"')[3].decode())
                    number = len(self.logins)
                # Long enough for others to begin meanwhile.
                time.sleep(0.1)
                self.heard(number)
                if not self.answers:
                    return
                connection.wfile.write(tag + b" NO [AUTHENTICATIONFAILED] no\r\n")
            else:
                connection.wfile.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")


@pytest.fixture
def counting() -> Iterator[tuple[CountingServer, int]]:
    counted = CountingServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                counted.converse(self)

    class Listening(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Listening(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield counted, server.server_address[1]
        server.shutdown()
        thread.join()


@dataclass
class Processes:
    """`reconcile sync`, as often as wanted, on one state."""

    folder: Path
    port: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def apply(self, password: str) -> None:
        apply_estate(
            self.folder,
            port=self.port,
            server="127.0.0.1",
            tls="none",
            passwords=dict.fromkeys(ADDRESSES, password),
            mailbox={"credentials.username": ACCOUNT},
        )

    def start(self, number: int) -> None:
        words = [sys.executable, "-m", "reconcile.cli.main", "sync", "--output", "json"]
        words += ["--state-dir", str(self.folder / "state"), "--secrets-dir", str(self.folder / "secrets")]
        variables = {
            **os.environ,
            "RECONCILE_PARALLEL": "8",
            "RECONCILE_PER_SERVER": "8",
            "RECONCILE_CACHE_DIR": str(self.folder / "cache"),
        }
        self.running = [subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(number)]

    def kill(self) -> None:
        for one in self.running:
            one.kill()

    def end(self) -> list[str]:
        return [one.communicate(timeout=60)[0].decode() for one in self.running]


@pytest.fixture
def processes(tmp_path: Path, counting: tuple[CountingServer, int]) -> Processes:
    made = Processes(tmp_path, counting[1])
    made.apply(WRONG)
    return made


def test_two_processes_together_show_it_three_times(processes: Processes, counting: tuple[CountingServer, int]) -> None:
    server, _ = counting
    for _ in range(2):
        processes.start(2)
        told = processes.end()
        assert server.logins == [WRONG] * 3
        assert all(WRONG not in text for text in told)
    # Mended, it is tried at once.
    processes.apply("an0ther")
    processes.start(1)
    processes.end()
    assert server.logins == [WRONG] * 3 + ["an0ther"]


@pytest.mark.parametrize("moment", ["before the answer", pytest.param("after the answer", marks=pytest.mark.slow)])
def test_who_is_killed_each_time_shows_it_three_times(processes: Processes, counting: tuple[CountingServer, int], moment: str) -> None:
    """The process dies when its password has reached the server, so that it cannot write down what became of it; or a moment later."""
    server, _ = counting
    server.heard = lambda _: processes.kill() if moment == "before the answer" else threading.Timer(0.003, processes.kill).start() or None
    for _ in range(4):
        processes.start(2)
        processes.end()
    assert server.logins == [WRONG] * 3
    server.heard = lambda _: None
    processes.start(1)
    (told,) = processes.end()
    assert server.logins == [WRONG] * 3
    assert "is not signed in now" in told


@pytest.mark.slow
def test_a_server_that_hangs_up_instead_of_answering_sees_it_three_times(
    processes: Processes, counting: tuple[CountingServer, int]
) -> None:
    server, _ = counting
    server.answers = False
    for _ in range(3):
        processes.start(2)
        processes.end()
    assert server.logins == [WRONG] * 3


@pytest.mark.slow
def test_kills_at_random_moments(processes: Processes, counting: tuple[CountingServer, int]) -> None:
    import random

    server, dice = counting[0], random.Random(20261123)
    for _ in range(30):
        processes.start(2)
        time.sleep(dice.uniform(0.2, 1.5))
        processes.kill()
        processes.end()
    assert server.logins == [WRONG] * 3
