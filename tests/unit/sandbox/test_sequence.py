"""Sets of message numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.sandbox.imap.grammar import BadCommand
from reconcile.sandbox.imap.sequence import among, compact


@pytest.mark.parametrize(
    ("text", "numbers", "expected"),
    [
        ("1", [1, 2, 3], [1]),
        ("2:*", [1, 2, 3], [2, 3]),
        ("*", [1, 5, 9], [9]),
        ("100:*", [1, 5, 9], [9]),
        ("*:5", [1, 5, 9], [5, 9]),
        ("3:1", [1, 2, 3, 4], [1, 2, 3]),
        ("1,3,2:3,9", [1, 2, 3, 4], [1, 2, 3]),
        ("1:4294967295", [7], [7]),
        ("1:*", [], []),
    ],
)
def test_sets(text: str, numbers: list[int], expected: list[int]) -> None:
    assert among(text, numbers) == expected


@pytest.mark.parametrize("text", ["", "0", "0:3", "1:", ":1", "1,,2", "1:2:3", "-1", "a", "4294967296", "99999999999", "1 2", "1\r\n2"])
def test_what_is_no_set(text: str) -> None:
    with pytest.raises(BadCommand):
        among(text, [1, 2, 3])


@given(st.sets(st.integers(1, 60)))
def test_a_compact_set_names_the_same_numbers(numbers: set[int]) -> None:
    ordered = sorted(numbers)
    if ordered:
        assert among(compact(ordered), list(range(1, 61))) == ordered
    else:
        assert compact([]) == ""
