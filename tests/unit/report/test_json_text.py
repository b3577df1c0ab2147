"""JSON must not steer the terminal it is printed on, and mean the same."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.report.json_text import json_line, json_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße – 見積もり 😀", '"Grüße – 見積もり 😀"'),
        ("\x9b31mred\x7f", '"\\u009b31mred\\u007f"'),
        ("\x1b[31m\r\n", '"\\u001b[31m\\r\\n"'),
        ("gnp\u202egpj.exe", '"gnp\\u202egpj.exe"'),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_what_steers_is_escaped(text: str, expected: str) -> None:
    assert json_text(text) == json_line(text) == expected


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_it_means_the_same_and_holds_no_control(document: object) -> None:
    for shown in (json_text(document), json_line(document)):
        assert json.loads(shown) == document
        assert not [character for character in shown if unicodedata.category(character) in ("Cc", "Cs")]
        shown.encode("utf-8")
