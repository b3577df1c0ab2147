"""Mail in: one mailbox, once. What the inbox hands over is described, kept, and the cursor moves with it in one transaction.

If the process dies anywhere here, the cursor still stands before what was not committed, and the next run reads it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from reconcile.model.remote_id import RemoteId
from reconcile.ports.clock import Clock
from reconcile.ports.mail import Batch, Inbox, Listed
from reconcile.ports.mail_store import Arrival, Kept, ReceivedBatch, Receiving
from reconcile.sync.decide.describe import Describer, Description, describe
from reconcile.sync.decide.floor import is_wanted
from reconcile.sync.decide.header import instant_text

#: How often a message that came without content is asked for again before it is only reported.
TRIES = 5
#: Failures in a row after which messages are read one by one.
CAREFUL_AFTER = 2
#: Failures in a row after which the first message is left for later: it may be what breaks the connection.
LEAVE_AFTER = 4


@dataclass(slots=True, kw_only=True)
class Received:
    """Counts of one look at one mailbox. `server_messages` is the server's count, once it was asked (`looked`)."""

    looked: bool = False
    server_messages: int = 0
    read: int = 0
    tracked: int = 0
    duplicates: int = 0
    conflicting: int = 0
    ignored: int = 0
    missing: int = 0
    reindexed: bool = False
    reread: bool = False


def receive(
    inbox: Inbox,
    receiving: Receiving,
    *,
    floor: datetime | None,
    clock: Clock,
    progress: Received,
    stopping: Callable[[], bool] = lambda: False,
    beside: bool = True,
) -> None:
    """Everything new of one inbox. `progress` counts while it goes on, so it is right even when an error ends it.

    `stopping` ends it after a batch; the rest is read by the next run. `beside` commits in a thread while the next batch is read;
    without it everything happens in one order, for tests that end the process at a counted step.
    """
    state = receiving.state
    look = inbox.look(state.cursor)
    progress.looked, progress.server_messages = True, look.messages
    lowest = instant_text(floor) if floor else ""
    restart = look.restarted
    # What the cursor passed under a later floor is wanted now: everything is listed again, and what is kept is left out.
    reread = not restart and lowest < state.floor
    retry = [] if restart or reread else [message.remote_id for message in state.missing if not message.reported]
    if not look.news and not retry and not reread:
        return
    progress.reindexed = restart and state.cursor is not None
    progress.reread = reread
    if retry and state.cursor is not None:
        # Counted before it is tried: a message that breaks the connection each time must not be tried for ever.
        receiving.commit(
            ReceivedBatch(
                cursor=state.cursor,
                floor=state.floor,
                missing=retry,
                messages=look.messages,
                at=instant_text(clock.now()),
                report_after=TRIES,
            )
        )
    taken: dict[RemoteId, Arrival] = {}
    left: list[RemoteId] = []
    settled: list[RemoteId] = []
    # Nothing of a history that is new to us can be kept already.
    begun = state.cursor is not None and not restart
    whole = recount = reread or not begun
    kept_before = decided = 0
    leave = state.failures >= LEAVE_AFTER

    def wanted(listed: Listed) -> bool:
        nonlocal leave, kept_before
        if not is_wanted(listed.received, floor):
            if listed.remote_id in retry:
                settled.append(listed.remote_id)
            return False
        if begun and listed.remote_id not in retry and receiving.has(listed.remote_id):
            kept_before += 1
            return False
        if leave and listed.remote_id not in retry:
            leave = False
            left.append(listed.remote_id)
            return False
        return True

    def accept(listed: Listed, chunks: Iterator[bytes]) -> None:
        taken[listed.remote_id] = _keep(receiving, listed, chunks, clock)

    last: Batch | None = None
    with _Commits(receiving, beside=beside) as commits:
        for batch in inbox.read(
            None if whole else state.cursor,
            since=floor,
            retry=retry,
            wanted=wanted,
            accept=accept,
            careful=state.failures >= CAREFUL_AFTER,
        ):
            arrivals = [taken.pop(listed.remote_id) for listed in batch.read]
            missing = [listed.remote_id for listed in batch.missing if listed.remote_id not in retry]
            # What was left is the first wanted one, so it lies in the first batch.
            passed, left = [*missing, *left], []
            declined = batch.declined - (len(passed) - len(missing))
            # Asked for some batches ahead, so they may be counted a batch early; in the end the sum is right.
            known = min(kept_before, declined)
            kept_before -= known
            decided += len(batch.read) + batch.declined + len(batch.missing)
            commits.submit(
                ReceivedBatch(
                    cursor=batch.cursor,
                    arrivals=arrivals,
                    restart=restart,
                    declined=declined,
                    floor=lowest,
                    recount=recount,
                    kept_before=known,
                    missing=passed,
                    vanished=batch.vanished,
                    settled=[*settled],
                    messages=batch.messages,
                    at=instant_text(clock.now()),
                    report_after=TRIES,
                ),
                partial(_count, progress, batch, declined - known, len(passed)),
            )
            restart = recount = False
            if stopping():
                return
            last = batch
        if whole and floor is not None and last is not None and last.messages > decided:
            # The server left these out by their date (see `Inbox.read`), so they were decided, too.
            older = last.messages - decided
            progress.ignored += older
            at = instant_text(clock.now())
            commits.submit(
                ReceivedBatch(cursor=last.cursor, floor=lowest, declined=older, messages=last.messages, at=at, report_after=TRIES),
                lambda _: None,
            )


