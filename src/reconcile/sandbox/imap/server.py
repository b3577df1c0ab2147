"""The IMAP server's connections: sockets, TLS, lines and literals within bounds. What commands mean is the session's part."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable

from reconcile.sandbox.imap.grammar import announced_literal, tag_of
from reconcile.sandbox.imap.session import Next, Services, Session

#: Octets of one line, before and after login; of all literals of one command likewise.
LINE_LIMIT = 64 * 1024
LITERAL_LIMIT_BEFORE_LOGIN = 8 * 1024
LITERAL_LIMIT = 64 * 1024 * 1024
_SILENCE = 600.0  # seconds; clients that vanish do not keep a thread for ever


class _TooLong(Exception):
    """The client sends more than it may: the connection ends."""


class _Connection:
    """One client's socket. `send` counts octets for the fault that drops the connection."""

    def __init__(self, channel: socket.socket, drop_after: int | None, delay: Callable[[], float]) -> None:
        self.channel = channel
        self._delay = delay
        self._unread = b""
        self._left = drop_after

    def send(self, octets: bytes) -> None:
        if self._left is not None and len(octets) > self._left:
            with contextlib.suppress(OSError):
                self.channel.sendall(octets[: self._left])
            raise EOFError
        if self._left is not None:
            self._left -= len(octets)
        if octets:
            self.channel.sendall(octets)

    def read_line(self) -> bytes:
        while b"\n" not in self._unread:
            if len(self._unread) > LINE_LIMIT:
                raise _TooLong
            self._receive()
        line, _, self._unread = self._unread.partition(b"\n")
        if len(line) > LINE_LIMIT:
            raise _TooLong
        return line.removesuffix(b"\r")

    def read_command(self, limit: int) -> bytes:
        """A whole command with its literals in place, or b"" for one that was answered with NO already."""
        first = line = self.read_line()
        buffer = bytearray(first)
        while (literal := announced_literal(line)) is not None:
            if len(buffer) + literal.octets > limit:
                if not literal.waits:
                    raise _TooLong
                self.send(f"{tag_of(first)} NO [TOOBIG] more than {limit} octets\r\n".encode())
                return b""
            if literal.waits:
                self.send(b"+ go ahead\r\n")
            buffer += b"\r\n"
            buffer += self._read_exactly(literal.octets)
            line = self.read_line()
            buffer += line
            if len(buffer) > limit:
                raise _TooLong
        self._wait()
        return bytes(buffer)

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._unread = b""  # what came before the handshake was not protected (RFC 3501, section 6.2.1)
        self.channel = context.wrap_socket(self.channel, server_side=True)

    def _read_exactly(self, octets: int) -> bytes:
        taken = bytearray(self._unread[:octets])
        self._unread = self._unread[octets:]
        while len(taken) < octets:
            piece = self.channel.recv(min(65536, octets - len(taken)))
            if not piece:
                raise EOFError
            taken += piece
        return bytes(taken)

    def _receive(self) -> None:
        piece = self.channel.recv(65536)
        if not piece:
            raise EOFError
        self._unread += piece

    def _wait(self) -> None:
        seconds = self._delay()
        if seconds > 0:
            time.sleep(seconds)


class ImapServer:
    """Listens on one port; a thread a connection. `implicit_tls` tells port 993's way from port 143's."""

    def __init__(self, services: Services, context: ssl.SSLContext, *, implicit_tls: bool) -> None:
        self._services = services
        self._context = context
        self._implicit_tls = implicit_tls
        self._listener: socket.socket | None = None
        self._threads: set[threading.Thread] = set()
        self._channels: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def start(self, host: str, port: int) -> int:
        """Bind and answer; 0 takes a free port. Answers the port. Raises OSError when it is taken."""
        self._listener = socket.create_server((host, port), backlog=128)
        thread = threading.Thread(target=self._accept, name="sandbox-imap", daemon=True)
        self._threads.add(thread)
        thread.start()
        chosen: int = self._listener.getsockname()[1]
        return chosen

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self._stopping = True
        if self._listener is not None:
            _close(self._listener)
        with self._lock:
            for channel in self._channels:
                _shut(channel)
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while self._listener is not None:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return  # stopped
            channel.settimeout(_SILENCE)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(channel,), name="sandbox-imap", daemon=True)
            with self._lock:
                if self._stopping:
                    _close(channel)
                    return
                self._threads.add(thread)
                self._channels.add(channel)
            thread.start()

    def _serve(self, channel: socket.socket) -> None:
        connection = _Connection(channel, self._services.faults.take_drop(), self._services.faults.take_delay)
        try:
            if self._implicit_tls:
                self._secure(connection, channel)
            self._talk(connection, channel)
        except (OSError, EOFError):
            pass  # the client left, or a fault was asked for
        except _TooLong:
            with contextlib.suppress(OSError, EOFError):
                connection.send(b"* BYE [TOOBIG] a line or literal is too long\r\n")
        finally:
            with self._lock:
                self._channels.discard(channel)
                self._channels.discard(connection.channel)
                self._threads.discard(threading.current_thread())
            _close(connection.channel)
            _close(channel)

    def _talk(self, connection: _Connection, channel: socket.socket) -> None:
        session = Session(self._services, connection, encrypted=self._implicit_tls)
        session.greet()
        while True:
            buffer = connection.read_command(LITERAL_LIMIT if session.address else LITERAL_LIMIT_BEFORE_LOGIN)
            if not buffer:
                continue
            match session.handle(buffer):
                case Next.CLOSE:
                    return
                case Next.START_TLS:
                    self._secure(connection, channel)
                    session.encrypted = True
                case Next.GO_ON:
                    pass

    def _secure(self, connection: _Connection, channel: socket.socket) -> None:
        connection.start_tls(self._context)
        with self._lock:  # the plain socket is detached by the wrap: stop() must find the new one
            self._channels.discard(channel)
            self._channels.add(connection.channel)


def _shut(channel: socket.socket) -> None:
    with contextlib.suppress(OSError):
        channel.shutdown(socket.SHUT_RDWR)


def _close(channel: socket.socket) -> None:
    _shut(channel)
    channel.close()
