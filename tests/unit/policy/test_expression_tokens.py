"""The pieces of an expression's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.policy.expression_tokens import TOKEN
from reconcile.policy.operands import operands


def _pieces(text: str) -> list[str]:
    return [found[0] for found in TOKEN.finditer(text)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (r"r'\'||today", [r"r'\'", "||", "today"]),
        (r"""bR"\"&&x""", [r"""bR"\"""", "&&", "x"]),
        (r"'\'||today'", [r"'\'||today'"]),
        ("'''a'b''c'''||d", ["'''a'b''c'''", "||", "d"]),
        (r'"""\"""x"""', [r'"""\"""x"""']),
        ("rest==b", ["rest", "=", "=", "b"]),
        ("a//'b\n'c'", ["a", "//'b", "\n", "'c'"]),
    ],
)
def test_pieces(text: str, pieces: list[str]) -> None:
    assert _pieces(text) == pieces


@given(st.text(alphabet="'\"\\rRbB/|&a\n", max_size=200))
def test_no_character_is_lost(text: str) -> None:
    assert "".join(_pieces(text)) == text


@pytest.mark.parametrize("text", ["'''" + "\\" * 3997, '"""' + "\\\\" * 1990, "r'" * 2000, "'''\\'" * 900])
def test_texts_without_an_end_take_no_time(text: str) -> None:
    """Two ways to read a backslash once doubled the time with every two of them: sixty took years."""
    assert "".join(_pieces(text)) == text
    assert operands(text).texts == (text,)
