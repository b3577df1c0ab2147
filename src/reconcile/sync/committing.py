"""Commits beside the reading, in order, one at a time: while the disk syncs a batch, the next ones are read. The last of a mailbox, which
mostly is the only one, is committed by whoever read it: handing it over costs as much as a few messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from reconcile.ports.mail_store import Kept, ReceivedBatch, Receiving

#: Batches that wait for the disk before reading waits for them: one that takes long is made up for by quick ones.
_AHEAD: Final = 2


class Commits:
    """`beside` commits in a thread of its own; without it everything happens in one order."""

    def __init__(self, receiving: Receiving, *, beside: bool) -> None:
        self._receiving = receiving
        self._beside = beside
        self._pool: ThreadPoolExecutor | None = None
        self._running: deque[Future[None]] = deque()
        self._broken: BaseException | None = None

    def submit(self, batch: ReceivedBatch, count: Callable[[Kept], None], *, last: bool = False) -> None:
        """Returns once all but the last before it are durable, and where this is the `last` or none is committed beside, this one, too.
        Raises what one of them raised; then this one is not begun."""
        if last or not self._beside:
            self.finish()
            self._commit(batch, count)
            return
        self._wait(_AHEAD - 1)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._running.append(self._pool.submit(self._commit, batch, count))

    def _commit(self, batch: ReceivedBatch, count: Callable[[Kept], None]) -> None:
        if self._broken is not None:
            # Its cursor lies behind messages that were not kept, and why they were not is all there is to say.
            raise self._broken
        try:
            count(self._receiving.commit(batch))
        except BaseException as error:
            self._broken = error
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
            if self._pool is not None:
                self._pool.shutdown()
