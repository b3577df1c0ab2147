"""Commits beside the reading, in order, one at a time: while the disk syncs a batch, the next ones are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from reconcile.errors import Unavailable
from reconcile.ports.mail_store import Kept, ReceivedBatch, Receiving

#: Batches that wait for the disk before reading waits for them: one that takes long is made up for by quick ones.
_AHEAD: Final = 2


class Commits:
    """`beside` commits in a thread of its own; without it everything happens in one order."""

    def __init__(self, receiving: Receiving, *, beside: bool) -> None:
        self._receiving = receiving
        self._beside = beside
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._running: deque[Future[None]] = deque()
        self._broken = False

    def submit(self, batch: ReceivedBatch, count: Callable[[Kept], None]) -> None:
        """Returns once all but the last before it are durable. Raises what one of them raised; then this one is not begun."""
        self._wait(_AHEAD - 1)
        self._running.append(self._pool.submit(self._commit, batch, count))
        if not self._beside:
            self.finish()

    def _commit(self, batch: ReceivedBatch, count: Callable[[Kept], None]) -> None:
        if self._broken:
            # Its cursor lies behind messages that were not kept.
            raise Unavailable("a batch before this one was not kept", hint="It is read again by itself.")
        try:
            count(self._receiving.commit(batch))
        except BaseException:
            self._broken = True
            raise

    def finish(self) -> None:
        """Returns once everything is durable. Raises what the first that failed raised."""
        self._wait(0)

    def _wait(self, most: int) -> None:
        while len(self._running) > most:
            self._running.popleft().result()

    def __enter__(self) -> Commits:
        return self

    def __exit__(self, *_: object) -> None:
        # A commit that failed is why whatever came after it failed, so its error goes first.
        try:
            self.finish()
        finally:
            self._pool.shutdown()
