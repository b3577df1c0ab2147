"""The sandbox's Exchange: an HTTP server on loopback that speaks EWS."""

from __future__ import annotations

import ssl
import threading
from http.server import ThreadingHTTPServer
from socket import socket
from typing import Any

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.handler import EwsHandler
from reconcile.sandbox.ews.names import ENDPOINT
from reconcile.sandbox.ews.shared import Shared


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, exchange: Shared, context: ssl.SSLContext | None) -> None:
        self.exchange = exchange
        self.context = context
        self.open_sockets: set[socket] = set()
        self.open_lock = threading.Lock()
        super().__init__((host, port), EwsHandler)

    def get_request(self) -> tuple[socket, Any]:
        channel, address = super().get_request()
        if self.context is not None:  # the handshake waits for the connection's own thread
            channel = self.context.wrap_socket(channel, server_side=True, do_handshake_on_connect=False)
        with self.open_lock:
            self.open_sockets.add(channel)
        return channel, address

    def shutdown_request(self, request: Any) -> None:
        with self.open_lock:
            self.open_sockets.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that vanished is no news."""
        import sys

        if not isinstance(sys.exception(), (OSError, EOFError, ValueError)):
            super().handle_error(request, client_address)


@dataclass(slots=True)
class ExchangeServer(Shared):
    """The server itself: it listens, and hands each connection to a handler."""

    _server: _Server | None = None

    def start(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Listen; answers the port (0 takes a free one). Without a context it speaks plain http. Raises OSError when it is taken."""
        server = _Server(host, port, self, context)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), name="sandbox-ews", daemon=True).start()
        chosen = int(server.server_address[1])
        self.url = f"{'http' if context is None else 'https'}://{host}:{chosen}{ENDPOINT}"
        return chosen

    def stop(self) -> None:
        """Close the port and all connections."""
        self.stopping.set()
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        with server.open_lock:
            channels = list(server.open_sockets)
        for channel in channels:
            channel.close()
