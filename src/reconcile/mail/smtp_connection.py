"""smtplib with four things mended: replies with a deadline, nothing injected before TLS, login in UTF-8, one end of data.

smtplib reads a reply byte by byte for as long as each byte comes in time, drops what an attacker put behind the answer to STARTTLS,
encodes passwords as ASCII (and shows them in the error), and sends a mail and its end in one call, so that nobody can tell
whether the end had left when the connection broke.
"""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import ssl
import time

from reconcile.errors import PermanentError
from reconcile.model.secret import Secret

_LINE = re.compile(rb"[2-5][0-9][0-9](?:[ -].*)?", re.DOTALL)
_LONGEST_LINE = 8192
_MOST_LINES = 200
#: Octets sent between two looks at the clock.
_CHUNK = 256 * 1024


class Mended:
    """Beside smtplib.SMTP or smtplib.SMTP_SSL. `reply_seconds` bounds a whole reply."""

    sock: socket.socket | None
    reply_seconds: float = 60.0
    _received: bytes = b""

    def getreply(self) -> tuple[int, bytes]:
        """One reply. Raises SMTPServerDisconnected when the connection ends, TimeoutError when the reply is not complete in time."""
        deadline = time.monotonic() + self.reply_seconds
        texts: list[bytes] = []
        while True:
            line = self._line(deadline)
            if not _LINE.fullmatch(line) or len(texts) == _MOST_LINES:
                self._drop()
                raise smtplib.SMTPServerDisconnected("the server does not speak SMTP")
            texts.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(texts)

    def _line(self, deadline: float) -> bytes:
        assert self.sock is not None
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0 or len(self._received) > _LONGEST_LINE:
                self._drop()
                raise TimeoutError("the server's reply was not complete in time")
            before = self.sock.gettimeout()
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(4096)
            except OSError:
                self._drop()
                raise
            self.sock.settimeout(before)
            if not data:
                self._drop()
                raise smtplib.SMTPServerDisconnected("the server closed the connection")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r")

    def docmd(self, cmd: str, args: str = "") -> tuple[int, bytes]:
        """As smtplib. After the answer to STARTTLS nothing may follow in the clear (RFC 3207, section 6; CVE-2011-0411 for servers)."""
        code, text = super().docmd(cmd, args)  # type: ignore[misc]
        if cmd.upper() == "STARTTLS" and (self._received or self._early() == "data"):
            self._drop()
            raise PermanentError(
                "the server's answer to STARTTLS was followed by more text in the clear: somebody on the way may have put it there",
                hint="Use tls: implicit, and look who answers on that port.",
            )
        return code, text

    def _early(self) -> str:
        """What can be read at once: "" nothing, "data", or "end". It is lost: only for connections that end if there was any."""
        assert self.sock is not None
        before = self.sock.gettimeout()
        try:
            self.sock.settimeout(0)
            data = self.sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            self.sock.settimeout(before)
            return ""
        except OSError:
            return "end"
        return "data" if data else "end"

    def spoke_early(self) -> bool:
        """Whether the server said something, or left, before it was its turn."""
        return bool(self._received) or self._early() != ""

    def send_all(self, data: bytes) -> None:
        """Everything, in pieces that each have the socket's timeout."""
        assert self.sock is not None
        view = memoryview(data)
        for start in range(0, len(view), _CHUNK):
            self.sock.sendall(view[start : start + _CHUNK])

    def log_in(self, username: str, password: Secret, mechanisms: str) -> tuple[int, bytes]:
        """AUTH PLAIN (RFC 4616) or LOGIN, in UTF-8; the last reply. `mechanisms` as the server lists them."""
        offered = mechanisms.upper().split()
        user, word = username.encode(), password.reveal()
        if "PLAIN" in offered:
            return self.docmd("AUTH PLAIN", _encoded(b"\0" + user + b"\0" + word))
        code, text = self.docmd("AUTH LOGIN")
        if code == 334:
            code, text = self.docmd(_encoded(user))
        if code == 334:
            code, text = self.docmd(_encoded(word))
        return code, text

    def _drop(self) -> None:
        self.close()  # type: ignore[attr-defined]


class Plain(Mended, smtplib.SMTP):
    """A connection in the clear, at least at first. `timeout` (seconds) holds for connecting and for the greeting."""

    def __init__(self, host: str, port: int, *, timeout: float) -> None:
        self.reply_seconds = timeout
        # The name only keeps smtplib from asking the resolver for ours; EHLO gets another one.
        super().__init__(host, port, "localhost", timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = socket.create_connection((host, port), timeout)
        # The end of data goes out in a packet of its own and must not wait for an acknowledgement.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected


class Tls(Mended, smtplib.SMTP_SSL):
    """A connection that is TLS from its first byte."""

    def __init__(self, host: str, port: int, *, timeout: float, context: ssl.SSLContext) -> None:
        self.reply_seconds = timeout
        super().__init__(host, port, "localhost", timeout=timeout, context=context)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = socket.create_connection((host, port), timeout)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return self.context.wrap_socket(connected, server_hostname=host)
        except BaseException:
            connected.close()
            raise


def dot_stuffed(content: bytes) -> bytes:
    """RFC 5321, 4.5.2. `content` has CRLF line ends and ends with one."""
    return re.sub(rb"(?m)^\.", b"..", content)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
