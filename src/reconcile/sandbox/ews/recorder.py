"""What was asked and answered: for tests, and for people who look at their client's requests."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import field

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """One request and its answer. `headers` have names in lower case and no Authorization; `status` 0 means no answer was sent.

    `broken` says which rule of the schema the answer breaks, where the schema is at hand; "" for none. `request_broken` says it of a
    request that a lenient server let pass.
    """

    operation: str
    mailbox: str
    headers: dict[str, str]
    request: bytes = field(repr=False)
    status: int
    answer: bytes = field(repr=False)
    broken: str = ""
    request_broken: str = ""


@dataclass(slots=True)
class Recorder:
    """Counts always; keeps whole conversations, the last `limit` of them, when `keeping`."""

    keeping: bool = False
    limit: int = 1000
    counts: Counter[str] = field(default_factory=Counter)
    _kept: deque[Exchanged] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, exchanged: Exchanged) -> None:
        """Remember one."""
        with self._lock:
            self.counts[exchanged.operation] += 1
            if self.keeping:
                self._kept.append(exchanged)
                while len(self._kept) > self.limit:
                    self._kept.popleft()

    @property
    def kept(self) -> tuple[Exchanged, ...]:
        """All that is kept, oldest first."""
        with self._lock:
            return tuple(self._kept)

    @property
    def total(self) -> int:
        """How many requests signed in."""
        with self._lock:
            return sum(self.counts.values())

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
            self.counts.clear()
