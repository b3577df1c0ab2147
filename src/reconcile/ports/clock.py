"""Time, passed in."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time and a monotonic one."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; only differences mean something."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns early when the process is asked to stop."""
        ...
