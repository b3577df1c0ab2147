"""The local server: on loopback or on a socket in the file system, with so many connections and no more."""

from __future__ import annotations

import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from reconcile.api.guard import Guard
from reconcile.api.handler import Handler
from reconcile.api.service import Service
from reconcile.errors import Locked, SettingsError
from reconcile.model.secret import Secret

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
            Handler(request, client_address, self)
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


class _TcpServer(Bounded, socketserver.TCPServer):
    allow_reuse_address = True


class _TcpServer6(_TcpServer):
    address_family = socket.AF_INET6


class _SocketServer(Bounded, socketserver.UnixStreamServer):
    pass


def on_loopback(service: Service, token: Secret, *, address: str, port: int) -> tuple[Bounded, str]:
    """Listening, and the URL. `port` 0 takes a free one. Raises SettingsError for an address that others could reach, OSError."""
    try:
        place = ip_address("127.0.0.1" if address == "localhost" else address)
    except ValueError as error:
        raise SettingsError(f"{address!r} is no IP address", hint="Leave it out, or give 127.0.0.1 or ::1.") from error
    if not place.is_loopback:
        raise SettingsError(
            f"{address} can be reached from other machines, and this server is for this machine only",
            hint="Leave the address out. For others put a server with TLS in front of it.",
        )
    kind = _TcpServer6 if place.version == 6 else _TcpServer
    try:
        server = kind((str(place), port), Handler)
    except OSError as error:
        raise SettingsError(f"cannot listen on {place}, port {port}: {error.strerror}", hint="Choose another with --port, or 0.") from error
    port = server.server_address[1]
    name = f"[{place}]" if place.version == 6 else str(place)
    server.prepare(service, Guard.of(token, hosts=(name, "localhost"), port=port))
    return server, f"http://{name}:{port}"


def on_socket(service: Service, token: Secret, path: Path) -> tuple[Bounded, str]:
    """Listening on a socket that only this account may open. Raises Locked when another server has it, SettingsError."""
    _free(path)
    before = os.umask(0o177)
    try:
        server = _SocketServer(str(path), Handler)
    except OSError as error:
        raise SettingsError(
            f"cannot make the socket {path}: {error.strerror or error}", hint="Name a shorter path in a folder of yours."
        ) from error
    finally:
        os.umask(before)
    server.prepare(service, Guard.of(token, hosts=("localhost",), port=None))
    return server, f"unix:{path}"


def _free(path: Path) -> None:
    """Take away what a dead server left behind."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SettingsError(f"{path} is there and no socket", hint="Name another path.")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise Locked(f"another server listens on {path}", hint="End it, or name another path.")


def serve(server: Bounded, until: Callable[[], bool]) -> None:
    """Answer until `until` says so, then finish what is at hand."""
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="api accept", daemon=True)
    worker.start()
    try:
        while not until():
            server.service.stopping.wait(0.1)
    finally:
        server.shutdown()
        worker.join()
        server.end()
