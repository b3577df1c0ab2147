"""A line of the loop says what was done, what stands in the way, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.report.event_text import event_text

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "detail", "text"),
    [
        ("3 applied", {}, "settled: 3 applied"),
        ("", {}, "settled"),
        ("no password", {"report": "2 applied, 1 failed"}, "settled: 2 applied, 1 failed; no password"),
        ("locked", {"hint": "Wait for it."}, "settled: locked (next: Wait for it.)"),
        ("red \x1b[31m", {}, "settled: red \\x1b[31m"),
    ],
)
def test_one_line(message: str, detail: dict[str, object], text: str) -> None:
    assert event_text(AT, "configuration", "settled", message, detail) == f"2026-03-01 08:00:00Z configuration {text}"
