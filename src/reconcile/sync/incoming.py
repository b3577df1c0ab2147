"""Mail in: one mailbox, once. What the inbox hands over is decided, described, kept, and the cursor moves with it in one transaction.

If the process dies anywhere here, the cursor still stands before what was not committed, and the next run reads it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from reconcile.errors import CursorInvalid
from reconcile.lazy_dataclass import dataclass
from reconcile.model.mailbox_state import MailboxState
from reconcile.sync.decide.instant_text import instant_text

if TYPE_CHECKING:
    from reconcile.model.remote_id import RemoteId
    from reconcile.model.removal import MarkAction
    from reconcile.ports.clock import Clock
    from reconcile.ports.mail import Batch, Inbox
    from reconcile.ports.mail_store import Kept, ReceivedBatch, Receiving
    from reconcile.sync.deciding import Decider

#: Failures in a row, with the inbox open, after which messages are read one by one.
CAREFUL_AFTER: Final = 2
#: Failures in a row after which the first message is left for later: it may be what breaks the connection.
LEAVE_AFTER: Final = 4


@dataclass(slots=True, kw_only=True)
class Received:
    """Counts of one look at one mailbox. `server_messages` is the server's count, once it was asked (`looked`). `refused` of the `ignored`
    were read by their header and not tracked; `failed` are tried again, `given_up` are undeliverable or in quarantine. `lacking`: see
    `Look`."""

    looked: bool = False
    server_messages: int = 0
    read: int = 0
    tracked: int = 0
    duplicates: int = 0
    conflicting: int = 0
    ignored: int = 0
    refused: int = 0
    missing: int = 0
    failed: int = 0
    given_up: int = 0
    reindexed: bool = False
    reread: bool = False
    lacking: tuple[str, ...] = ()


def receive(
    inbox: Inbox,
    receiving: Receiving,
    *,
    floor: datetime | None,
    clock: Clock,
    progress: Received,
    stopping: Callable[[], bool] = lambda: False,
    beside: bool = True,
    decider: Callable[[], Decider | None] = lambda: None,
    marks: frozenset[MarkAction] = frozenset(),
    advancing: bool = False,
    again_from: datetime | None = None,
    settle: Callable[[], None] = lambda: None,
) -> None:
    """Everything new of one inbox. `progress` counts while it goes on, so it is right even when an error ends it.

    `stopping` ends it after a batch; the rest is read by the next run. `beside` commits in a thread while the next batch is read;
    without it everything happens in one order, for tests that end the process at a counted step. `decider` is asked once there is
    something to decide; without one all mail is tracked.
    `marks` are journalled, to be done at the server afterwards. With `advancing` the floor is at least the date of the newest kept
    message. `again_from` lists everything from then on once more, whatever was decided about it; what is kept stays as it is. `settle`
    is called after each batch.
    """
    state = receiving.state
    declared, floor = floor, _advanced_floor(floor, state, clock.now()) if advancing else floor
    look = inbox.look(state.cursor)
    progress.looked, progress.server_messages, progress.lacking = True, look.messages, look.lacking
    now = instant_text(clock.now())
    lowest = instant_text(floor) if floor else ""
    if again_from is not None:
        if look.restarted:
            raise CursorInvalid("the server numbers its messages anew", hint="Run `reconcile sync` first, which reads them all.")
        declared, floor, lowest = again_from, again_from, state.floor
    restart = look.restarted
    # What the cursor passed under a later floor is wanted now: everything is listed again, and what is kept is left out.
    reread = not restart and (lowest < state.floor or again_from is not None)
    retry = [] if restart or reread or not state.missing else _due(state, clock.now())
    if not look.news and not retry and not reread:
        return
    # What reads mail is loaded where there is some: most looks find none.
    from reconcile.ports.mail_store import ReceivedBatch
    from reconcile.sync.committing import Commits
    from reconcile.sync.reading import TRIES, Reading

    progress.reindexed = restart and state.cursor is not None
    progress.reread = reread
    # Nothing of a history that is new to us can be kept already.
    begun = state.cursor is not None and not restart
    whole = recount = reread or not begun
    generation = state.generation + 1 if restart else state.generation
    reading = Reading(receiving, clock, floor, retry, begun=begun, leave=state.breaks >= LEAVE_AFTER, generation=generation)
    # What was in time when it came is not late because it is asked for again.
    reading.retry_floor = declared
    reading.decider = chosen = decider()
    reading.examines = chosen is not None and chosen.header_first

    def read(again: list[RemoteId]) -> Iterator[Batch]:
        return inbox.read(
            None if whole else receiving.state.cursor,
            since=floor,
            retry=again,
            wanted=reading.wanted,
            accept=reading.accept,
            examine=reading.examine if reading.examines else None,
            foresee=reading.foresee if reading.examines else None,
            foretell=reading.foretell if begun else None,
            careful=state.breaks >= CAREFUL_AFTER,
        )

    def read_again() -> Iterator[Batch]:
        # Counted before it is tried: a message that breaks the connection each time must not be tried for ever. But not before its turn
        # has come: a connection that breaks earlier says nothing about it.
        commits.finish()
        now_at = receiving.state
        assert now_at.cursor is not None
        receiving.commit(
            ReceivedBatch(cursor=now_at.cursor, floor=now_at.floor, missing=retry, messages=look.messages, at=now, report_after=TRIES)
        )
        yield from read(retry)

    decided, newest = 0, ""
    last: Batch | None = None
    with Commits(receiving, beside=beside) as commits:
        for batch in chain(read([]) if look.news or restart or reread else (), read_again() if retry else ()):
            settle()
            decided += len(batch.read) + batch.declined + len(batch.missing)
            made, ignored = reading.close(batch, restart=restart, recount=recount, floor=lowest, marks=marks)
            made = replace(made, lift_purged=True) if receiving.lift_purged else made
            # A date that has not come yet is none that the mail has reached.
            newest = max(newest, *(each.received for each in made.arrivals if each.received <= made.at), "")
            commits.submit(made, partial(_count, progress, made, ignored), last=batch.last)
            restart = recount = False
            if stopping():
                return
            last = batch
        # Those the server left out by their date (see `Inbox.read`) were decided, too.
        older = max(0, last.messages - decided) if whole and floor is not None and last is not None else 0
        moves = advancing and again_from is None and newest > (state.latest if state.latest <= now else "")
        if last is not None and (older or moves):
            progress.ignored += older
            at = instant_text(clock.now())
            # Only now: before everything is read, the newest that is kept tells nothing of the rest.
            latest = newest if moves else ""
            commits.submit(
                ReceivedBatch(
                    cursor=last.cursor,
                    floor=lowest,
                    declined=older,
                    messages=last.messages,
                    at=at,
                    report_after=TRIES,
                    latest=latest,
                ),
                lambda _: None,
                last=True,
            )


def _due(state: MailboxState, now: datetime) -> list[RemoteId]:
    """Missing messages that are to be asked for again."""
    from reconcile.sync.reading import TRY_AGAIN

    # Nothing waits longer than TRY_AGAIN; what seems to was written down before the clock was set back.
    at, latest = instant_text(now), instant_text(now + TRY_AGAIN)
    return [each.remote_id for each in state.missing if not each.reported and (each.next_at <= at or each.next_at > latest)]


def _advanced_floor(floor: datetime | None, state: MailboxState, now: datetime) -> datetime | None:
    """The later of the declared date and that of the newest kept message."""
    moved = datetime.fromisoformat(state.latest) if state.latest else None
    if moved is None or moved > now:
        return floor
    return moved if floor is None else max(floor, moved)


def _count(progress: Received, batch: ReceivedBatch, ignored: int, kept: Kept) -> None:
    progress.server_messages = batch.messages
    progress.read += len(batch.arrivals)
    progress.tracked += kept.tracked
    progress.duplicates += kept.duplicates
    progress.conflicting += kept.conflicting
    progress.ignored += ignored
    progress.refused += len(batch.decisions)
    progress.missing += len(batch.missing)
    progress.failed += kept.failed
    progress.given_up += kept.given_up
