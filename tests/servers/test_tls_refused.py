"""A server whose TLS does not hold hears no credentials, over any protocol, and the person hears in words why."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from reconcile.errors import PermanentError, ReconcileError
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.imap.login import open_stream
from reconcile.mail.pop3.session import open_session
from reconcile.mail.reach import reach_steps
from reconcile.mail.sign_in.bearer import BearerSignIn
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.mail.smtp import SmtpSender
from reconcile.model.secret import Secret
from reconcile.model.sign_in import Grant, OAuthPlan
from reconcile.ports.sender import Account
from reconcile.ports.sign_in import SignIn
from reconcile.ports.tls import Tls

NAME, WORD = "sales@contoso.example", "canary-word"
#: Greeting, and the answers up to STARTTLS by the beginning of the line that asks.
DIALOGS: dict[str, tuple[bytes, dict[bytes, bytes]]] = {
    "imap": (
        b"* OK ready\r\n",
        {b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=XOAUTH2\r\n%s OK done\r\n", b"STARTTLS": b"%s OK go\r\n"},
    ),
    "pop3": (b"+OK ready\r\n", {b"CAPA": b"+OK\r\nSTLS\r\nUSER\r\nSASL PLAIN XOAUTH2\r\n.\r\n", b"STLS": b"+OK go\r\n"}),
    "smtp": (
        b"220 ready\r\n",
        {b"EHLO": b"250-here\r\n250-AUTH PLAIN XOAUTH2\r\n250 STARTTLS\r\n", b"STARTTLS": b"220 go\r\n"},
    ),
}


#: Over HTTP the client speaks first.
_MUTE: tuple[bytes, dict[bytes, bytes]] = (b"", {})


class Tokens:
    """`asked` says whether anybody wanted a token."""

    asked = 0

    def current(self, plan: OAuthPlan, *, name: str) -> tuple[Secret, bool]:
        self.asked += 1
        return Secret(WORD.encode()), True

    def refuse(self, plan: OAuthPlan, token: Secret) -> None:
        pass


PLAN = OAuthPlan(
    grant=Grant.REFRESH_TOKEN, account="m1", client_id="crm", client_secret=None, refresh_token=None, token_endpoint="https://a", scopes=()
)


@dataclass
class Recorder:
    """A server that remembers every octet it understood."""

    port: int = 0
    heard: bytes = b""
    handshakes: int = 0

    def serve(self, listening: socket.socket, context: ssl.SSLContext | None, protocol: str, implicit: bool) -> None:
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:
                return
            with suppress(OSError), connected:
                connected.settimeout(5)
                self._talk(connected, context, protocol, implicit)

    def _talk(self, sock: socket.socket, context: ssl.SSLContext | None, protocol: str, implicit: bool) -> None:
        greeting = DIALOGS.get(protocol, _MUTE)[0]
        if context is None or not implicit:
            sock.sendall(greeting)
            self._answer(sock, protocol)
        if context is not None:
            with context.wrap_socket(sock, server_side=True) as secured:
                self.handshakes += 1
                if implicit:
                    secured.sendall(greeting)
                self._answer(secured, protocol)

    def _answer(self, sock: socket.socket, protocol: str) -> None:
        """Until TLS begins, or something is asked that is not in the dialog, such as credentials."""
        answers = DIALOGS.get(protocol, _MUTE)[1]
        while line := sock.recv(4096):
            self.heard += line
            words = line.split()
            tag = words.pop(0) if protocol == "imap" else b""
            if words[0] not in answers:
                return
            sock.sendall(answers[words[0]].replace(b"%s", tag))
            if words[0] in (b"STARTTLS", b"STLS"):
                return


@contextmanager
def recording(context: ssl.SSLContext | None, protocol: str, implicit: bool) -> Iterator[Recorder]:
    recorder = Recorder()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        recorder.port = listening.getsockname()[1]
        thread = threading.Thread(target=recorder.serve, args=(listening, context, protocol, implicit), daemon=True)
        thread.start()
        yield recorder
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


AUTHORITY = trustme.CA()


def _old() -> ssl.SSLContext:
    context = _context(AUTHORITY.issue_cert("localhost"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _expired() -> ssl.SSLContext:
    now = datetime.now(UTC)
    return _context(AUTHORITY.issue_cert("localhost", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)))


def _early() -> ssl.SSLContext:
    now = datetime.now(UTC)
    return _context(AUTHORITY.issue_cert("localhost", not_before=now + timedelta(days=1), not_after=now + timedelta(days=9)))


def _self_signed() -> ssl.SSLContext:
    alone = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with alone.private_key_pem.tempfile() as key, alone.cert_pem.tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    return context


def _without_intermediate() -> ssl.SSLContext:
    leaf = AUTHORITY.create_child_ca().issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with leaf.private_key_pem.tempfile() as key, leaf.cert_chain_pems[0].tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    return context


def _wanting_ours() -> ssl.SSLContext:
    context = _context(AUTHORITY.issue_cert("localhost"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    return context


FAULTS: dict[str, tuple[Callable[[], ssl.SSLContext | None], str]] = {
    "TLS 1.1": (_old, "only an old version of TLS; 1.2 is the least"),
    "expired": (_expired, "it has expired"),
    "too early": (_early, "it is not valid yet"),
    "wrong name": (lambda: _context(AUTHORITY.issue_cert("mail.contoso.example")), "it is for another name"),
    "self-signed": (_self_signed, "it is signed by nobody but itself"),
    "unknown authority": (lambda: _context(trustme.CA().issue_cert("localhost")), "it comes from an unknown authority"),
    "missing intermediate": (_without_intermediate, "does not send an intermediate certificate"),
}


def attempt(protocol: str, port: int, implicit: bool, sign_in: SignIn) -> None:
    authority = AUTHORITY.cert_pem.bytes()
    if protocol == "smtp":
        tls = Tls.IMPLICIT if implicit else Tls.STARTTLS
        account = Account(server="localhost", port=port, tls=tls, authority=authority, username=NAME, sign_in=sign_in)
        with SmtpSender(connect_timeout=5, silence_timeout=5).open(account):
            return
    at = Endpoint(
        host="localhost",
        port=port,
        tls="implicit" if implicit else "starttls",
        authority=authority,
        connect_timeout=5,
        silence_timeout=5,
    )
    if protocol == "ews":
        EwsInbox(ExchangeAccount(endpoint=at, sign_in=sign_in, address=NAME), Sessions()).look(None)
        return
    (open_stream if protocol == "imap" else open_session)(at, sign_in)


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "starttls"])
@pytest.mark.parametrize("protocol", DIALOGS)
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_said_to_a_server_whose_tls_does_not_hold(fault: str, protocol: str, implicit: bool) -> None:
    make, words = FAULTS[fault]
    tokens = Tokens()
    for sign_in in (PasswordSignIn(NAME, Secret(WORD.encode())), BearerSignIn(NAME, PLAN, tokens, "sales")):
        with recording(make(), protocol, implicit) as recorder:
            with pytest.raises(PermanentError, match=words) as refused:
                attempt(protocol, recorder.port, implicit, sign_in)
            assert refused.value.hint
            assert f"localhost:{recorder.port}" in refused.value.message
        assert b"canary" not in recorder.heard
        assert b"AUTH " not in recorder.heard
        assert b"LOGIN" not in recorder.heard
        assert recorder.heard.isascii()
    assert tokens.asked == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_an_exchange_server_whose_tls_does_not_hold_hears_nothing_either(fault: str) -> None:
    make, words = FAULTS[fault]
    for sign_in in (PasswordSignIn(NAME, Secret(WORD.encode())), BearerSignIn(NAME, PLAN, Tokens(), "sales")):
        with recording(make(), "ews", implicit=True) as recorder:
            with pytest.raises(PermanentError, match=words) as refused:
                attempt("ews", recorder.port, True, sign_in)
            assert refused.value.hint
            assert f"localhost:{recorder.port}" in refused.value.message
        assert recorder.heard == b""
    with recording(_context(AUTHORITY.issue_cert("localhost")), "ews", implicit=True) as recorder, suppress(ReconcileError):
        attempt("ews", recorder.port, True, BearerSignIn(NAME, PLAN, Tokens(), "sales"))
    # Where TLS holds it does.
    assert f"Authorization: Bearer {WORD}".encode() in recorder.heard


@pytest.mark.parametrize(
    ("context", "words"),
    [
        pytest.param(lambda: None, "does not answer with TLS", id="no TLS"),
        pytest.param(_wanting_ours, "wants a client certificate", id="a certificate of ours"),
    ],
)
@pytest.mark.parametrize("protocol", DIALOGS)
def test_a_server_at_the_port_of_tls_that_wants_something_else(
    protocol: str, context: Callable[[], ssl.SSLContext | None], words: str
) -> None:
    with recording(context(), protocol, implicit=True) as recorder, pytest.raises(PermanentError, match=words):
        attempt(protocol, recorder.port, True, PasswordSignIn(NAME, Secret(WORD.encode())))
    assert b"canary" not in recorder.heard


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "starttls"])
@pytest.mark.parametrize("protocol", DIALOGS)
def test_what_holds_is_spoken_to(protocol: str, implicit: bool) -> None:
    """The recorder hears credentials where TLS holds: what the tests above miss is missing because of the fault."""
    tokens = Tokens()
    with recording(_context(AUTHORITY.issue_cert("localhost")), protocol, implicit) as recorder, suppress(ReconcileError):
        attempt(protocol, recorder.port, implicit, BearerSignIn(NAME, PLAN, tokens, "sales"))
    assert (recorder.handshakes, tokens.asked) == (1, 1)
    assert b"AUTH" in recorder.heard.splitlines()[-1]
    assert b"XOAUTH2" in recorder.heard.splitlines()[-1]


def test_trying_a_server_shows_the_certificate_it_wants() -> None:
    ours = Secret(AUTHORITY.issue_cert(NAME).private_key_and_cert_chain_pem.bytes())
    with recording(_wanting_ours(), "imap", implicit=True) as recorder:
        at = Endpoint(host="localhost", port=recorder.port, tls="implicit", authority=AUTHORITY.cert_pem.bytes(), client=ours)
        handshake = dict(reach_steps(at))["tls"]
        assert handshake().startswith("TLSv1.2")
        with pytest.raises(PermanentError, match="wants a client certificate"):
            dict(reach_steps(replace(at, client=None)))["tls"]()
