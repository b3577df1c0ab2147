"""What arrives on a connection, against a deadline and within a bound: a slow or endless sender costs one worker for a known time."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable


class TooMuch(Exception):
    """The bound was reached."""


class _Timed(io.RawIOBase):
    """The socket's octets until the deadline, which counts for all of them together. Raises TimeoutError."""

    def __init__(self, connection: socket.socket, monotonic: Callable[[], float]) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self.deadline = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]  # as in io
        left = self.deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("the request did not arrive in time")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Wire:
    """Reads requests. `begin` comes before each part of one."""

    def __init__(self, connection: socket.socket, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._timed = _Timed(connection, monotonic)
        self._stream = io.BufferedReader(self._timed)
        self._left = 0

    def begin(self, *, seconds: float, octets: int) -> None:
        """From now on at most so long and so much."""
        self._timed.deadline = self._monotonic() + seconds
        self._left = octets

    def readline(self, limit: int = -1) -> bytes:
        """As a file's. Raises TooMuch, TimeoutError."""
        bound = self._left + 1 if limit < 0 else min(limit, self._left + 1)
        return self._counted(self._stream.readline(bound))

    def read(self, count: int) -> bytes:
        """So many octets, fewer only at the end of the stream. Raises TooMuch, TimeoutError."""
        return self._counted(self._stream.read(min(count, self._left + 1)))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise TooMuch
        return data

    def close(self) -> None:
        """The stream, not the socket."""
        self._stream.close()
