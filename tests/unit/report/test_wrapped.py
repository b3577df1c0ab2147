"""Lines that are wider than the terminal are continued under their text."""

from __future__ import annotations

import pytest

from reconcile.report.safe_text import width
from reconcile.report.wrapped import wrapped


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("short", ["short"]),
        ("  why:  one two three four five six", ["  why:  one two three", "        four five six"]),
        ("mailboxes    1 healthy, 2 stalled", ["mailboxes    1", "  healthy, 2 stalled"]),
        ("  sales: one two three four", ["  sales: one two three", "    four"]),
        ("a /path/that/is/longer/than/the/line b", ["a", "  /path/that/is/longer/than/the/line", "  b"]),
        ("会議 会議 会議 会議 会議", ["会議 会議 会議 会議", "  会議"]),
    ],
)
def test_it_breaks_at_spaces_and_stays_under_its_text(line: str, expected: list[str]) -> None:
    assert wrapped(line, 22) == "\n".join(expected)
    assert wrapped(line, None) == line


def test_no_line_is_wider_and_no_word_is_lost() -> None:
    text = "\n".join(" " * indent + label + "word " * 40 for indent in range(8) for label in ("next: ", "", "mailbox    "))
    for fit in (24, 33, 60):
        found = wrapped(text, fit)
        assert found.split() == text.split()
        assert max(map(width, found.split("\n"))) <= fit
