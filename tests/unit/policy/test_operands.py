"""Where the outermost || or && of an expression stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.policy.operands import operands

CASES: list[tuple[str, str, tuple[str, ...]]] = [
    ("a", "", ("a",)),
    ("a || b", "||", ("a", "b")),
    ("a && b && c", "&&", ("a", "b", "c")),
    ("a || b && c", "||", ("a", "b && c")),
    ("(a || b) && c", "&&", ("(a || b)", "c")),
    ("(a || b)", "||", ("a", "b")),
    ("((a && b))", "&&", ("a", "b")),
    ("(a) || (b)", "||", ("(a)", "(b)")),
    ("!(a || b)", "", ("!(a || b)",)),
    ("f(a || b, c) && [a || b][0]", "&&", ("f(a || b, c)", "[a || b][0]")),
    ("a ? b || c : d", "", ("a ? b || c : d",)),
    ("(a ? b : c) || d", "||", ("(a ? b : c)", "d")),
    ('x == "a || b" || y', "||", ('x == "a || b"', "y")),
    (r'x == "a \" || b" && y', "&&", (r'x == "a \" || b"', "y")),
    ("x == 'it''s' || y", "||", ("x == 'it''s'", "y")),
    ('x == """a" || b""" || y', "||", ('x == """a" || b"""', "y")),
    (r'x.matches(r"\.(a|b)$") || y', "||", (r'x.matches(r"\.(a|b)$")', "y")),
    ("a // or || this\n|| b", "||", ("a // or || this", "b")),
    ("a\n  || b\n  || c", "||", ("a", "b", "c")),
    ("x.exists(y, y || z) || w", "||", ("x.exists(y, y || z)", "w")),
    ("(a", "", ("(a",)),
    ("", "", ("",)),
]


@pytest.mark.parametrize(("text", "operator", "expected"), CASES)
def test_operands(text: str, operator: str, expected: tuple[str, ...]) -> None:
    assert operands(text) == (operator, expected)


@given(st.text(alphabet="ab()[]{}|&?!\"' \n/", max_size=60))
def test_nothing_is_lost_and_nothing_fails(text: str) -> None:
    found = operands(text)
    assert len(found.texts) >= 1
    kept = "".join(char for part in found.texts for char in part if char.isalpha())
    assert kept == "".join(char for char in text if char.isalpha())
