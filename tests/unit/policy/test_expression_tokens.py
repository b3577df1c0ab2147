"""The pieces of an expression's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.policy import cel
from reconcile.policy.expression_tokens import TOKEN
from reconcile.policy.operands import operands
from reconcile.policy.variables import vocabulary


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


def test_the_moment_is_not_looked_for_in_raw_texts() -> None:
    program = cel.check(r"today != timestamp(0) && r'\' + '/today' == mailbox.displayName", vocabulary("Mailbox"), boolean=True)
    assert isinstance(program, cel.Program)
    values = {"today": "2026-11-22T00:00:00Z", "mailbox.displayName": "\\/today"}
    assert cel.load(program.code)(values) is True
