"""JSON of strangers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.mail.oauth.bounded_json import DEEPEST, LARGEST, Malformed, bounded_json


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b'{"a":1,"a":2}', "twice"),
        (b'{"a":{"b":1,"b":1}}', "twice"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "deeper"),
        (b'{"a":' * 100_00 + b"1" + b"}" * 100_00, "deeper"),
        (b'"' + b"a" * LARGEST + b'"', "larger"),
        (b"NaN", "none"),
        (b'{"a":Infinity}', "none"),
        (b'{"a":' + b"9" * 21 + b"}", "too long"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"<html>canary</html>", "not JSON"),
        (b'"\xff"', "UTF-8"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b"{}{}", "not JSON"),
    ],
)
def test_what_is_refused_is_named_and_never_repeated(octets: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words) as refused:
        bounded_json(octets)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_brackets_in_texts_are_no_depth() -> None:
    assert bounded_json(json.dumps({"a": "[" * 100 + '\\"' + "{" * 100}).encode()) == {"a": "[" * 100 + '\\"' + "{" * 100}


@given(st.binary(max_size=400))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        bounded_json(octets)
    except Malformed:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(-(10**15), 10**15), lambda inner: st.lists(inner, max_size=3), max_leaves=8
    )
)
def test_plain_json_is_read(value: object) -> None:
    assert bounded_json(json.dumps(value).encode()) == value
