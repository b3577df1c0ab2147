"""What servers answered, on its way into the outbox: one commit for the answers to some mails and the begin of the next.

If the process dies before that commit, the notes tell the next run what the answers were. If the power fails before it, those whose notes
had not reached the disk are uncertain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from reconcile.errors import PreconditionFailed, ReconcileError
from reconcile.model.outbox_step import Abandon, Begin, GiveBack, Settle, Step, is_reserved
from reconcile.model.outgoing import OutboxEntry, OutgoingState
from reconcile.ports.outbox_store import Move, OutboxStore
from reconcile.ports.settled_notes import NoNotes, Noted, SettledNotes


class Settling:
    """The mails of one connection, one after the other, of one thread; `flush` may be called by another one. `tell` gets each that is
    settled, durably."""

    def __init__(self, outbox: OutboxStore, notes: SettledNotes, owner: str, tell: Callable[[OutboxEntry], None]) -> None:
        self._outbox = outbox
        self._notes = notes
        self._owner = owner
        self._tell = tell
        self._guard = threading.RLock()
        self._waiting: list[Move] = []

    def begin(self, move: Move) -> OutboxEntry:
        """Durable when this returns, as are the answers that waited. Raises what the move raises."""
        (begun,) = self.follow([move])
        if isinstance(begun, ReconcileError):
            raise begun
        return begun

    def follow(self, moves: Sequence[Move]) -> list[OutboxEntry | ReconcileError]:
        """As `begin`, for several: what became of each."""
        with self._guard:
            outcomes = self._outbox.follow([*self._waiting, *moves])
            settled = outcomes[: len(self._waiting)]
            self._notes.written(self._owner)
            self._settled(settled)
            return outcomes[len(settled) :]

    def answered(self, move: Move, step: Settle) -> None:
        """`move` ends with `step`. It is durable with the next begin, or the next flush; it survives the process from now on."""
        kept = self._notes.keep(move.known.id, step)
        with self._guard:
            self._waiting.append(move)
            if not kept:
                self.flush()

    def settle(self, move: Move) -> OutboxEntry | None:
        """Durable now. None when somebody else has decided about this mail meanwhile."""
        (settled,) = self.follow([move])
        if isinstance(settled, PreconditionFailed):
            return None
        if isinstance(settled, ReconcileError):
            raise settled
        self._tell(settled)
        return settled

    def flush(self) -> None:
        """Nothing waits when this returns."""
        with self._guard:
            if self._waiting:
                self._settled(self._outbox.follow(self._waiting))

    def _settled(self, outcomes: list[OutboxEntry | ReconcileError]) -> None:
        self._waiting.clear()
        for one in outcomes:
            if isinstance(one, OutboxEntry):
                self._tell(one)
            elif not isinstance(one, PreconditionFailed):
                raise one


def recover(
    outbox: OutboxStore,
    *,
    now: datetime,
    notes: SettledNotes | None = None,
) -> tuple[OutboxEntry, ...]:
    """Mails that a dead run was handing over are settled by its notes, or given back, else become uncertain. Notes that nobody needs any
    more go. What is given back does not count for its account, whichever that was and whether or not its mailbox still sends."""
    kept = notes or NoNotes()
    # In this order: what a run that has ended noted does not change any more.
    ended = set(kept.left_behind())
    noted: dict[str, Noted] = {}
    found: list[OutboxEntry] = []
    for entry in outbox.orphans(at=now):
        if entry.owner not in noted:
            noted[entry.owner] = kept.of(entry.owner)
        answer = noted[entry.owner].answers.get(entry.id)
        if answer is not None and answer.attempt == entry.attempts:
            # Where it does not fit, it says nothing.
            with suppress(PreconditionFailed):
                found.append(outbox.advance(entry.id, answer, at=now))
                continue
        with suppress(PreconditionFailed):  # another process was quicker, or its owner came back
            steps = _given_up(entry, noted[entry.owner], ended=entry.owner in ended)
            if steps and isinstance(steps[0], GiveBack):
                # The newest that is known of it is its reservation.
                steps = (replace(steps[0], limits=None, counted_at=outbox.events(entry.id)[-1].at),)
            if steps:
                given_up = outbox.advance(entry.id, *steps, at=now)
                found += [given_up] if given_up.state is not OutgoingState.PENDING else []
    if ended:
        needed = {entry.owner for entry in outbox.entries(states=(OutgoingState.SENDING,))}
        for owner in ended - needed:
            kept.forget(owner)
    return tuple(found)


def _given_up(entry: OutboxEntry, noted: Noted, *, ended: bool) -> tuple[Step, ...]:
    """What to do with a mail whose run does not live, or stands still, and of whose answer nobody knows. Pure."""
    if not is_reserved(entry):
        return (Abandon(),)
    begun = noted.begun.get((entry.id, entry.attempts))
    if begun is not None:
        return Begin(owner=entry.owner, recipients=begun), Abandon()
    if not noted.whole:
        return (Abandon(),)
    if not ended:
        # It may wake up and hand it over, and nobody would know; it has not until now.
        return ()
    why = "the process ended before the turn of this mail came"
    return (GiveBack(owner=entry.owner, attempt=entry.attempts, why=why),)
