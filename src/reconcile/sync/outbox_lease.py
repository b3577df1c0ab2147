"""The lease of a run over the outbox, and its parting from its notes when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from reconcile.errors import ReconcileError
from reconcile.model.outgoing import OutgoingState
from reconcile.sync.sending import Outgoing


@contextmanager
def alive(outgoing: Outgoing) -> Iterator[None]:
    """Hold the lease of this run, renewed from a thread."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(outgoing.lease.total_seconds() / 4):
            try:
                outgoing.outbox.hold_lease(outgoing.owner, until=outgoing.clock.now() + outgoing.lease)
            except ReconcileError:
                # Then the lease may run out: others call our mail uncertain, and our late answer still counts.
                continue

    outgoing.outbox.hold_lease(outgoing.owner, until=outgoing.clock.now() + outgoing.lease)
    thread = threading.Thread(target=renew, name="outbox lease", daemon=True) if outgoing.renew else None
    if thread is not None:
        thread.start()
    try:
        yield
    except BaseException:
        # An answer may not have come into the outbox: the next run finds it noted.
        outgoing.notes.leave(outgoing.owner)
        raise
    else:
        _part_with_notes(outgoing)
    finally:
        ended.set()
        if thread is not None:
            thread.join()
        outgoing.outbox.end_lease(outgoing.owner)


def _part_with_notes(outgoing: Outgoing) -> None:
    """What could not be given back, or settled, is left to the next run, which needs the notes for it."""
    try:
        rest = [one.id for one in outgoing.outbox.entries(states=(OutgoingState.SENDING,)) if one.owner == outgoing.owner]
    except BaseException:
        outgoing.notes.leave(outgoing.owner)
        raise
    if rest:
        outgoing.notes.leave(outgoing.owner)
    else:
        outgoing.notes.forget(outgoing.owner)
