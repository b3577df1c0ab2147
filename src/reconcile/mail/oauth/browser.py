"""Authorization code with PKCE (RFC 7636, S256) and a redirect to this host (RFC 8252): the browser runs where this process runs, or
its port is forwarded here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from reconcile.errors import UserError
from reconcile.mail.oauth.consent import Client
from reconcile.mail.oauth.token_endpoint import Token, safe_words

_PAGE = b"<!doctype html><meta charset=utf-8><title>reconcile</title><p>%s You can close this window.</p>"
_LONGEST = 4096


def by_browser(
    client: Client,
    *,
    tell: Callable[[str], None],
    username: str,
    host: str = "127.0.0.1",
    port: int = 0,
    seconds: float = 300.0,
) -> Token:
    """`tell` gets the address to open. `host` is how the redirect names this host: 127.0.0.1 or localhost; it listens on 127.0.0.1 only.

    Raises UserError when nobody signs in or the person refuses, PermanentError and TransientError as the endpoints answer.
    """
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
    with _Redirected(state, port) as redirected:
        redirect = f"http://{host}:{redirected.server_port}/"
        tell(_address(client, redirect, state, verifier, username))
        code = redirected.wait(seconds)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    return client.token(client.ask(client.plan.token_endpoint, form), code, verifier)


def _address(client: Client, redirect: str, state: str, verifier: str, username: str) -> str:
    plan = client.plan
    parts = urlsplit(plan.authorization_endpoint)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = dict(parse_qsl(parts.query)) | {
        "response_type": "code",
        "client_id": plan.client_id,
        "redirect_uri": redirect,
        "scope": " ".join(plan.scopes),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "login_hint": username,
    }
    return urlunsplit(parts._replace(query=urlencode(query)))


class _Redirected(HTTPServer):
    """Waits for the one request that carries our state. Any other is told off and changes nothing."""

    def __init__(self, state: str, port: int) -> None:
        self._state = state
        self.code = ""
        self.refusal = ""
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise UserError(
                f"port {port} of 127.0.0.1 cannot be listened on: {error.strerror}", hint="Choose another one with --port."
            ) from None

    def taken(self, query: dict[str, list[str]]) -> bool:
        """Whether this request ends the wait."""
        if not hmac.compare_digest(query.get("state", [""])[0].encode(), self._state.encode()):
            return False
        self.refusal = safe_words(query.get("error", [""])[0], ())
        self.code = query.get("code", [""])[0][:_LONGEST]
        return bool(self.code or self.refusal)

    def wait(self, seconds: float) -> str:
        """The code. Raises UserError."""
        timer = threading.Timer(seconds, self.shutdown)
        timer.daemon = True
        timer.start()
        try:
            self.serve_forever(poll_interval=0.1)
        finally:
            timer.cancel()
        if self.refusal:
            raise UserError(f"the sign-in was refused: {self.refusal}", hint="Run the command once more when the person agrees.")
        if not self.code:
            raise UserError("nobody signed in in time", hint="Run the command once more, and open the address on this host.")
        return self.code

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Redirected

    def do_GET(self) -> None:
        """The redirect."""
        parts = urlsplit(self.path)
        done = parts.path == "/" and self.server.taken(parse_qs(parts.query, max_num_fields=20))
        body = _PAGE % (b"Thank you." if done and not self.server.refusal else b"This is not the sign-in that is waited for.")
        self.send_response(200 if done else 400)
        for name, value in (
            ("Content-Type", "text/html"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if done:
            # From another thread: shutdown waits for the loop that runs this.
            threading.Thread(target=self.server.shutdown, daemon=True).start()

    def log_message(self, *_: object) -> None:
        """The request line holds the code."""
