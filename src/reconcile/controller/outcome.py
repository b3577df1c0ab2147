"""The one table from how a pass ended to when the next one is. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from reconcile.errors import (
    CursorInvalid,
    Locked,
    PermanentError,
    PreconditionFailed,
    ReconcileError,
    StalePlan,
    Throttled,
    TransientError,
    UserError,
)
from reconcile.lazy_dataclass import dataclass

#: First pause after an error that may pass, and the longest.
FIRST_PAUSE = timedelta(seconds=5)
CEILING = timedelta(minutes=10)
#: Pause when the ground moved under a plan: observe again soon, but do not spin.
MOVED = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Done; look again after the usual time. `found` is what a person should look at though it stops nothing; empty for nothing."""

    again_after: timedelta
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    """Not done; try again by itself."""

    after: timedelta
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """A person must act. It is looked at again after the usual time all the same: that is how we learn that somebody did."""

    reason: str
    again_after: timedelta


PassResult: TypeAlias = Settled | Requeue | Stalled


def pause(failures: int) -> timedelta:
    """After that many failures in a row, counted from 1."""
    return min(CEILING, FIRST_PAUSE * (1 << min(max(failures, 1) - 1, 20)))


def outcome_of(error: ReconcileError | None, *, failures: int, interval: timedelta) -> PassResult:
    """`failures` counts passes in a row that ended in Requeue, this one included; `interval` is the usual time between passes."""
    match error:
        case None:
            return Settled(again_after=interval)
        case Throttled(retry_after=seconds):
            return Requeue(after=timedelta(seconds=max(seconds, 0.0)), why=error.message)
        case PreconditionFailed() | StalePlan() | CursorInvalid():
            return Requeue(after=max(MOVED, pause(failures) if failures > 1 else MOVED), why=error.message)
        case TransientError() | Locked():
            return Requeue(after=pause(failures), why=error.message)
        case UserError() | PermanentError():
            return Stalled(reason=error.message, again_after=interval)
        case _:
            return Stalled(reason=error.message, again_after=interval)
