"""A front before the sandbox's Exchange, as IIS stands before Exchange: it finds out who asks, once for each connection, and passes on what
they ask as that account. What proves nobody gets 401 and reaches no mailbox."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from support.exchange_sandbox import ExchangeSandbox

#: Who asks, found out from the request: None for nobody.
Proving = Callable[[BaseHTTPRequestHandler], str | None]


@dataclass
class Front:
    """`proven` are the names that were found out, `turned_away` counts requests of nobody, `passed_on` those that went behind."""

    port: int = 0
    connections: int = 0
    turned_away: int = 0
    passed_on: int = 0
    proven: list[str] = field(default_factory=list)


@contextmanager
def front(
    exchange: ExchangeSandbox,
    proving: Proving,
    accounts: Mapping[str, tuple[str, str]],
    *,
    challenge: str = "",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Front]:
    """`accounts` has account and password at the sandbox by the name that is proven; a name without one is turned away."""
    told, behind = Front(), urlsplit(exchange.url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        account: tuple[str, str] | None = None

        def setup(self) -> None:
            told.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.account is None or "Authorization" in self.headers:
                name = proving(self)
                if name is not None:
                    told.proven.append(name)
                self.account = accounts.get(name or "")
            if self.account is None:
                told.turned_away += 1
                self.send_response(401)
                if challenge:
                    self.send_header("WWW-Authenticate", challenge)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            told.passed_on += 1
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=10)
            shown = base64.b64encode(":".join(self.account).encode()).decode()
            kept = {name: value for name, value in self.headers.items() if name.lower() in ("content-type", "x-anchormailbox")}
            connection.request("POST", behind.path, body, {**kept, "Authorization": f"Basic {shown}"})
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/xml"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[object, object]:  # type: ignore[override]
            connection, address = super().get_request()
            if tls is not None:
                # The handshake is for the thread of the connection.
                connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            return connection, address

        def handle_error(self, *_: object) -> None:
            """Handshakes that fail are part of what is tried."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    told.port = server.server_port
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def negotiated(request: BaseHTTPRequestHandler) -> str | None:
    """By the token of RFC 4559."""
    from support.gss_acceptor import principal_of

    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return principal_of(base64.b64decode(token)) if scheme == "Negotiate" else None


def certified(request: BaseHTTPRequestHandler) -> str | None:
    """By the address in the certificate that the handshake checked."""
    assert isinstance(request.connection, ssl.SSLSocket)
    shown = request.connection.getpeercert() or {}
    return next((str(value) for kind, value in shown.get("subjectAltName", ()) if kind == "email"), None)
