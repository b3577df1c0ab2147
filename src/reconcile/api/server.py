"""The local server: on loopback or on a socket in the file system."""

from __future__ import annotations

import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from reconcile.api.bounded import Bounded
from reconcile.api.guard import Guard
from reconcile.api.handler import Handler
from reconcile.api.service import Service
from reconcile.errors import Locked, SettingsError
from reconcile.model.secret import Secret


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
    """Answer until `until` says so, then finish what is at hand. Raises Superseded where a newer version has the store."""
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="api accept", daemon=True)
    worker.start()
    try:
        while not until() and server.superseded is None:
            server.service.stopping.wait(0.1)
    finally:
        server.shutdown()
        worker.join()
        server.end()
    if server.superseded is not None:
        raise server.superseded
