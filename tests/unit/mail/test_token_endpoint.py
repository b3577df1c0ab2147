"""Asking a token endpoint over https: what each answer means, and what it may never do."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
import trustme

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, Throttled, TimedOut, TransientError, Unavailable
from reconcile.mail.oauth.post import Poster
from reconcile.mail.oauth.token_endpoint import Token, token_of
from support.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer, Reply, oauth_server


@pytest.fixture(scope="module")
def running() -> Iterator[OAuthServer]:
    with oauth_server() as server:
        yield server


@pytest.fixture
def server(running: OAuthServer) -> OAuthServer:
    running.asked.clear()
    running.faults.clear()
    return running


def ask(server: OAuthServer, *, seconds: float = 10.0, address: str = "", **form: str) -> Token:
    whole = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form}
    answer = Poster(authority=server.authority, seconds=seconds).post(address or server.url(), whole)
    return token_of(answer, where="login", secrets=[*whole.values()], sign_in_again="Run `reconcile auth login sales`.")


def test_a_token(server: OAuthServer) -> None:
    server.rotates = False
    token = ask(server, refresh_token=server.consent("sales@contoso.example"))
    assert token.access.text() in server.access
    assert (token.seconds, token.refresh, token.refresh_seconds) == (3600.0, None, None)
    assert "canary" not in repr(token)


@pytest.mark.parametrize(
    ("said", "seconds", "refresh_seconds"),
    [
        ({}, 300.0, None),
        ({"expires_in": "1800"}, 1800.0, None),
        ({"expires_in": 10**9}, 86400.0, None),
        ({"expires_in": -1}, 300.0, None),
        ({"expires_in": True}, 300.0, None),
        ({"expires_in": "soon"}, 300.0, None),
        ({"expires_in": None, "refresh_token_expires_in": 100}, 300.0, 100.0),
    ],
)
def test_how_long_it_lasts(server: OAuthServer, said: dict[str, object], seconds: float, refresh_seconds: float | None) -> None:
    body = json.dumps({"access_token": "t", "token_type": "bearer", **said}).encode()
    server.faults["/token"].append(Reply(body=body))
    token = ask(server)
    assert (token.seconds, token.refresh_seconds) == (seconds, refresh_seconds)


def _error(code: str, text: str = "") -> bytes:
    return json.dumps({"error": code, "error_description": text}).encode()


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            Reply(status=400, body=_error("invalid_grant", "expired canary-refresh")),
            AuthenticationRejected,
            "no longer accepts the sign-in",
        ),
        (Reply(status=400, body=_error("interaction_required")), AuthenticationRejected, "no longer accepts the sign-in"),
        (Reply(status=401, body=_error("invalid_client", "canary-refresh")), AuthenticationRejected, "does not accept the application"),
        (Reply(status=403, body=b"<html>"), AuthenticationRejected, "status 403"),
        (Reply(status=400, body=_error("invalid_scope", "no \x1b[31m such")), PermanentError, "refuses: invalid_scope: no .31m such"),
        (Reply(status=400, body=_error("temporarily_unavailable")), Unavailable, "cannot answer now"),
        (Reply(status=500, body=b""), Unavailable, "status 500"),
        (Reply(status=502, body=b"<html>bad gateway</html>"), Unavailable, "status 502"),
        (Reply(status=503, headers={"Retry-After": "120"}), Throttled, "asks for a pause"),
        (Reply(status=429, body=_error("too_many"), headers={"Retry-After": "7"}), Throttled, "asks for a pause"),
        (Reply(status=429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), Throttled, "asks for a pause"),
        (Reply(status=200, body=b"<html>log in here</html>"), Unavailable, "cannot be read: it is not JSON"),
        (Reply(status=200, body=b"[]"), Unavailable, "no JSON object"),
        (Reply(status=200, body=b'{"access_token":"a","access_token":"b","token_type":"bearer"}'), Unavailable, "twice"),
        (Reply(status=200, body=b'{"token_type":"bearer"}'), Unavailable, "no token in it"),
        (Reply(status=200, body=b'{"access_token":"","token_type":"bearer"}'), Unavailable, "no token in it"),
        (Reply(status=200, body=b'{"access_token":"t","token_type":"mac"}'), PermanentError, "not of the type bearer"),
        (Reply(status=200, body=b" " * 70_000), Unavailable, "too large"),
        (Reply(status=200, body=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}), Unavailable, "compressed"),
        (Reply(cut=True), Unavailable, "cannot be reached|ended the connection"),
    ],
)
def test_what_an_answer_means(server: OAuthServer, reply: Reply, kind: type[ReconcileError], words: str) -> None:
    server.faults["/token"].append(reply)
    with pytest.raises(kind, match=words) as refused:
        ask(server, refresh_token="canary-refresh")
    assert type(refused.value) is kind
    assert refused.value.message.isprintable()
    for shown in (refused.value.message, refused.value.hint, repr(refused.value), repr(refused.value.__cause__)):
        assert "canary" not in shown
    if kind is AuthenticationRejected and "sign-in" in words:
        assert refused.value.hint == "Run `reconcile auth login sales`."
    assert not isinstance(refused.value, Throttled) or refused.value.retry_after in (120.0, 7.0, 60.0)


def test_a_redirect_is_not_followed(server: OAuthServer) -> None:
    with oauth_server() as elsewhere:
        server.faults["/token"].append(Reply(status=307, headers={"Location": elsewhere.url()}))
        with pytest.raises(PermanentError, match="redirects elsewhere"):
            ask(server, refresh_token="canary-refresh")
        assert elsewhere.asked == []


def test_an_answer_that_drips_is_cut_off(server: OAuthServer) -> None:
    ended = threading.Event()
    server.faults["/token"].append(Reply(before=lambda: ended.wait(5) and None))
    began = time.monotonic()
    with pytest.raises(TimedOut, match="did not answer in time"):
        ask(server, seconds=0.3)
    ended.set()
    assert time.monotonic() - began < 3


def test_octets_that_come_one_by_one_do_not_prolong_it() -> None:
    """Each one in time, the whole never: the deadline is of the whole."""
    authority = trustme.CA()
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            plain, _ = listening.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    secured.recv(4096)
                    for octet in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000:
                        secured.sendall(bytes([octet]))
                        time.sleep(0.05)
            except OSError:
                return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(TimedOut):
            Poster(authority=authority.cert_pem.bytes(), seconds=0.5).post(f"https://localhost:{listening.getsockname()[1]}/", {"a": "b"})
        assert time.monotonic() - began < 3
        thread.join(5)


def test_a_stranger_hears_nothing(server: OAuthServer) -> None:
    """Wrong name, unknown authority, plain http, an address inside without an authority: no request leaves."""
    with oauth_server("login.contoso.example") as misnamed:
        with pytest.raises(PermanentError, match="is for another name"):
            Poster(authority=misnamed.authority).post(misnamed.url(), {"refresh_token": "canary-refresh"})
        assert misnamed.asked == []
    answers: Sequence[tuple[Poster, str, str]] = (
        (Poster(authority=trustme.CA().cert_pem.bytes()), server.url(), "unknown authority"),
        (Poster(authority=server.authority), server.url().replace("https", "http"), "https only"),
        (Poster(), server.url(), "private network"),
    )
    for poster, address, words in answers:
        with pytest.raises(PermanentError, match=words):
            poster.post(address, {"refresh_token": "canary-refresh"})
    assert server.asked == []


def test_a_name_is_resolved_once_and_that_is_connected_to() -> None:
    """Rebinding: the second answer would be another one."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",) if len(asked) == 1 else ("169.254.169.254",)

    with oauth_server("login.contoso.example") as named:
        # Nobody else knows this name: whoever asked again would get nowhere.
        address = named.url().replace("localhost", "login.contoso.example")
        answer = Poster(authority=named.authority, resolve=resolve).post(address, {"client_id": CLIENT_ID})
    assert (answer.status, asked) == (400, ["login.contoso.example"])


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(TransientError, match="cannot be reached"):
        Poster(authority=trustme.CA().cert_pem.bytes()).post(f"https://localhost:{port}/", {})
