"""A small OAuth server on loopback over https: token (three grants), device authorization, authorization, revocation, introspection.

What it gave and what it was asked stands in its fields; `faults` holds what it answers instead, one for each request of that path.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import trustme

CLIENT_ID = "crm-client"
CLIENT_SECRET = "canary-client-secret-5f1c"
SCOPE = "https://mail.contoso.example/"


@dataclass
class Reply:
    """An answer as it is; `cut` closes the connection instead, `before` is called first."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    before: Callable[[], None] = lambda: None


@dataclass
class OAuthServer:
    """`rotates`: each answer to a refresh token gives another one, and the old one is no longer taken (not `strict`: it still is, as Google and Microsoft do). `users` maps refresh tokens to
    who they are for; `access` maps access tokens to (who, end by time.time())."""

    authority: bytes = b""
    port: int = 0
    rotates: bool = False
    strict: bool = True
    lifetime: int = 3600
    users: dict[str, str] = field(default_factory=dict)
    access: dict[str, tuple[str, float]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    faults: defaultdict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))
    devices: dict[str, str | None] = field(default_factory=dict)
    codes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    application: str = "sales@contoso.example"
    agreeing: str = "sales@contoso.example"
    after_token: Callable[[], None] = lambda: None
    _count: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/token") -> str:
        return f"https://localhost:{self.port}{path}"

    def consent(self, user: str) -> str:
        """A refresh token, as if a person had agreed."""
        token = self._new("refresh")
        self.users[token] = user
        return token

    def _new(self, kind: str) -> str:
        with self._guard:
            self._count += 1
            return f"canary-{kind}-{self._count}-{secrets.token_hex(12)}"

    def _token(self, user: str, refresh: str | None) -> dict[str, object]:
        access = self._new("access")
        self.access[access] = (user, time.time() + self.lifetime)
        said: dict[str, object] = {"access_token": access, "token_type": "Bearer", "expires_in": self.lifetime}
        return {**said, "refresh_token": refresh} if refresh else said

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        if form.get("client_id") != CLIENT_ID or form.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            return 401, {"error": "invalid_client", "error_description": f"no client {form.get('client_secret')}"}
        match form.get("grant_type"):
            case "client_credentials":
                return 200, self._token(self.application, None)
            case "refresh_token":
                shown = form.get("refresh_token", "")
                user = self.users.get(shown)
                if user is None:
                    return 400, {"error": "invalid_grant", "error_description": f"Token has been expired or revoked: {shown}"}
                if not self.rotates:
                    return 200, self._token(user, None)
                if self.strict:
                    del self.users[shown]
                return 200, self._token(user, self.consent(user))
            case "urn:ietf:params:oauth:grant-type:device_code":
                code = form.get("device_code", "")
                if code not in self.devices:
                    return 400, {"error": "expired_token"}
                user = self.devices[code]
                return (200, self._token(user, self.consent(user))) if user else (400, {"error": "authorization_pending"})
            case "authorization_code":
                user, challenge, redirect = self.codes.pop(form.get("code", ""), ("", "", ""))
                made = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
                if not user or made != challenge or redirect != form.get("redirect_uri"):
                    return 400, {"error": "invalid_grant"}
                return 200, self._token(user, self.consent(user))
        return 400, {"error": "unsupported_grant_type"}

    def device(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        code = self._new("device")
        self.devices[code] = None
        return 200, {
            "device_code": code,
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://login.contoso.example/device",
            "expires_in": 60,
            "interval": 1,
        }

    def revoke(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        self.users.pop(form.get("token", ""), None)
        return 200, {}

    def introspect(self, token: str) -> dict[str, object]:
        user, end = self.access.get(token, ("", 0.0))
        if not user or end < time.time():
            return {"active": False}
        return {"active": True, "username": user, "email": user, "scope": SCOPE, "exp": int(end)}

    def agree(self, query: dict[str, str]) -> str:
        """Where the browser is sent after the person agreed."""
        code = self._new("code")
        self.codes[code] = (self.agreeing, query["code_challenge"], query["redirect_uri"])
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})


def _handler(server: OAuthServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def _fault(self, path: str) -> bool:
            if not server.faults[path]:
                return False
            fault = server.faults[path].popleft()
            fault.before()
            if fault.cut:
                self.close_connection = True
            else:
                self._answer(fault.status, fault.body, fault.headers)
            return True

        def do_POST(self) -> None:
            path = urlsplit(self.path).path
            text = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            server.asked.append((path, form))
            if self._fault(path):
                return
            made = {"/token": server.token, "/device": server.device, "/revoke": server.revoke}.get(path)
            if path == "/introspect":
                self._answer(200, json.dumps(server.introspect(form.get("token", ""))).encode())
                return
            status, said = made(form) if made else (404, {"error": "not_found"})
            if path == "/token" and status == 200:
                server.after_token()
            self._answer(status, json.dumps(said).encode())

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if self._fault(parts.path):
                return
            if parts.path == "/authorize":
                self._answer(302, b"", {"Location": server.agree(query)})
            elif parts.path == "/introspect":
                self._answer(200, json.dumps(server.introspect(query.get("token", ""))).encode())
            else:
                self._answer(404, b"{}")

    return Handler


@contextmanager
def oauth_server(*names: str, **settings: object) -> Iterator[OAuthServer]:
    """Running; `authority` is the PEM of its test CA. `names` are those of its certificate."""
    authority = trustme.CA()
    server = OAuthServer(authority=authority.cert_pem.bytes(), **settings)  # type: ignore[arg-type]
    with _listening(server, authority.issue_cert(*(names or ("localhost", "127.0.0.1")))) as server.port:
        yield server


@contextmanager
def plain_introspection(server: OAuthServer) -> Iterator[int]:
    """The same server in clear, for a Dovecot on loopback that asks it about tokens."""
    with _listening(server, None) as port:
        yield port


@contextmanager
def _listening(server: OAuthServer, certificate: trustme.LeafCert | None) -> Iterator[int]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    http.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield http.server_address[1]
    finally:
        http.shutdown()
        http.server_close()
