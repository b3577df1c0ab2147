"""Submitting mail by token, to a server that takes XOAUTH2 and OAUTHBEARER and refuses as RFC 7628 says."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from reconcile.errors import AuthenticationRejected
from reconcile.mail.sign_in.bearer import BearerSignIn
from reconcile.mail.smtp import SmtpSender
from reconcile.model.secret import Secret
from reconcile.model.sign_in import Grant, OAuthPlan
from reconcile.ports.sender import Account, Envelope, Taken
from reconcile.ports.tls import Tls
from support.dovecot import free_port

NAME = "sales@contoso.example"
MAIL = b"From: sales@contoso.example\r\nTo: a@example.org\r\nSubject: hello\r\n\r\nhello\r\n"
PLAN = OAuthPlan(
    grant=Grant.REFRESH_TOKEN, account="m1", client_id="crm", client_secret=None, refresh_token=None, token_endpoint="https://a", scopes=()
)


class Tokens:
    """Gives one after the other, as each is refused."""

    def __init__(self, *tokens: str, known: int = 0) -> None:
        self.tokens, self.known, self.asked = list(tokens), known, 0

    def current(self, plan: OAuthPlan, *, name: str) -> tuple[Secret, bool]:
        self.asked += 1
        fresh, self.known = self.known <= 0, self.known - 1
        return Secret(self.tokens[0].encode()), fresh

    def refuse(self, plan: OAuthPlan, token: Secret) -> None:
        self.tokens.pop(0)


class Office:
    """What the server takes, and what it was handed."""

    def __init__(self) -> None:
        self.good = "canary-good"
        self.lines: list[bytes] = []
        self.mail: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.mail.append(envelope.content)
        return "250 taken"

    async def _bearer(self, server: SMTP, args: list[str]) -> AuthResult:
        line = base64.b64decode(args[1])
        self.lines.append(line)
        if f"auth=Bearer {self.good}\x01".encode() in line:
            return AuthResult(success=True)
        answer = await server.challenge_auth(b'{"status":"invalid_token","scope":"mail"}')
        self.lines.append(answer if isinstance(answer, bytes) else b"?")
        return AuthResult(success=False, handled=False)

    auth_XOAUTH2 = auth_OAUTHBEARER = _bearer


@contextmanager
def serving(office: Office, *without: str) -> Iterator[Account]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    controller = Controller(
        office,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        auth_exclude_mechanism=without,
        authenticator=lambda *_: AuthResult(success=False),
    )
    controller.start()
    try:
        yield Account(server="localhost", port=controller.port, tls=Tls.STARTTLS, authority=authority.cert_pem.bytes(), username=NAME)
    finally:
        controller.stop()


@pytest.fixture
def office() -> Office:
    return Office()


def send(account: Account, tokens: Tokens) -> object:
    from dataclasses import replace

    by_token = replace(account, sign_in=BearerSignIn(NAME, PLAN, tokens, "sales"))
    with SmtpSender(connect_timeout=5, silence_timeout=5).open(by_token) as session:
        return session.send(Envelope(sender=NAME, recipients=("a@example.org",), content=MAIL), begin=lambda _: None).end


@pytest.mark.parametrize(("without", "begins"), [((), b"user="), (("XOAUTH2",), b"n,a=")])
def test_a_token_submits_mail(office: Office, without: tuple[str, ...], begins: bytes) -> None:
    with serving(office, *without) as account:
        assert isinstance(send(account, Tokens("canary-good")), Taken)
    assert office.mail == [MAIL]
    assert [line[: len(begins)] for line in office.lines] == [begins]


def test_a_kept_token_that_is_refused_is_renewed_once(office: Office) -> None:
    with serving(office) as account:
        assert isinstance(send(account, Tokens("canary-old", "canary-good", known=1)), Taken)
    assert office.mail == [MAIL]


def test_a_new_token_that_is_refused_ends_it_in_words(office: Office) -> None:
    tokens = Tokens("canary-bad", "canary-good")
    with serving(office) as account, pytest.raises(AuthenticationRejected) as refused:
        send(account, tokens)
    assert tokens.asked == 1
    assert office.lines[-1] == b""
    assert "canary" not in f"{refused.value!r}{refused.value.hint}"
    assert "the token is not valid" in refused.value.message


def test_a_server_that_takes_passwords_only_gets_nothing(office: Office) -> None:
    tokens = Tokens("canary-good")
    with serving(office, "XOAUTH2", "OAUTHBEARER") as account, pytest.raises(AuthenticationRejected, match="offers only LOGIN, PLAIN here"):
        send(account, tokens)
    assert (tokens.asked, office.lines, office.mail) == (0, [], [])
