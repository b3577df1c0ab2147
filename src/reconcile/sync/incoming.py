"""Mail in: one mailbox, once. What the inbox hands over is decided, described, kept, and the cursor moves with it in one transaction.

If the process dies anywhere here, the cursor still stands before what was not committed, and the next run reads it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final

from reconcile.errors import CursorInvalid
from reconcile.model.message import MessageHeader
from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction
from reconcile.model.tracking import Decision, Outcome
from reconcile.ports.clock import Clock
from reconcile.ports.mail import Batch, Inbox, Listed
from reconcile.ports.mail_store import Arrival, Failure, Kept, Place, ReceivedBatch, Receiving, Unprocessed
from reconcile.sync.committing import Commits
from reconcile.sync.decide.floor import is_wanted
from reconcile.sync.decide.header import header_end, instant_text, scan
from reconcile.sync.decide.unwrap import LARGEST, unwrapped
from reconcile.sync.deciding import Candidate, Decided, Decider
from reconcile.sync.keeping import KeptMessage, NoAttachedMessage, UnkeptMessage, gathered, keep, keep_anyway, keep_as_it_is

#: How often a message that came without content, or could not be kept, is asked for again before it is given up.
TRIES: Final = 5
#: Between two tries of a message that could not be kept (Power Platform: "Use Outlook category to track appointments and emails").
TRY_AGAIN: Final = timedelta(minutes=15)
#: Failures in a row, with the inbox open, after which messages are read one by one.
CAREFUL_AFTER: Final = 2
#: Failures in a row after which the first message is left for later: it may be what breaks the connection.
LEAVE_AFTER: Final = 4


@dataclass(slots=True, kw_only=True)
class Received:
    """Counts of one look at one mailbox. `server_messages` is the server's count, once it was asked (`looked`). `refused` of the `ignored`
    were read by their header and not tracked; `failed` are tried again, `given_up` are undeliverable or in quarantine."""

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
) -> None:
    """Everything new of one inbox. `progress` counts while it goes on, so it is right even when an error ends it.

    `stopping` ends it after a batch; the rest is read by the next run. `beside` commits in a thread while the next batch is read;
    without it everything happens in one order, for tests that end the process at a counted step. `decider` is asked once there is
    something to decide; without one all mail is tracked.
    `marks` are journalled, to be done at the server afterwards. With `advancing` the floor is at least the date of the newest kept
    message. `again_from` lists everything from then on once more, whatever was decided about it; what is kept stays as it is.
    """
    state = receiving.state
    if advancing and state.latest:
        moved = datetime.fromisoformat(state.latest)
        floor = moved if floor is None else max(floor, moved)
    look = inbox.look(state.cursor)
    progress.looked, progress.server_messages = True, look.messages
    now = instant_text(clock.now())
    lowest = instant_text(floor) if floor else ""
    if again_from is not None:
        if look.restarted:
            raise CursorInvalid("the server numbers its messages anew", hint="Run `reconcile sync` first, which reads them all.")
        floor, lowest = again_from, state.floor
    restart = look.restarted
    # What the cursor passed under a later floor is wanted now: everything is listed again, and what is kept is left out.
    reread = not restart and (lowest < state.floor or again_from is not None)
    retry = [] if restart or reread else [each.remote_id for each in state.missing if not each.reported and each.next_at <= now]
    if not look.news and not retry and not reread:
        return
    progress.reindexed = restart and state.cursor is not None
    progress.reread = reread
    if retry and state.cursor is not None:
        # Counted before it is tried: a message that breaks the connection each time must not be tried for ever.
        receiving.commit(
            ReceivedBatch(cursor=state.cursor, floor=state.floor, missing=retry, messages=look.messages, at=now, report_after=TRIES)
        )
    # Nothing of a history that is new to us can be kept already.
    begun = state.cursor is not None and not restart
    whole = recount = reread or not begun
    generation = state.generation + 1 if restart else state.generation
    reading = Reading(receiving, clock, floor, retry, begun=begun, leave=state.breaks >= LEAVE_AFTER, generation=generation)
    reading.decider = chosen = decider()
    reading.examines = chosen is not None and chosen.header_first
    decided = 0
    last: Batch | None = None
    with Commits(receiving, beside=beside) as commits:
        for batch in inbox.read(
            None if whole else state.cursor,
            since=floor,
            retry=retry,
            wanted=reading.wanted,
            accept=reading.accept,
            examine=reading.examine if reading.examines else None,
            foresee=reading.foresee if reading.examines else None,
            careful=state.breaks >= CAREFUL_AFTER,
        ):
            decided += len(batch.read) + batch.declined + len(batch.missing)
            made, ignored = reading.close(batch, restart=restart, recount=recount, floor=lowest, marks=marks)
            made = replace(made, lift_purged=True) if receiving.lift_purged else made
            commits.submit(made, partial(_count, progress, made, ignored))
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


class Reading:
    """What the inbox asks while it reads, and what a batch came to."""

    def __init__(
        self,
        receiving: Receiving,
        clock: Clock,
        floor: datetime | None,
        retry: list[RemoteId],
        *,
        begun: bool,
        leave: bool,
        generation: int,
    ) -> None:
        self._receiving = receiving
        self._clock = clock
        self._floor = floor
        self._retry = frozenset(retry)
        # A message at its last try is kept whatever comes, and then given up.
        self._last = {each.remote_id for each in receiving.state.missing if each.remote_id in self._retry and each.attempts >= TRIES}
        self._begun = begun
        self._leave = leave
        self._generation = generation
        self.decider: Decider | None = None
        self.examines = False
        self._taken: dict[RemoteId, Arrival | UnkeptMessage] = {}
        self._verdicts: dict[RemoteId, Decided] = {}
        self._foreseen: dict[RemoteId, Decided] = {}
        #: Headers of messages that were read as a whole, where rules ask for them.
        self.blocks: dict[RemoteId, bytes] = {}
        self._refused: list[Decision] = []
        self._left: list[RemoteId] = []
        self._settled: list[RemoteId] = []
        self._kept_before = 0

    def wanted(self, listed: Listed) -> bool:
        """By date, and by what is kept."""
        remote_id = listed.remote_id
        if not is_wanted(listed.received, self._floor):
            if remote_id in self._retry:
                self._settled.append(remote_id)
            return False
        if self._begun and remote_id not in self._retry and self._receiving.has(remote_id):
            self._kept_before += 1
            return False
        if self._leave and remote_id not in self._retry:
            self._leave = False
            self._left.append(remote_id)
            return False
        return True

    def foresee(self, messages: Sequence[tuple[Listed, bytes]]) -> None:
        """Decide about several headers at once; `examine` gives the answers."""
        assert self.decider is not None
        candidates = [self._by_header(listed, block) for listed, block in messages]
        found = self.decider.decide(candidates, self._generation)
        self._foreseen = {candidate.remote_id: each for candidate, each in zip(candidates, found, strict=True)}

    def _by_header(self, listed: Listed, block: bytes) -> Candidate:
        end = header_end(block, len(block))
        return self._candidate(listed, scan(block[:end] if end >= 0 else block, complete=end >= 0), block)

    def examine(self, listed: Listed, block: bytes) -> bool:
        """By its header."""
        assert self.decider is not None
        found = self._foreseen.pop(listed.remote_id, None)
        if found is None:
            (found,) = self.decider.decide([self._by_header(listed, block)], self._generation)
        if found.accepted:
            self._verdicts[listed.remote_id] = found
            return True
        assert found.decision is not None
        self._refused.append(found.decision)
        if listed.remote_id in self._retry:
            self._settled.append(listed.remote_id)
        return False

    @property
    def last_refusal(self) -> str:
        """Why `examine` took the last one not, in its word."""
        return self._refused[-1].reason if self._refused else ""

    def forget(self) -> None:
        """What was decided so far, when nothing is to be kept."""
        self._verdicts.clear()
        self._refused.clear()

    def accept(self, listed: Listed, chunks: Iterator[bytes]) -> None:
        """The bytes of one message."""
        if self.decider is not None and self.decider.unwraps:
            kept = self._unwrap(listed, chunks)
        else:
            kept = keep_anyway(self._receiving, chunks) if listed.remote_id in self._last else keep(self._receiving, chunks)
        if isinstance(kept, UnkeptMessage):
            self._taken[listed.remote_id] = kept
            return
        self._taken[listed.remote_id] = self._arrival(listed, kept)

    def _unwrap(self, listed: Listed, chunks: Iterator[bytes]) -> KeptMessage | UnkeptMessage:
        """The mail that is attached to this one."""
        outer, rest = gathered(chunks, LARGEST)
        inner = unwrapped(outer) if rest is None else None
        if inner is None:
            return keep_as_it_is(self._receiving, chain((outer,), rest or ()), NoAttachedMessage())
        assert self.decider is not None
        last = listed.remote_id in self._last
        kept = keep_anyway(self._receiving, iter((inner,))) if last else keep(self._receiving, iter((inner,)))
        if isinstance(kept, KeptMessage) and self.decider.needs_block:
            self.blocks[listed.remote_id] = inner[: kept.found.header_length]
        return kept

    def _arrival(self, listed: Listed, kept: KeptMessage) -> Arrival:
        found, verdict = kept.found, self._verdicts.pop(listed.remote_id, None)
        arrival = Arrival(
            remote_id=listed.remote_id,
            received=self._received(listed),
            size=found.size,
            raw=found.raw,
            content=found.content,
            header=found.header,
            header_length=found.header_length,
            place=kept.place,
        )
        return arrival if verdict is None else _with(arrival, verdict)

    def _decide(self, arrivals: list[Arrival]) -> tuple[list[Arrival], list[Decision], list[Place]]:
        """What was read as a whole before anybody decided: those that stay, decisions on the others, and their bytes."""
        if self.decider is None or self.examines or not arrivals:
            return arrivals, [], []
        blocks, self.blocks = self.blocks, {}
        asked = [
            Candidate(remote_id=each.remote_id, header=each.header, block=blocks.get(each.remote_id, b""), received=each.received)
            for each in arrivals
        ]
        staying, refused, unused = [], list[Decision](), list[Place]()
        for arrival, verdict in zip(arrivals, self.decider.decide(asked, self._generation), strict=True):
            if verdict.accepted:
                staying.append(_with(arrival, verdict))
                continue
            assert verdict.decision is not None
            refused.append(verdict.decision)
            if arrival.place is not None:
                unused.append(arrival.place)
        return staying, refused, unused

    def close(self, batch: Batch, *, restart: bool, recount: bool, floor: str, marks: frozenset[MarkAction]) -> tuple[ReceivedBatch, int]:
        """What a batch makes true, and how many of it count as ignored."""
        now = self._clock.now()
        at, next_try = instant_text(now), instant_text(now + TRY_AGAIN)
        arrivals, failed, given_up = [], list[Failure](), list[Unprocessed]()
        for listed in batch.read:
            taken = self._taken.pop(listed.remote_id)
            if isinstance(taken, Arrival):
                arrivals.append(taken)
            elif taken.place is not None:
                given_up.append(Unprocessed(decision=self._unprocessed(listed, taken, at), raw=taken.raw, place=taken.place))
            else:
                failed.append(Failure(remote_id=listed.remote_id, words=_words(taken.error), next_at=next_try))
        arrivals, against, unused = self._decide(arrivals)
        missing = [listed.remote_id for listed in batch.missing if listed.remote_id not in self._retry]
        # What was left is the first wanted one, so it lies in the first batch.
        passed, self._left = [*missing, *self._left], []
        declined = batch.declined - (len(passed) - len(missing)) + len(against)
        # Asked for some batches ahead, so they may be counted a batch early; in the end the sum is right.
        known = min(self._kept_before, declined)
        self._kept_before -= known
        refused, self._refused = [*self._refused, *against], []
        settled, self._settled = [*self._settled, *(each.remote_id for each in against)], []
        made = ReceivedBatch(
            cursor=batch.cursor,
            arrivals=arrivals,
            restart=restart,
            declined=declined,
            floor=floor,
            recount=recount,
            kept_before=known,
            missing=passed,
            vanished=batch.vanished,
            settled=settled,
            messages=batch.messages,
            at=at,
            report_after=TRIES,
            decisions=refused,
            failed=failed,
            given_up=given_up,
            next_try=next_try,
            unused=unused,
            marks=marks,
        )
        return made, declined - known

    def _candidate(self, listed: Listed, header: MessageHeader, block: bytes) -> Candidate:
        return Candidate(remote_id=listed.remote_id, header=header, block=block, received=self._received(listed))

    def _received(self, listed: Listed) -> str:
        # Where the server gives no date, the moment it was first seen stands for it.
        return instant_text(listed.received or self._clock.now())

    def _unprocessed(self, listed: Listed, taken: UnkeptMessage, at: str) -> Decision:
        bare = isinstance(taken.error, NoAttachedMessage)
        header = taken.header or MessageHeader()
        return Decision(
            mailbox_id=self._receiving.state.mailbox_id,
            generation=self._generation,
            remote_id=listed.remote_id,
            outcome=Outcome.UNDELIVERABLE if bare else Outcome.QUARANTINED,
            reason="no-attached-message" if bare else "unreadable",
            facts=(("error", str(taken.error) if bare else _words(taken.error)), ("size", f"{taken.size:,} octets")),
            message_id=header.message_id,
            sender=header.sender.address if header.sender else "",
            subject=header.subject,
            received=self._received(listed),
            at=at,
            attempts=1 if bare else TRIES,
        )


def _with(arrival: Arrival, verdict: Decided) -> Arrival:
    if verdict.decision is None and verdict.tracking is None and verdict.clues is None:
        return arrival
    return replace(
        arrival,
        decision=verdict.decision,
        tracking=verdict.tracking,
        clues=verdict.clues,
        queue_items=verdict.queue_items,
        more_queue_items=verdict.more_queue_items,
        contact=verdict.contact,
        held_for=verdict.held_for,
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


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
