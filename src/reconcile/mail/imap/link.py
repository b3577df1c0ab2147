"""An open connection: its socket, and the one buffered file that everything is read from."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
from typing import cast

#: Spares most system calls while mail is read; a connection that only waits goes without.
_WIDE = 1 << 18
_SEND = 1 << 18


class Link:
    """`file` is where to read. One thread only, but for `close`."""

    __slots__ = ("file", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file: io.BufferedReader = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        """All of it. A socket's timeout is for one call, whatever it sends."""
        for start in range(0, len(data), _SEND):
            self.sock.sendall(data[start : start + _SEND])

    def unread(self) -> bool:
        """Whether something can be read without waiting. An end of the connection reads as nothing."""
        waiting = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            return bool(self.file.peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self.sock.settimeout(waiting)

    def widen(self) -> None:
        """A large buffer; the one there is stays where it still holds something unread."""
        if not self.unread():
            self.file = cast(io.BufferedReader, self.sock.makefile("rb", buffering=_WIDE))

    def narrow(self) -> None:
        """The small one again."""
        if not self.unread():
            self.file = self.sock.makefile("rb")

    def close(self) -> None:
        """Raises nothing."""
        with contextlib.suppress(Exception):
            self.file.close()
        with contextlib.suppress(Exception):
            self.sock.close()
