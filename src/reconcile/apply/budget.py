"""How many writes a target is given at the same time, and when all of them wait because it asked for a pause."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from reconcile.errors import Throttled
from reconcile.ports.clock import Clock

T = TypeVar("T")

#: How often one write is tried when the target keeps asking for pauses.
TRIES = 10
#: A longer pause is not waited for: the change fails as one that may work later.
LONGEST_PAUSE = 300.0
#: A sleep that ends this much too early was ended: the process is asked to stop.
_EARLY = 0.05
#: After so many writes in a row that went well, one more is tried at the same time.
_WELL = 16


class Budget:
    """Shared by all writers of one apply. A pause is everybody's, and halves the writes at the same time; success raises them again
    one by one, up to `most`, which the target names (`Capabilities.parallel_writes`)."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = self._allowed = max(1, most)
        self._free = threading.Condition()
        self._busy = 0
        self._well = 0
        self._until = clock.monotonic()

    def spend(self, write: Callable[[], T]) -> T:
        """Call `write` when there is room, and again after each pause that it asks for; it must be idempotent.

        Raises what `write` raises; Throttled when the pauses are too many or too long, or the process is asked to stop meanwhile.
        """
        for tried in range(1, TRIES + 1):
            self._enter()
            pause = 0.0
            try:
                self._wait()
                return write()
            except Throttled as error:
                if tried == TRIES or error.retry_after > LONGEST_PAUSE:
                    raise
                pause = max(0.0, error.retry_after)
            finally:
                self._leave()
            self._slow_down(pause)
        raise AssertionError("unreachable")

    def _enter(self) -> None:
        with self._free:
            while self._busy >= self._allowed:
                self._free.wait()
            self._busy += 1

    def _leave(self) -> None:
        with self._free:
            self._busy -= 1
            self._well += 1
            if self._well >= _WELL and self._allowed < self._most:
                self._allowed, self._well = self._allowed + 1, 0
            self._free.notify_all()

    def _slow_down(self, pause: float) -> None:
        with self._free:
            self._allowed, self._well = max(1, self._allowed // 2), 0
            self._until = max(self._until, self._clock.monotonic() + pause)

    def _wait(self) -> None:
        while (left := (until := self._until) - self._clock.monotonic()) > 0:
            self._clock.sleep(left)
            left = until - self._clock.monotonic()
            if left > _EARLY:
                raise Throttled("stopped while the target asked for a pause", retry_after=LONGEST_PAUSE + left)
