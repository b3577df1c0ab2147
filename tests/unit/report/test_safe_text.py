"""Text from strangers must not steer a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.report.safe_text import cut, neutral, width
from reconcile.report.table import table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Grüße – 見積もり", "Grüße – 見積もり"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("line\r\nbreak\tand\x00nul", "line\\x0d\\x0abreak\\x09and\\x00nul"),
        ("gnp\u202egpj.exe", "gnp\\u202egpj.exe"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
    ],
)
def test_neutral(text: str, expected: str) -> None:
    assert neutral(text) == expected


def test_lines_may_be_kept() -> None:
    assert neutral("a\n\tb\x1b", keep_lines=True) == "a\n\tb\\x1b"


@given(st.text())
def test_nothing_that_steers_comes_through(text: str) -> None:
    shown = neutral(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u202e\u2066" for character in shown)


@given(st.text(alphabet="aé見", max_size=30), st.integers(min_value=1, max_value=12))
def test_cut_never_exceeds_its_columns(text: str, columns: int) -> None:
    assert width(cut(text, columns)) <= columns


def test_table_aligns_wide_characters_and_numbers() -> None:
    shown = table(["subject", "count"], [["見積", 5], ["a\x1bb", 12345], [None, 1]], limits=[6])
    assert shown.splitlines() == ["subject  count", "見積         5", "a\\x1bb   12345", "–            1"]
    assert table(["a"], []) == "nothing to show"


@pytest.mark.parametrize("text", ["e" + "\u0301" * 20_000, "\u0301" * 20_000, "\u200d" * 20_000, "a\ufe0f" * 20_000])
def test_marks_without_end_do_not_get_past_a_limit(text: str) -> None:
    assert len(cut(text, 60)) <= 5 * 60 + 1
    assert max(map(len, table(["subject"], [[text]], limits=[60]).splitlines())) <= 5 * 60 + 1


@pytest.mark.parametrize(
    ("text", "columns"), [("สวัสดี", 4), ("हिन्दी", 5), ("e\u0301", 1), ("❤\ufe0f", 1), ("見", 2), ("a\u200db", 2), ("x\u20dd", 1)]
)
def test_marks_take_no_column_of_their_own(text: str, columns: int) -> None:
    assert width(text) == columns
