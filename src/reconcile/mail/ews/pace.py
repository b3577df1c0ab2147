"""How slowly an answer may come: silence between two octets is limited by the socket's timeout, and this limits the whole.

A server that sends an octet now and then is never silent for long, and would keep a thread and a connection for weeks. So an answer gets
time in proportion to its size: a huge one that comes steadily is read to its end.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import Any, Final

#: Octets a second that earn an answer more time: less than any line in use carries.
SLOWEST: Final = 1024
#: What an answer gets besides, in timeouts of the socket: for the server to think, and for pauses.
_TIMEOUTS: Final = 3.0


class TooSlow(TimeoutError):
    """An answer that came, but not fast enough."""


class PacedReader(io.RawIOBase):
    """Reads what `raw` reads, waiting `patience` seconds for it, and a second more for each SLOWEST octets. Raises TooSlow."""

    def __init__(self, raw: Any, patience: float | None) -> None:
        super().__init__()
        self._raw = raw
        self._octets = 0
        self._patience = patience
        self._waited = 0.0

    def readinto(self, buffer: Any) -> int | None:
        # What the reader does between two pieces is not the server's time.
        began = time.monotonic()
        count: int | None = self._raw.readinto(buffer)
        self._waited += time.monotonic() - began
        self._octets += count or 0
        if count and self._patience is not None and self._waited > self._patience + self._octets / SLOWEST:
            raise TooSlow(f"{self._octets:,} octets in all that time")
        return count

    def lasting(self) -> None:
        """From now on it may take for ever: an answer that tells of events as they happen."""
        self._patience = None

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class PacedResponse(http.client.HTTPResponse):
    """An answer, from its first line on."""

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        timeout = sock.gettimeout()
        self.paced = PacedReader(self.fp.detach(), None if timeout is None else _TIMEOUTS * timeout)
        self.fp = io.BufferedReader(self.paced)


def lasting(response: Any) -> None:
    """Of an answer that requests gave, as it is read."""
    paced = getattr(response.raw._original_response, "paced", None)
    if paced is not None:
        paced.lasting()
