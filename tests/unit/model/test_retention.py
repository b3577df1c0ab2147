"""By which clock mail is purged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconcile.model.retention import doubtful_clock

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kept", "ahead", "believed"),
    [
        ((730,), 1, True),
        ((730,), 35, True),
        ((730,), 36, False),
        ((30,), 3, True),
        ((30,), 4, False),
        ((730, 30), 4, False),  # the shorter one is what is lost first
        ((1,), 1, True),
        ((1,), 2, False),
        ((730,), -400, True),  # set back: nothing goes too early
        ((), 400, True),
    ],
)
def test_a_clock_is_believed_as_far_as_the_harm_is_small(kept: tuple[int, ...], ahead: int, believed: bool) -> None:
    seen = NOW - timedelta(days=ahead)
    doubt = doubtful_clock(NOW, seen, [NOW - timedelta(days=days) for days in kept])
    assert bool(doubt) is not believed
    if doubt:
        assert f"{ahead} days ahead of {seen:%Y-%m-%d}" in doubt


def test_the_first_clock_is_believed() -> None:
    assert doubtful_clock(NOW, None, [NOW - timedelta(days=30), None]) == ""
