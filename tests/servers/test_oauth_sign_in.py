"""Signing in by token at a real Dovecot, which asks the OAuth server about each token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.settings import Settings
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
from reconcile.sync.run import Limits, MailboxRun, synchronise
from reconcile.wiring.mail import applied_state, inboxes
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.sign_in import sign_ins, token_store
from reconcile.wiring.state import store_path
from reconcile.wiring.system import SystemClock
from support.dovecot import Dovecot
from support.oauth_server import OAuthServer, oauth_server
from support.token_mail import apply_token_estate, dovecot_with_tokens

pytestmark = pytest.mark.servers
SALES = "sales@contoso.example"
MAIL = b"From: a@example.org\r\nTo: sales@contoso.example\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[OAuthServer, Dovecot]]:
    with oauth_server() as server, dovecot_with_tokens(server, SALES, "info@contoso.example") as dovecot:
        dovecot.deliver(SALES, MAIL)
        yield server, dovecot


def sync(settings: Settings) -> dict[str, MailboxRun]:
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
