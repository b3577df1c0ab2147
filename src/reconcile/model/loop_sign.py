"""The sign of life of `run`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reconcile.lazy_dataclass import dataclass

#: Without a sign for so long it does not run.
LASTS: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSign:
    """Aware. `since` is when it began to look at mail, `seen` when it did last."""

    since: datetime
    seen: datetime

    def runs(self, now: datetime) -> bool:
        """Whether it runs, as far as anybody can tell."""
        return abs(now - self.seen) <= LASTS
