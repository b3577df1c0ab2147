"""The table of outcomes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconcile.controller.outcome import CEILING, PassResult, Requeue, Settled, Stalled, outcome_of, pause
from reconcile.errors import (
    AuthenticationRejected,
    BlockedByTenant,
    CursorInvalid,
    DesiredStateError,
    Locked,
    PermanentError,
    PlanRefused,
    PreconditionFailed,
    ReconcileError,
    SettingsError,
    StalePlan,
    Throttled,
    TimedOut,
    Unavailable,
    Unsupported,
)

USUAL = timedelta(seconds=30)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("error", "failures", "expected"),
    [
        (None, 0, Settled(again_after=USUAL)),
        (Throttled("slow", retry_after=77), 3, Requeue(after=seconds(77), why="slow")),
        (Throttled("slow", retry_after=-1), 1, Requeue(after=seconds(0), why="slow")),
        (Unavailable("away"), 1, Requeue(after=seconds(5), why="away")),
        (TimedOut("silent"), 2, Requeue(after=seconds(10), why="silent")),
        (Unavailable("away"), 5, Requeue(after=seconds(80), why="away")),
        (Unavailable("away"), 1000, Requeue(after=CEILING, why="away")),
        (Locked("busy"), 1, Requeue(after=seconds(5), why="busy")),
        (PreconditionFailed("moved"), 1, Requeue(after=seconds(1), why="moved")),
        (PreconditionFailed("moved"), 3, Requeue(after=seconds(20), why="moved")),
        (StalePlan("old"), 1, Requeue(after=seconds(1), why="old")),
        (CursorInvalid("cursor"), 1, Requeue(after=seconds(1), why="cursor")),
        (SettingsError("key"), 1, Stalled(reason="key", again_after=USUAL)),
        (DesiredStateError("source"), 1, Stalled(reason="source", again_after=USUAL)),
        (PlanRefused("brake"), 1, Stalled(reason="brake", again_after=USUAL)),
        (PermanentError("no"), 1, Stalled(reason="no", again_after=USUAL)),
        (AuthenticationRejected("no"), 1, Stalled(reason="no", again_after=USUAL)),
        (BlockedByTenant("no"), 1, Stalled(reason="no", again_after=USUAL)),
        (Unsupported("no", field="x"), 1, Stalled(reason="no", again_after=USUAL)),
    ],
)
def test_what_follows(error: ReconcileError | None, failures: int, expected: PassResult) -> None:
    assert outcome_of(error, failures=failures, interval=USUAL) == expected


def test_every_error_of_the_tree_has_an_outcome() -> None:
    def below(kind: type[ReconcileError]) -> list[type[ReconcileError]]:
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    special = {"Throttled": {"retry_after": 1.0}, "HeldBack": {"retry_after": 1.0}, "Unsupported": {"field": "x"}}
    # What other rooms derive from them is told by what it is derived from.
    for kind in (kind for kind in below(ReconcileError) if kind.__module__ == ReconcileError.__module__):
        error = kind("why", **special.get(kind.__name__, {}))  # type: ignore[arg-type]
        assert not isinstance(outcome_of(error, failures=1, interval=USUAL), Settled)


def test_pauses_double_up_to_a_ceiling() -> None:
    assert [pause(number).total_seconds() for number in (0, 1, 2, 3, 7, 8, 9, 10_000)] == [5, 5, 10, 20, 320, 600, 600, 600]
