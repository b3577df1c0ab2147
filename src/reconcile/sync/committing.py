"""Commits beside the reading, in order, one at a time: while the disk syncs a batch, the next one is read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from reconcile.ports.mail_store import Kept, ReceivedBatch, Receiving


class Commits:
    """`beside` commits in a thread of its own; without it everything happens in one order."""

    def __init__(self, receiving: Receiving, *, beside: bool) -> None:
        self._receiving = receiving
        self._beside = beside
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._running: Future[None] | None = None

    def submit(self, batch: ReceivedBatch, count: Callable[[Kept], None]) -> None:
        """Returns once the one before is durable. Raises what that one raised."""
        self.finish()
        self._running = self._pool.submit(lambda: count(self._receiving.commit(batch)))
        if not self._beside:
            self.finish()

    def finish(self) -> None:
        """Returns once everything is durable. Raises what the last one raised."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def __enter__(self) -> Commits:
        return self

    def __exit__(self, *_: object) -> None:
        # A commit that failed is why whatever came after it failed, so its error goes first.
        try:
            self.finish()
        finally:
            self._pool.shutdown()
