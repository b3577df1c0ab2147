"""What servers answered, on its way into the outbox: one commit for the answer to a mail and the begin of the next.

If the process dies before that commit, the note tells the next run what the answer was. If the power fails before it, the mail is
uncertain.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from reconcile.errors import PreconditionFailed, ReconcileError
from reconcile.model.outbox_step import Abandon, Settle
from reconcile.model.outgoing import OutboxEntry, OutgoingState
from reconcile.ports.outbox_store import Move, OutboxStore
from reconcile.ports.settled_notes import NoNotes, SettledNotes


class Settling:
    """The mails of one connection, one after the other. `tell` gets each that is settled, durably."""

    def __init__(self, outbox: OutboxStore, notes: SettledNotes, tell: Callable[[OutboxEntry], None]) -> None:
        self._outbox = outbox
        self._notes = notes
        self._tell = tell
        self._waiting: list[Move] = []

    def begin(self, move: Move) -> OutboxEntry:
        """Durable when this returns, as is the answer that waited. Raises what the move raises."""
        begun = self._written(move)
        if isinstance(begun, ReconcileError):
            raise begun
        return begun

    def answered(self, move: Move, step: Settle) -> None:
        """`move` ends with `step`. It is durable with the next begin, or the next flush; it survives the process from now on."""
        waits = bool(self._waiting)
        self._waiting.append(move)
        # There is one note: what is noted already is written before it is lost.
        if waits or not self._notes.keep(move.known.id, step):
            self.flush()

    def settle(self, move: Move) -> OutboxEntry | None:
        """Durable now. None when somebody else has decided about this mail meanwhile."""
        settled = self._written(move)
        if isinstance(settled, PreconditionFailed):
            return None
        if isinstance(settled, ReconcileError):
            raise settled
        self._tell(settled)
        return settled

    def flush(self) -> None:
        """Nothing waits when this returns."""
        if self._waiting:
            self._settled(self._outbox.follow(self._waiting))

    def _written(self, move: Move) -> OutboxEntry | ReconcileError:
        *settled, last = self._outbox.follow([*self._waiting, move])
        self._settled(settled)
        return last

    def _settled(self, outcomes: list[OutboxEntry | ReconcileError]) -> None:
        self._waiting.clear()
        for one in outcomes:
            if isinstance(one, OutboxEntry):
                self._tell(one)
            elif not isinstance(one, PreconditionFailed):
                raise one


def recover(outbox: OutboxStore, *, now: datetime, notes: SettledNotes | None = None) -> tuple[OutboxEntry, ...]:
    """Mails that a dead run was handing over are settled by its notes, else become uncertain. Notes that nobody needs any more go."""
    kept = notes or NoNotes()
    found: list[OutboxEntry] = []
    for entry in outbox.orphans(at=now):
        note = kept.of(entry.owner).get(entry.id)
        if note is not None and note.attempt == entry.attempts:
            # Where it does not fit, it says nothing.
            with suppress(PreconditionFailed):
                found.append(outbox.advance(entry.id, note, at=now))
                continue
        try:
            found.append(outbox.advance(entry.id, Abandon(), at=now))
        except PreconditionFailed:
            continue  # another process was quicker, or its owner came back
    left = kept.left_behind()
    if left:
        needed = {entry.owner for entry in outbox.entries(states=(OutgoingState.SENDING,))}
        for owner in left:
            if owner not in needed:
                kept.forget(owner)
    return tuple(found)