class _Commits:
    """Commits beside the reading, in order, one at a time: while the disk syncs a batch, the next one is read."""

    def __init__(self, receiving: Receiving, *, beside: bool) -> None:
        self._receiving = receiving
        self._beside = beside
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._running: Future[None] | None = None

    def submit(self, batch: ReceivedBatch, count: Callable[[Kept], None]) -> None:
        """Returns once the one before is durable. Raises what that one raised."""
        self._finish()
        self._running = self._pool.submit(lambda: count(self._receiving.commit(batch)))
        if not self._beside:
            self._finish()

    def _finish(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def __enter__(self) -> _Commits:
        return self

    def __exit__(self, *_: object) -> None:
        # A commit that failed is why whatever came after it failed, so its error goes first.
        try:
            self._finish()
        finally:
            self._pool.shutdown()


def _keep(receiving: Receiving, listed: Listed, chunks: Iterator[bytes], clock: Clock) -> Arrival:
    """Describe a message and append its bytes, unless the same content is kept already."""
    first = next(chunks, b"")
    second = next(chunks, None)
    if second is None:
        found = describe(first)
        if _known(receiving, found):
            return _arrival(listed, found, None, clock)
        receiving.begin()
        receiving.write(first)
        return _arrival(listed, found, receiving, clock)
    describer = Describer()
    receiving.begin()
    try:
        for chunk in _chain(first, second, chunks):
            describer.take(chunk)
            receiving.write(chunk)
    except BaseException:
        receiving.discard()
        raise
    found = describer.finish()
    if _known(receiving, found):
        receiving.discard()
        return _arrival(listed, found, None, clock)
    return _arrival(listed, found, receiving, clock)


def _chain(first: bytes, second: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from chunks


def _known(receiving: Receiving, found: Description) -> bool:
    return bool(found.header.message_id) and receiving.known(found.header.message_id, found.content)


def _arrival(listed: Listed, found: Description, receiving: Receiving | None, clock: Clock) -> Arrival:
    return Arrival(
        remote_id=listed.remote_id,
        # Where the server gives no date, the moment it was first seen stands for it.
        received=instant_text(listed.received or clock.now()),
        size=found.size,
        raw=found.raw,
        content=found.content,
        header=found.header,
        header_length=found.header_length,
        place=receiving.end() if receiving is not None else None,
    )


def _count(progress: Received, batch: Batch, ignored: int, missing: int, kept: Kept) -> None:
    progress.server_messages = batch.messages
    progress.read += len(batch.read)
    progress.tracked += kept.tracked
    progress.duplicates += kept.duplicates
    progress.conflicting += kept.conflicting
    progress.ignored += ignored
    progress.missing += missing
