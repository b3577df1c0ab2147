"""SMTP as bytes (RFC 5321): lines out, replies in, each with a deadline as a whole, nothing believed that came too early.

smtplib is not used: it reads a reply octet by octet for as long as each comes in time, believes what an attacker put behind the answer to
STARTTLS, shows passwords in errors, waits for each answer where PIPELINING would spare it, and sends a mail and its end in
one call, so that nobody can tell whether the end had left when the connection broke.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Sequence

_LINE = re.compile(rb"[2-5][0-9][0-9](?:[ -].*)?", re.DOTALL)
_LONGEST_LINE = 8192
_MOST_LINES = 200
#: Octets sent between two looks at the clock.
_CHUNK = 256 * 1024


class Disconnected(Exception):
    """The connection is over, or what came over it is no SMTP."""


class Connection:
    """One connection. `reply_seconds` bounds a whole reply."""

    def __init__(self, sock: socket.socket, *, reply_seconds: float) -> None:
        self._sock: socket.socket | None = sock
        self._received = b""
        self.reply_seconds = reply_seconds

    @property
    def is_open(self) -> bool:
        return self._sock is not None

    @property
    def own_name(self) -> str:
        """What EHLO says: an address literal (RFC 5321, 4.1.3), which is always true, unlike the host's idea of its name."""
        address = self._socket.getsockname()[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    @property
    def _socket(self) -> socket.socket:
        if self._sock is None:
            raise Disconnected("the connection is closed")
        return self._sock

    def set_silence(self, seconds: float) -> None:
        """How long one send, and one reply, may take."""
        self._socket.settimeout(seconds)
        self.reply_seconds = seconds

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """TLS over the same connection. Raises ssl.SSLError."""
        self._sock = context.wrap_socket(self._socket, server_hostname=host)

    def send_lines(self, lines: Sequence[bytes]) -> None:
        """Commands in one write. None of them holds a line end."""
        data = b"".join(line + b"\r\n" for line in lines)
        if data.count(b"\n") != len(lines) or data.count(b"\r") != len(lines):
            raise ValueError("a command may not hold a line end")
        self._socket.sendall(data)

    def send_all(self, data: bytes | memoryview) -> None:
        """Everything, in pieces that each have the socket's timeout."""
        view = memoryview(data)
        for start in range(0, len(view), _CHUNK):
            self._socket.sendall(view[start : start + _CHUNK])

    def reply(self) -> tuple[int, bytes]:
        """One reply, its lines without codes. Raises Disconnected, and TimeoutError when it is not complete in time; then the
        connection is closed."""
        deadline = time.monotonic() + self.reply_seconds
        texts: list[bytes] = []
        while True:
            line = self._line(deadline)
            if not _LINE.fullmatch(line) or len(texts) == _MOST_LINES:
                self.close()
                raise Disconnected("the server does not speak SMTP")
            texts.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(texts)

    def ask(self, line: bytes) -> tuple[int, bytes]:
        """One command and its reply."""
        self.send_lines([line])
        return self.reply()

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0 or len(self._received) > _LONGEST_LINE:
                self.close()
                raise TimeoutError("the server's reply was not complete in time")
            before = self._socket.gettimeout()
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(4096)
            except OSError:
                self.close()
                raise
            self._socket.settimeout(before)
            if not data:
                self.close()
                raise Disconnected("the server closed the connection")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r")

    def spoke_early(self) -> bool:
        """Whether the server said something, or left, before it was its turn. What it said is lost: for connections that end then."""
        if self._received:
            return True
        sock = self._socket
        before = sock.gettimeout()
        try:
            sock.settimeout(0)
            sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            sock.settimeout(before)
            return False
        except OSError:
            pass
        return True

    def close(self) -> None:
        """Raises nothing."""
        sock, self._sock = self._sock, None
        self._received = b""
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()


def dot_stuffed(content: bytes) -> bytes:
    """RFC 5321, 4.5.2. `content` has CRLF line ends and ends with one."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def has_whole_line_ends(content: bytes) -> bool:
    """Whether every CR and LF stands in a CRLF, the last at the end: a bare one may end a mail early at some servers, and make
    a second mail of the rest (SMTP smuggling; RFC 5321, 2.3.8)."""
    ends = content.count(b"\r\n")
    return ends == content.count(b"\n") == content.count(b"\r") and content.endswith(b"\r\n")
