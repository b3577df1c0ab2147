"""`reconcile auth` as a person uses it, with a browser of our own, a provider and a real mail server."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.command import Commands, Result
from support.dovecot import Dovecot
from support.oauth_server import OAuthServer, Reply, oauth_server
from support.token_mail import apply_token_estate, dovecot_with_tokens, token_profile

pytestmark = pytest.mark.servers
SALES, INFO = "sales@contoso.example", "info@contoso.example"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[OAuthServer, Dovecot]]:
    with oauth_server(rotates=True) as server, dovecot_with_tokens(server, SALES, INFO) as dovecot:
        yield server, dovecot


class Office:
    """One state folder, its commands, and everything they said."""

    def __init__(self, folder: Path, server: OAuthServer, dovecot: Dovecot) -> None:
        self.folder, self.server, self.dovecot = folder, server, dovecot
        self.commands = Commands(state=folder / "state", cache=folder / "cache")
        self.said: list[str] = []
        self.apply({SALES: None})

    def apply(self, declared: dict[str, str | None], **profile: object) -> None:
        apply_token_estate(
            self.folder,
            self.dovecot,
            self.server,
            declared,
            profile=token_profile(self.server, **profile),  # type: ignore[arg-type]
        )

    def run(self, *words: str) -> Result:
        done = self.commands.run(*words, "--secrets-dir", str(self.folder / "secrets"))
        self.said += [done.out, done.err]
        return done

    def login(self, *words: str, person: Callable[[str], None] = lambda _: None) -> Result:
        """On a terminal. `person` gets what is said on it, once, as soon as it asks for a sign-in."""
        terminal, inner = pty.openpty()
        arguments = self.commands.arguments("auth", "login", *words, "--secrets-dir", str(self.folder / "secrets"))
        process = subprocess.Popen(
            arguments, env=self.commands.environment(), stdin=inner, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        os.close(inner)
        assert process.stderr is not None
        assert process.stdout is not None
        command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        heard = ""
        for line in process.stderr:
            heard += line
            if "waiting for" in line:
                threading.Thread(target=person, args=(heard,), daemon=True).start()
        out = process.stdout.read()
        code = process.wait(30)
        for stream in (process.stdout, process.stderr):
            stream.close()
        os.close(terminal)
        self.said += [heard, out, command_line.decode()]
        return Result(code=code, out=out, err=heard)

    def status(self) -> tuple[str, str, str]:
        """Health, why and the next step of the mailbox, as `status` has them."""
        (shown,) = json.loads(self.run("status", "-o", "json").out)["mailboxes"]
        return shown["health"], shown["why"], shown["hint"]

    def agree(self, _: str) -> None:
        """Type the code at the provider's page."""
        for code in self.server.devices:
            self.server.devices[code] = SALES

    def browse(self, heard: str, **instead: str) -> None:
        """Open the address, agree, and be sent back."""
        found = re.search(r"https://localhost\S+", heard)
        assert found is not None
        context = ssl.create_default_context(cadata=self.server.authority.decode())
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.HTTPHandler())
        address = found[0]
        for name, value in instead.items():
            address = re.sub(rf"{name}=[^&]*", f"{name}={value}", address)
        try:
            opener.open(address, timeout=10).read()
        except urllib.error.HTTPError as error:
            error.close()

    def secrets_shown(self) -> list[str]:
        """Places at which any token or secret stands."""
        found = [text for text in self.said if "canary" in text]
        return found + [str(file) for file in self.folder.rglob("*") if file.is_file() and b"canary" in file.read_bytes()]


@pytest.fixture
def office(tmp_path: Path, servers: tuple[OAuthServer, Dovecot]) -> Iterator[Office]:
    server, dovecot = servers
    server.devices.clear()
    server.users.clear()
    server.asked.clear()
    server.faults.clear()
    made = Office(tmp_path, server, dovecot)
    yield made
    assert made.secrets_shown() == []


@pytest.mark.slow
def test_from_nothing_to_mail_and_back(office: Office) -> None:
    """A device code; then sync, status, revocation, and sync again."""
    before = office.run("sync")
    assert (before.code, "reconcile auth login sales" in before.out + before.err) == (1, True)
    listed = json.loads(office.run("auth", "status", "-o", "json").out)
    assert [(one["name"], one["token"], one["next"]) for one in listed["accounts"]] == [("sales", "none", "reconcile auth login sales")]

    done = office.login(SALES, person=office.agree)
    assert (done.code, done.out) == (0, "sales: signed in\n")
    assert "Sign in as sales@contoso.example: open https://login.contoso.example/device and type WDJB-MJHT" in done.err
    assert office.run("sync").code == 0

    listed = json.loads(office.run("auth", "status", "-o", "json").out)
    assert [(one["token"], one["next"], one["interruptedAt"]) for one in listed["accounts"]] == [("sign-in", None, None)]
    assert office.run("auth", "status").out.splitlines()[1].startswith("sales")

    assert office.run("auth", "revoke", "sales").code == 1, "nobody is there to ask"
    revoked = office.run("auth", "revoke", "sales", "--yes")
    assert (revoked.code, revoked.out) == (0, "sales: forgotten, and revoked at the provider\n")
    assert office.server.users == {}
    # Before anybody looks at it again.
    assert office.status() == ("stalled", "nobody is signed in for sales, so there is no token", "Run `reconcile auth login sales`.")
    assert "next: Run `reconcile auth login sales" in office.run("status").out
    assert office.run("sync").code == 1
    assert office.status()[0] == "stalled"

    assert office.login(SALES, person=office.agree).code == 0
    assert office.run("sync").code == 0
    assert office.status() == ("healthy", "", "")


