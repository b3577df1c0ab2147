"""Signing in to Exchange Web Services: each declared kind against a server that checks it, once for each connection where that is the way."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconcile.errors import AuthenticationRejected
from reconcile.mail.ews.authorization import negotiate_token
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.sign_in.bearer import BearerSignIn
from reconcile.mail.sign_in.ntlm import NtlmSignIn
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import Grant, OAuthPlan, SignInKind
from reconcile.ports.sign_in import Mechanism
from support.ews_script import Asked, Said, ScriptedInbox, running

PLAN = OAuthPlan(
    grant=Grant.CLIENT_CREDENTIALS,
    account="profile",
    client_id="app",
    client_secret=("profile", "oauth.clientSecret"),
    refresh_token=None,
    token_endpoint="https://login.contoso.example/token",
    scopes=("https://outlook.office365.com/.default",),
)


@dataclass
class NtlmServer:
    """As IIS: the second answer carries a challenge, the third request the mail server's own answer; then the connection is signed in."""

    inbox: ScriptedInbox
    #: By connection; the scripted server hands out one thread for each.
    contexts: dict[int, Any] = field(default_factory=dict)
    signed_in: set[int] = field(default_factory=set)
    handshakes: int = 0

    def __call__(self, asked: Asked) -> Said:
        import threading

        import spnego

        place = threading.get_ident()
        shown = asked.headers.get("authorization", "")
        if place in self.signed_in and not shown:
            return self.inbox(asked)
        if not shown.startswith("NTLM "):
            return Said(b"", status=401, headers={"WWW-Authenticate": "NTLM"})
        token = base64.b64decode(shown[5:])
        context = self.contexts.setdefault(place, None) or spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        self.contexts[place] = context
        try:
            answer = context.step(token)
        except spnego.exceptions.SpnegoError:
            self.contexts[place] = None
            return Said(b"", status=401, headers={"WWW-Authenticate": "NTLM"})
        if not context.complete:
            return Said(b"", status=401, headers={"WWW-Authenticate": f"NTLM {base64.b64encode(answer or b'').decode()}"})
        self.signed_in.add(place)
        self.handshakes += 1
        return self.inbox(asked)


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyspnego's server looks up passwords."""
    file = tmp_path / "ntlm"
    file.write_text("CONTOSO:svc:correct horse\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


def messages() -> ScriptedInbox:
    return ScriptedInbox({"AAMk000": b"Subject: 1\r\n\r\n"})


def test_ntlm_proves_itself_once_for_each_connection(users: None) -> None:
    server = NtlmServer(messages())
    with running(server) as script:
        sessions = Sessions()
        for _ in range(3):
            inbox = EwsInbox(script.account(sign_in=NtlmSignIn("CONTOSO\\svc", Secret(b"correct horse"))), sessions)
            assert inbox.look(None).messages == 1
            inbox.close()
        assert (server.handshakes, script.connections) == (1, 1)
        # Negotiate, authenticate with the first request, and one request for each of the others.
        assert len(script.asked) == 4
        assert b"correct horse" not in b"".join(asked.headers.get("authorization", "").encode() for asked in script.asked)


def test_a_connection_that_forgot_who_signed_in_is_signed_in_again(users: None) -> None:
    server = NtlmServer(messages())
    with running(server) as script:
        inbox = EwsInbox(script.account(sign_in=NtlmSignIn("CONTOSO\\svc", Secret(b"correct horse"))), Sessions())
        inbox.look(None)
        server.signed_in.clear()
        server.contexts.clear()
        assert inbox.look(None).messages == 1
        assert server.handshakes == 2


def test_a_wrong_password_of_ntlm_is_tried_once(users: None) -> None:
    server = NtlmServer(messages())
    with running(server) as script:
        with pytest.raises(AuthenticationRejected):
            EwsInbox(script.account(sign_in=NtlmSignIn("CONTOSO\\svc", Secret(b"wrong"))), Sessions()).look(None)
        assert len(script.asked) == 2


def test_connections_of_different_passwords_are_not_shared(users: None) -> None:
    """Who has the wrong password must not use the connection of who has the right one."""
    server = NtlmServer(messages())
    with running(server) as script:
        sessions = Sessions()
        EwsInbox(script.account(sign_in=NtlmSignIn("CONTOSO\\svc", Secret(b"correct horse"))), sessions).look(None)
        with pytest.raises(AuthenticationRejected):
            EwsInbox(script.account(sign_in=NtlmSignIn("CONTOSO\\svc", Secret(b"wrong"))), sessions).look(None)


@dataclass
class Tokens:
    """Gives them one after the other."""

    left: list[str]
    refused: list[bytes] = field(default_factory=list)

    def current(self, plan: OAuthPlan, *, name: str) -> tuple[Secret, bool]:
        return Secret(self.left[0].encode()), len(self.left) == 1

    def refuse(self, plan: OAuthPlan, token: Secret) -> None:
        self.refused.append(token.reveal())
        if len(self.left) > 1:
            self.left.pop(0)


@pytest.mark.parametrize(("tokens", "requests"), [(["good"], 1), (["old", "good"], 2)])
def test_a_token_is_shown_and_renewed_once(tokens: list[str], requests: int) -> None:
    server = messages()

    def answering(asked: Asked) -> Said:
        good = asked.headers.get("authorization") == "Bearer good"
        return server(asked) if good else Said(b"", status=401, headers={"WWW-Authenticate": "Bearer"})

    with running(answering) as script:
        inbox = EwsInbox(script.account(sign_in=BearerSignIn("", PLAN, Tokens(tokens), "contoso")), Sessions())
        assert inbox.look(None).messages == 1
        assert len(script.asked) == requests


def test_a_token_that_stays_refused_is_shown_twice_at_most() -> None:
    with running(lambda _: Said(b"", status=401)) as script:
        with pytest.raises(AuthenticationRejected) as caught:
            EwsInbox(script.account(sign_in=BearerSignIn("", PLAN, Tokens(["old", "bad"]), "contoso")), Sessions()).look(None)
        assert len(script.asked) == 2
        assert "bad" not in caught.value.message


@dataclass
class Ticket(Uncounted):
    """A Kerberos ticket that is always at hand."""

    kind: SignInKind = SignInKind.KERBEROS
    username: str = "svc@CONTOSO.EXAMPLE"
    password: None = None
    asked: list[str] = field(default_factory=list)

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        self.asked.append(f"{protocol}@{host}")
        return self  # type: ignore[return-value]

    def initial(self) -> bytes:
        return b"\x60\x03tkt"

    def refused(self) -> bool:
        return False


def test_kerberos_shows_a_ticket_once_for_each_connection() -> None:
    server, ticket = messages(), Ticket()

    def answering(asked: Asked) -> Said:
        shown = asked.headers.get("authorization", "")
        if script.asked[0] is asked:
            assert shown == "Negotiate " + base64.b64encode(negotiate_token(ticket.initial())).decode()
        else:
            assert shown == ""
        return server(asked)

    with running(answering) as script:
        inbox = EwsInbox(script.account(sign_in=ticket), Sessions())
        inbox.look(None)
        inbox.look(None)
        assert ticket.asked == ["HTTP@127.0.0.1"]


@pytest.mark.parametrize("size", [3, 200, 4000])
def test_a_ticket_is_wrapped_as_negotiate_wants_it(size: int) -> None:
    """Read back by pyspnego."""
    from spnego._spnego import NegTokenInit, unpack_token

    found = unpack_token(negotiate_token(b"t" * size))
    assert isinstance(found, NegTokenInit)
    assert (found.mech_types, found.mech_token) == (["1.2.840.113554.1.2.2"], b"t" * size)
    assert re.fullmatch(r"[0-9a-f]+", negotiate_token(b"t").hex())
