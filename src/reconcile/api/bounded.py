"""A server with so many connections and no more, that ends without cutting off what it has begun to answer."""

from __future__ import annotations

import socket
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from reconcile.api.guard import Guard
from reconcile.api.service import Service
from reconcile.errors import Superseded

#: Connections at the same time; each has a thread and a connection to the store.
CONNECTIONS = 32
#: Seconds that requests at hand get when the server is to end.
GRACE = 10.0
_BUSY = (
    b'{"formatVersion": "1.0", "error": {"kind": "Busy", "message": "too many connections are open", '
    b'"hint": "Close some, or try again."}}\n'
)


class Bounded(socketserver.BaseServer):
    """What both kinds of server share. Connections wait in no queue of ours: one too many is told so and closed."""

    request_queue_size = 128
    guard: Guard
    service: Service
    #: Why it must end although nobody asked for it.
    superseded: Superseded | None = None

    def prepare(self, service: Service, guard: Guard) -> None:
        """Before the first connection."""
        self.service = service
        self.guard = guard
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="api")
        self._idle: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self._turn_away(request)
            return
        with self._guard:
            self._open.add(request)
        self._pool.submit(self._serve, request, client_address)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)  # which makes the handler, and the handler answers
        finally:
            with self._guard:
                self._idle.discard(request)
                self._open.discard(request)
            self.shutdown_request(request)
            self._slots.release()

    def _turn_away(self, request: socket.socket) -> None:
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(_BUSY)}\r\n"
        with suppress(OSError):
            request.settimeout(1)
            request.sendall(f"{head}Retry-After: 1\r\nConnection: close\r\n\r\n".encode() + _BUSY)
        self.shutdown_request(request)

    def idle(self, connection: socket.socket) -> None:
        """It waits for its next request."""
        with self._guard:
            self._idle.add(connection)
            stopping = self.service.stopping.is_set()
        if stopping:
            raise ConnectionAbortedError("the server ends")

    def busy(self, connection: socket.socket) -> None:
        """A request has begun."""
        with self._guard:
            self._idle.discard(connection)

    def end(self) -> None:
        """Let requests at hand finish, close everything else. After `serve_forever` has returned."""
        self.service.stopping.set()
        self.server_close()
        with self._guard:
            waiting = list(self._idle)
        for connection in waiting:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        cut = threading.Timer(GRACE, self._cut)
        cut.daemon = True
        cut.start()
        self._pool.shutdown(wait=True)
        cut.cancel()

    def _cut(self) -> None:
        with self._guard:
            left = list(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Of the accepting side: a connection that is gone before it was taken up."""