@pytest.mark.slow
def test_a_token_that_the_provider_refuses_is_seen_at_once(office: Office) -> None:
    """Found by whoever shows it first: a mailbox that shares the account, sending, or a look whose end was never recorded."""
    assert office.login(SALES, person=office.agree).code == 0
    assert office.run("sync").code == 0
    office.server.users.clear()
    assert office.status()[0] == "healthy"
    assert office.run("sync").code == 1
    with sqlite3.connect(office.folder / "state" / "test" / "engine.db") as store:
        store.execute("UPDATE mail_mailboxes SET error_kind = '', error = '', hint = '', permanent = 0, failures = 0")
    health, why, hint = office.status()
    assert (health, hint) == ("stalled", "Run `reconcile auth login sales`.")
    assert why.startswith("the sign-in of sales ended at 20")
    listed = json.loads(office.run("auth", "status", "-o", "json").out)
    assert [one["next"] for one in listed["accounts"]] == ["reconcile auth login sales"]
    assert office.login(SALES, person=office.agree).code == 0
    assert office.status()[0] == "healthy"


@pytest.mark.slow
def test_with_a_browser_on_this_host(office: Office) -> None:
    office.server.agreeing = SALES
    done = office.login("sales", "--browser", "-o", "json", person=office.browse)
    assert done.code == 0, done.err
    assert json.loads(done.out)["name"] == "sales"
    form = office.server.asked[-1][1]
    assert form["grant_type"] == "authorization_code"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", form["redirect_uri"])
    assert office.run("sync").code == 0


def test_another_state_is_told_off_and_the_right_one_still_counts(office: Office) -> None:
    """A page that the person happens to visit sends its own code: nothing of it is taken."""

    def person(heard: str) -> None:
        office.server.agreeing = "attacker@example.org"
        office.browse(heard, state="forged")
        assert [path for path, _ in office.server.asked] == []
        office.server.agreeing = SALES
        office.browse(heard)

    assert office.login("sales", "--browser", person=person).code == 0
    assert set(office.server.users.values()) == {SALES}


@pytest.mark.slow
def test_a_code_without_our_verifier_is_worth_nothing(office: Office) -> None:
    done = office.login("sales", "--browser", person=lambda heard: office.browse(heard, code_challenge="another"))
    assert done.code == 1
    assert "no longer accepts the sign-in: invalid_grant" in done.err


@pytest.mark.slow
def test_a_person_who_refuses(office: Office) -> None:
    def person(_: str) -> None:
        office.server.faults["/token"].append(Reply(status=400, body=b'{"error":"access_denied"}'))

    done = office.login("sales", person=person)
    assert (done.code, "the person refused" in done.err) == (1, True)


@pytest.mark.slow
def test_slow_down_is_heeded_and_a_broken_connection_is_waited_out(office: Office) -> None:
    office.server.faults["/token"].extend([Reply(cut=True), Reply(status=400, body=b'{"error":"authorization_pending"}')])
    began = time.monotonic()
    assert office.login("sales", person=office.agree).code == 0
    # One second, then two after no answer, twice.
    assert time.monotonic() - began > 4.5


@pytest.mark.slow
def test_a_provider_that_gives_no_refresh_token(office: Office) -> None:
    body = b'{"access_token":"canary-x","token_type":"bearer"}'
    office.server.faults["/token"].append(Reply(body=body))
    done = office.login("sales")
    assert (done.code, "gave no refresh token" in done.err, "offline_access" in done.err) == (1, True, True)


def test_without_a_terminal_it_says_what_to_do(office: Office) -> None:
    done = office.run("auth", "login", "sales")
    assert done.code == 1
    assert "there is no terminal here" in done.err
    assert "credentials.refreshToken" in done.err
    assert office.server.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("word", ["nobody", "salse"])
def test_somebody_who_is_not_there(office: Office, word: str) -> None:
    done = office.run("auth", "login", word)
    assert (done.code, f"no account '{word}' signs in by a token" in done.err) == (1, True)
    assert "auth status" in done.err


@pytest.mark.slow
def test_an_application_needs_nobody(office: Office) -> None:
    office.apply({SALES: None}, oauth__grant="client-credentials")
    done = office.run("auth", "login", "contoso")
    assert (done.code, "the application signs in itself" in done.err) == (1, True)
    listed = json.loads(office.run("auth", "status", "-o", "json").out)
    assert [(one["kind"], one["token"], one["next"]) for one in listed["accounts"]] == [("EmailServerProfile", "application", None)]


@pytest.mark.slow
def test_nothing_is_forgotten_when_the_provider_does_not_hear_it(office: Office) -> None:
    office.login("sales", person=office.agree)
    office.server.faults["/revoke"].append(Reply(status=503))
    failed = office.run("auth", "revoke", "sales", "--yes")
    assert (failed.code, "cannot answer now" in failed.err) == (1, True)
    assert office.run("sync").code == 0


@pytest.mark.slow
def test_a_declared_token_is_revoked_too_and_named(office: Office) -> None:
    office.apply({SALES: office.server.consent(SALES)})
    done = office.run("auth", "revoke", "sales", "--yes")
    assert (done.code, office.server.users) == (0, {})
    assert "take credentials.refreshToken out" in done.err


@pytest.mark.slow
def test_who_leaves_is_signed_out_at_the_provider(office: Office) -> None:
    office.login("sales", person=office.agree)
    assert office.run("offboard", "sales", "--yes").code == 0
    assert office.server.users == {}
    listed = json.loads(office.run("auth", "status", "-o", "json").out)
    assert [one["token"] for one in listed["accounts"]] == ["none"]
