"""kill -9 around the renewal of a token: the next run works, or says that a person must sign in again, and why."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import Commands, Result
from support.dovecot import Dovecot
from support.oauth_server import OAuthServer, oauth_server
from support.token_mail import apply_token_estate, dovecot_with_tokens

pytestmark = pytest.mark.servers
SALES = "sales@contoso.example"
MAIL = b"From: a@example.org\r\nTo: sales@contoso.example\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"
#: The program, killed at one place of the renewal: before the question, or between the answer and the commit.
_KILLED = """
import os, signal, sys
from reconcile.store.sqlite.tokens import SqliteTokens
from reconcile.mail.oauth.post import Poster
place = sys.argv.pop(1)
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if place == "before":
    Poster.post = die
else:
    SqliteTokens.keep = die
from reconcile.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[OAuthServer, Dovecot]]:
    with oauth_server(rotates=True) as server, dovecot_with_tokens(server, SALES) as dovecot:
        dovecot.deliver(SALES, MAIL)
        yield server, dovecot


class Office:
    def __init__(self, folder: Path, servers: tuple[OAuthServer, Dovecot]) -> None:
        self.server, dovecot = servers
        self.server.users.clear()
        self.server.strict = True
        self.commands = Commands(state=folder / "state", cache=folder / "cache")
        self.words = ("sync", "--secrets-dir", str(folder / "secrets"))
        apply_token_estate(folder, dovecot, self.server, {SALES: self.server.consent(SALES)})

    def sync(self) -> Result:
        return self.commands.run(*self.words)

    def killed(self, place: str) -> None:
        arguments = [sys.executable, "-c", _KILLED, place, *self.words]
        done = subprocess.run(arguments, env=self.commands.environment(), capture_output=True, timeout=60, check=False)
        assert done.returncode == -9, done.stderr.decode()

    def status(self) -> str:
        return self.commands.run("auth", "status").out


@pytest.fixture
def office(tmp_path: Path, servers: tuple[OAuthServer, Dovecot]) -> Office:
    return Office(tmp_path, servers)


@pytest.mark.slow
def test_before_the_question_nothing_is_lost(office: Office) -> None:
    office.killed("before")
    done = office.sync()
    assert done.code == 0, done.err


@pytest.mark.slow
def test_between_answer_and_commit_the_old_token_serves_where_the_provider_takes_it(office: Office) -> None:
    office.server.strict = False
    office.killed("between")
    assert "was interrupted" in office.status()
    done = office.sync()
    assert done.code == 0, done.err
    assert "was interrupted" not in office.status()


def test_between_answer_and_commit_a_strict_provider_needs_a_person_and_is_told_so(office: Office) -> None:
    office.killed("between")
    for _ in range(2):
        done = office.sync()
        said = done.out + done.err
        assert done.code == 1
        assert "interrupted" in said
        assert "reconcile auth login sales" in said
        assert "canary" not in said


@pytest.mark.slow
def test_killed_at_any_moment_with_a_provider_that_takes_the_old_token_too(office: Office) -> None:
    office.server.strict = False
    chance = random.Random(5)
    for _ in range(12):
        process = office.commands.start(*office.words)
        time.sleep(chance.uniform(0.2, 1.2))
        process.kill()
        process.wait(10)
    done = office.sync()
    assert done.code == 0, done.err
    assert "was interrupted" not in office.status()
