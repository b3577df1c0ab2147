"""Signing in by token at a real Dovecot, which asks the OAuth server about each token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected
from reconcile.settings import Settings
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
from reconcile.sync.run import Limits, MailboxRun, synchronise
from reconcile.wiring import sign_in
from reconcile.wiring.applied import applied_state
from reconcile.wiring.mail import inboxes
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.sign_in import sign_ins, token_store
from reconcile.wiring.state import store_path
from reconcile.wiring.system import SystemClock
from support.command import Commands, Result
from support.dovecot import PASSWORD, Dovecot
from support.oauth_server import OAuthServer, oauth_server
from support.token_mail import apply_token_estate, dovecot_with_tokens, token_profile

pytestmark = pytest.mark.servers
SALES = "sales@contoso.example"
MAIL = b"From: a@example.org\r\nTo: sales@contoso.example\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[OAuthServer, Dovecot]]:
    with oauth_server() as server, dovecot_with_tokens(server, SALES, "info@contoso.example") as dovecot:
        dovecot.deliver(SALES, MAIL)
        yield server, dovecot


def sync(settings: Settings) -> dict[str, MailboxRun]:
    """As a process does that remembers nothing."""
    sign_in._remembered.clear()
    with Database.open(store_path(settings, "test")) as database:
        store = SqliteMailStore(database, database.path.parent)
        found = receiving_mailboxes(applied_state(database).resources(), now="2026-01-01T00:00:00Z")
        runs = synchronise(
            [mailbox for mailbox in found if isinstance(mailbox, ReceivingMailbox)],
            store=store,
            connect=inboxes(settings, sign_ins(settings, database), secret_resolver(settings)),
            clock=SystemClock(),
            limits=Limits(parallel=4, per_server=4),
        )
        store.close()
    return {run.mailbox.address: run for run in runs}


@pytest.mark.parametrize("rotates", [False, True])
def test_a_declared_refresh_token_opens_the_mailbox(tmp_path: Path, world: tuple[OAuthServer, Dovecot], rotates: bool) -> None:
    server, dovecot = world
    server.rotates = rotates
    declared = server.consent(SALES)
    settings = apply_token_estate(tmp_path, dovecot, server, {SALES: declared})
    run = sync(settings)[SALES]
    assert run.error is None
    assert run.received.tracked == 1
    with Database.open(store_path(settings, "test"), read_only=True) as database:
        store = token_store(database, settings)
        kept = store.refresh_token("id-sales")
        assert (kept is None) == (not rotates)
        assert rotates is False or (kept is not None and kept.text() in server.users and kept.text() != declared)
    # A process that starts anew signs in with what is kept: the declared one is no longer taken.
    assert sync(settings)[SALES].error is None


@pytest.fixture
def office(tmp_path: Path, world: tuple[OAuthServer, Dovecot]) -> Iterator[tuple[OAuthServer, Dovecot, Path]]:
    server, dovecot = world
    server.rotates, server.application = False, SALES
    server.asked.clear()
    server.users.clear()
    yield server, dovecot, tmp_path
    server.after_token = lambda: None


def test_a_token_that_the_mail_server_no_longer_takes_is_renewed_once(office: tuple[OAuthServer, Dovecot, Path]) -> None:
    """The provider ended it before its time; the account is not locked out by trying on and on."""
    server, dovecot, folder = office
    settings = apply_token_estate(folder, dovecot, server, {SALES: server.consent(SALES)})
    # The store is opened anew each time, as from pass to pass; the second look shows the token of the first.
    for expected, ended in ((1, False), (1, True), (2, False)):
        with Database.open(store_path(settings, "test")) as database:
            mailbox = receiving_mailboxes(applied_state(database).resources(), now="2026-01-01T00:00:00Z")[0]
            assert isinstance(mailbox, ReceivingMailbox)
            inbox = inboxes(settings, sign_ins(settings, database), secret_resolver(settings))(mailbox)
            inbox.look(None)
            inbox.close()
        assert [path for path, _ in server.asked if path == "/token"] == ["/token"] * expected
        if ended:
            server.access.clear()


def test_a_token_of_somebody_else_opens_nothing(office: tuple[OAuthServer, Dovecot, Path]) -> None:
    server, dovecot, folder = office
    settings = apply_token_estate(folder, dovecot, server, {SALES: server.consent("info@contoso.example")})
    error = sync(settings)[SALES].error
    assert isinstance(error, AuthenticationRejected)
    # A new token was asked for once, and no further.
    assert len([path for path, _ in server.asked if path == "/token"]) == 1
    assert "canary" not in f"{error!r}{error.hint}"
    assert "reconcile auth login" in error.hint


@pytest.mark.parametrize(("protocol", "server_type"), [("imap", "imap-smtp"), ("pop3", "pop3-smtp")])
def test_an_application_opens_the_mailbox_over_either_protocol(
    office: tuple[OAuthServer, Dovecot, Path], protocol: str, server_type: str
) -> None:
    server, dovecot, folder = office
    profile = token_profile(
        server,
        oauth__grant="client-credentials",
        incoming__protocol=protocol,
        incoming__port=dovecot.imaps if protocol == "imap" else dovecot.pop3s,
        serverType=server_type,
    )
    settings = apply_token_estate(folder, dovecot, server, {SALES: None}, profile=profile)
    run = sync(settings)[SALES]
    assert (run.error, run.received.tracked) == (None, 1)
    assert [form["grant_type"] for path, form in server.asked if path == "/token"] == ["client_credentials"]


@pytest.mark.parametrize("offered", ["plain login oauthbearer", "plain login"])
def test_what_the_server_offers_decides_how_the_token_is_shown_and_a_password_is_never_tried(
    office: tuple[OAuthServer, Dovecot, Path], offered: str
) -> None:
    """The mailbox has a password, and the second server would take it."""
    server, _, folder = office
    with dovecot_with_tokens(server, SALES, mechanisms=offered) as dovecot:
        settings = apply_token_estate(folder, dovecot, server, {SALES: server.consent(SALES)}, password=PASSWORD)
        error = sync(settings)[SALES].error
        log = (dovecot.base / "dovecot.log").read_text()
    if "oauthbearer" in offered:
        assert error is None
        assert "method=OAUTHBEARER" in log
    else:
        assert isinstance(error, AuthenticationRejected)
        assert "offers only LOGIN, PLAIN here, not XOAUTH2 or OAUTHBEARER" in error.message
        assert [path for path, _ in server.asked if path == "/token"] == [], "no token is asked for in vain"
        assert "no auth attempts" in log


def test_a_new_sealing_key_in_the_middle_of_a_renewal(office: tuple[OAuthServer, Dovecot, Path]) -> None:
    """The provider has given another token, this process holds it and not yet the store, and somebody changes the key."""
    server, dovecot, folder = office
    server.rotates = True
    settings = apply_token_estate(folder, dovecot, server, {SALES: server.consent(SALES)})
    commands = Commands(state=folder / "state", cache=folder / "cache")
    said: list[Result] = []
    secrets = ("--secrets-dir", str(folder / "secrets"))
    server.after_token = lambda: said.append(commands.run("key", "rotate", *secrets))
    assert sync(settings)[SALES].error is None
    server.after_token = lambda: None
    assert [one.code for one in said] == [0], said
    keys = json.loads(commands.run("key", "list", "-o", "json", *secrets).out)["keys"]
    assert [(one["seals"], one["records"] > 0) for one in keys] == [(True, True), (False, False)]
    assert commands.run("key", "prune", "--yes", *secrets).code == 0
    assert sync(settings)[SALES].error is None
