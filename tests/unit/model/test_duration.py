"""Durations: units from large to small, one canonical text."""

from __future__ import annotations

import pytest

from reconcile.model import duration


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("5m", "5m"),
        ("1h30m", "90m"),
        ("90s", "90s"),
        ("60s", "1m"),
        ("1500ms", "1500ms"),
        ("1s500ms", "1500ms"),
        ("24h", "1d"),
        ("30d", "30d"),
        ("1440m", "1d"),
        ("0m", "0s"),
        ("0ms", "0s"),
        ("007m", "7m"),
    ],
)
def test_reads(written: str, canonical: str) -> None:
    assert duration.text(duration.parse(written)) == canonical


@pytest.mark.parametrize(
    "written", ["", "5", "m", "5 m", "5M", "m5", "1.5h", "-5m", "+5m", "30m1h", "5m5m", "5min", "5m\n", "٥m", "1234567890s"]
)
def test_refuses(written: str) -> None:
    with pytest.raises(ValueError, match="is no duration: write numbers with units"):
        duration.parse(written)
