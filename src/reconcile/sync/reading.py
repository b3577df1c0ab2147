"""What an inbox asks while one mailbox is read, and what a batch of it comes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from reconcile.model.mail_clues import MailClues
from reconcile.model.message import MessageHeader
from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction
from reconcile.model.tracking import Decision, Outcome
from reconcile.ports.clock import Clock
from reconcile.ports.mail import Batch, Listed
from reconcile.ports.mail_store import Arrival, Failure, Place, ReceivedBatch, Receiving, Unprocessed
from reconcile.sync.decide.floor import is_wanted
from reconcile.sync.decide.header import header_end, instant_text, scan
from reconcile.sync.decide.unwrap import LARGEST, LONGEST_HEADER, unwrapped
from reconcile.sync.deciding import Candidate, Decided, Decider
from reconcile.sync.keeping import (
    KeptMessage,
    NoAttachedMessage,
    SmallMessage,
    UnkeptMessage,
    gathered,
    keep,
    keep_anyway,
    keep_as_it_is,
    keep_small,
)

#: How often a message that came without content, or could not be kept, is asked for again before it is given up.
TRIES: Final = 5
#: Small messages are kept once they are so large together, or with their batch.
_TOGETHER: Final = 512 << 10
#: Between two tries of a message that could not be kept (Power Platform: "Use Outlook category to track appointments and emails").
TRY_AGAIN: Final = timedelta(minutes=15)


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
        # This try counts, too. A message at its last one is kept whatever comes, and then given up.
        self._last = {each.remote_id for each in receiving.state.missing if each.remote_id in self._retry and each.attempts >= TRIES - 1}
        self._begun = begun
        self._leave = leave
        self._generation = generation
        #: For those that are asked for again.
        self.retry_floor = floor
        self.decider: Decider | None = None
        self.examines = False
        self._taken: dict[RemoteId, Arrival | UnkeptMessage] = {}
        self._small: list[tuple[Listed, SmallMessage]] = []
        self._small_octets = 0
        self._verdicts: dict[RemoteId, Decided] = {}
        self._unexamined: set[RemoteId] = set()
        self._outer: dict[RemoteId, str] = {}
        self._foreseen: dict[RemoteId, Decided] = {}
        self._foretold: dict[RemoteId, bool] = {}
        #: Headers of messages that were read as a whole, where rules ask for them.
        self.blocks: dict[RemoteId, bytes] = {}
        self._refused: list[Decision] = []
        self._left: list[RemoteId] = []
        self._settled: list[RemoteId] = []
        self._kept_before = 0

    def foretell(self, messages: Sequence[Listed]) -> None:
        """Ask the store about several at once; `wanted` gives the answers."""
        asked = [listed.remote_id for listed in messages]
        kept = self._receiving.kept(asked)
        self._foretold = {remote_id: remote_id in kept for remote_id in asked}

    def is_kept(self, remote_id: RemoteId) -> bool:
        """Whether the store has it from this history."""
        told = self._foretold.get(remote_id)
        return bool(self._receiving.kept([remote_id])) if told is None else told

    def wanted(self, listed: Listed) -> bool:
        """By date, and by what is kept."""
        remote_id = listed.remote_id
        # What a person puts into a folder is no later than what the mailbox began with, whatever came since.
        if not is_wanted(listed.received, self.retry_floor if remote_id in self._retry or listed.folder else self._floor):
            if remote_id in self._retry:
                self._settled.append(remote_id)
            return False
        if self._begun and remote_id not in self._retry and self.is_kept(remote_id):
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
        candidates = [self._by_header(listed, block) for listed, block in messages if block]
        found = self.decider.decide(candidates, self._generation)
        self._foreseen = {candidate.remote_id: each for candidate, each in zip(candidates, found, strict=True)}

    def _by_header(self, listed: Listed, block: bytes) -> Candidate:
        end = header_end(block, len(block))
        # Nothing is decided by the Date field: what is tracked is scanned again with its body.
        return self._candidate(listed, scan(block[:end] if end >= 0 else block, complete=end >= 0, dated=False), block)

    def examine(self, listed: Listed, block: bytes) -> bool:
        """By its header."""
        assert self.decider is not None
        if not block:
            # The server gives nothing of it yet: no reason to pass it over. Its whole is decided about, when it comes.
            self._unexamined.add(listed.remote_id)
            return True
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
        if isinstance(kept, SmallMessage):
            self._small.append((listed, kept))
            self._small_octets += len(kept.message)
            if self._small_octets >= _TOGETHER:
                self._keep_small()
            return
        self._taken[listed.remote_id] = kept if isinstance(kept, UnkeptMessage) else self._arrival(listed, kept)

    def _keep_small(self) -> None:
        small, self._small, self._small_octets = self._small, [], 0
        for (listed, _), kept in zip(small, keep_small(self._receiving, [each for _, each in small]), strict=True):
            self._taken[listed.remote_id] = self._arrival(listed, kept)

    def _unwrap(self, listed: Listed, chunks: Iterator[bytes]) -> KeptMessage | SmallMessage | UnkeptMessage:
        """The mail that is attached to this one."""
        outer, rest = gathered(chunks, LARGEST)
        inner = unwrapped(outer) if rest is None else None
        head = outer[: max(header_end(outer, LONGEST_HEADER), 0)]
        self._outer[listed.remote_id] = scan(head).message_id
        if inner is None:
            return keep_as_it_is(self._receiving, chain((outer,), rest or ()), NoAttachedMessage())
        assert self.decider is not None
        last = listed.remote_id in self._last
        kept = keep_anyway(self._receiving, iter((inner,))) if last else keep(self._receiving, iter((inner,)))
        if not isinstance(kept, UnkeptMessage) and self.decider.needs_block:
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
            folder=listed.folder,
        )
        return arrival if verdict is None else with_verdict(arrival, verdict)

    def _decide(self, arrivals: list[Arrival]) -> tuple[list[Arrival], list[Decision], list[Place]]:
        """What was read as a whole before anybody decided: those that stay, decisions on the others, and their bytes."""
        staying = [each for each in arrivals if self.decider is None or (self.examines and each.remote_id not in self._unexamined)]
        if self.decider is None or len(staying) == len(arrivals):
            return arrivals, [], []
        arrivals = [each for each in arrivals if not self.examines or each.remote_id in self._unexamined]
        self._unexamined.difference_update(each.remote_id for each in arrivals)
        blocks, self.blocks = self.blocks, {}
        asked = [
            Candidate(
                remote_id=each.remote_id,
                header=each.header,
                block=blocks.get(each.remote_id, b""),
                received=each.received,
                folder=each.folder,
            )
            for each in arrivals
        ]
        refused, unused = list[Decision](), list[Place]()
        for arrival, verdict in zip(arrivals, self.decider.decide(asked, self._generation), strict=True):
            if verdict.accepted:
                staying.append(with_verdict(arrival, verdict))
                continue
            assert verdict.decision is not None
            refused.append(verdict.decision)
            if arrival.place is not None:
                unused.append(arrival.place)
        return staying, refused, unused

    def close(self, batch: Batch, *, restart: bool, recount: bool, floor: str, marks: frozenset[MarkAction]) -> tuple[ReceivedBatch, int]:
        """What a batch makes true, and how many of it count as ignored."""
        if self._small:
            self._keep_small()
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
        if self._outer:
            outer = {listed.remote_id: self._outer.pop(listed.remote_id, "") for listed in batch.read}
            arrivals = [_found_by(each, outer[each.remote_id]) for each in arrivals]
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
        return Candidate(remote_id=listed.remote_id, header=header, block=block, received=self._received(listed), folder=listed.folder)

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


def with_verdict(arrival: Arrival, verdict: Decided) -> Arrival:
    """The same message, and what was decided about it."""
    if verdict.decision is None and verdict.tracking is None and verdict.clues is None:
        return arrival
    # Field by field: `dataclasses.replace` takes four times as long, for each message.
    return Arrival(
        remote_id=arrival.remote_id,
        received=arrival.received,
        size=arrival.size,
        raw=arrival.raw,
        content=arrival.content,
        header=arrival.header,
        header_length=arrival.header_length,
        place=arrival.place,
        folder=arrival.folder,
        decision=verdict.decision,
        tracking=verdict.tracking,
        clues=verdict.clues,
        queue_items=verdict.queue_items,
        more_queue_items=verdict.more_queue_items,
        contact=verdict.contact,
        held_for=verdict.held_for,
        regarding=verdict.regarding,
    )


def _found_by(arrival: Arrival, outer_id: str) -> Arrival:
    if not outer_id or outer_id == arrival.header.message_id:
        return arrival
    return replace(arrival, clues=replace(arrival.clues or MailClues(), outer_id=outer_id))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
