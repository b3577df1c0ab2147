"""The clock and the tokens of this process."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class SystemClock:
    """The real time. `stop` ends a sleep early."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        self._stop.wait(max(0.0, seconds))


def mint() -> str:
    """A new token: an identity for what is created, a mark for what is written."""
    import uuid

    return str(uuid.uuid4())
