"""What the stores in memory write down for the change feed, at the moment of each change."""

from __future__ import annotations

import threading
from dataclasses import field
from datetime import UTC, datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model.feed import FeedAction, FeedKind, mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One entry, without its row. `event` is the number of the mail's transition."""

    sequence: int
    kind: FeedKind
    action: FeedAction
    item: int
    at: str
    event: int | None
    by: str = ""

    @property
    def mark(self) -> bytes:
        """See `model.feed.mark`."""
        return mark(self.sequence, self.kind, self.action, self.item, self.at)


def feed_instant(moment: datetime) -> str:
    """As the SQLite outbox writes instants."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(slots=True)
class FeedLog:
    """Shared by the stores of one environment. `epoch` is 32 hexadecimal digits."""

    epoch: str = "0" * 32
    entries: list[Logged] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def append(self, kind: FeedKind, action: FeedAction, item: int, at: str, *, event: int | None = None, by: str = "") -> None:
        """Number it and keep it."""
        with self._guard:
            self.entries.append(Logged(sequence=len(self.entries) + 1, kind=kind, action=action, item=item, at=at, event=event, by=by))
