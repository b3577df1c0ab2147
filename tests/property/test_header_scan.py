"""The short cuts of the header scan against the long ways that they spare, on headers that nobody should write and some do."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from reconcile.sync.decide import header
from reconcile.sync.decide.header import decode_words, header_end, scan
from support.hostile_corpus import corpus

#: What `scan` looked for when it tried each octet for the begin of a line.
_LINES = re.compile(
    rb"^(message-id|subject|from|to|cc|bcc|reply-to|date|in-reply-to|references|thread-index|x-forwarded-message-id|x-loop)[ \t]*:[ \t]*"
    rb"([^\r\n]*(?:(?:\r?\n[ \t]|\r(?!\n))[^\r\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_ENDS = [b"\r\n", b"\n", b"\r", b"", b"\r\n ", b"\n\t", b"\r\r\n"]
_NAMES = b"Message-ID Subject FROM To cc Bcc Reply-To Date In-Reply-To References Thread-Index X-Loop Received Fro\xffm".split()
_WORDS = [
    *(b"a@b.example", b'"q, x" <a@B.Example>', b"<c@d.example>", b"Anna Berg <e@f.example>", b",", b", ", b" ", b"\t", b"\x00"),
    *(b"=?utf-8?B?Sm9zw6k=?=", b"=?utf-8?q?a=20b?=", b"=?x-no?b?AAAA?=", b"=?utf-7?q?+2AA-?=", b"\xff", b"\xc3\xa9", b"(c)", b'"'),
    *(b"group: x@y.example;", b"<", b">", b"\\", b":", b";", b"[1]", b"<m1@x>", b"word", b"x" * 300, b"\x0b", b"\x85", b"\xe2\x80\xa8"),
    *(b"Sat, 18 Nov 2023 09:04:35 -0000", b"18 Nov 2023 23:59:60 +0130", b"31 Feb 2023 04:00:00 +0000", b"1 Jan 0001 00:00:00 +0100"),
]
VALUES = st.lists(st.sampled_from([*_WORDS, *_ENDS]), max_size=8).map(b"".join)
LINES = st.tuples(st.sampled_from(_NAMES), st.sampled_from([b":", b": ", b" :", b"\t: ", b""]), VALUES, st.sampled_from(_ENDS)).map(
    b"".join
)
BLOCKS = st.lists(LINES, max_size=8).map(b"".join)


@given(BLOCKS)
@example(b"")
@example(b"To:")
def test_fields_are_those_of_lines(block: bytes) -> None:
    held_to(block)
    assert scan(block) == scan(block)


def held_to(block: bytes) -> None:
    found = header._FIELDS.findall("\n" + block.decode("latin-1"))
    assert [(name.encode("latin-1"), value.encode("latin-1")) for name, value in found] == _LINES.findall(block)


def test_fields_of_the_hostile_corpus_are_those_of_lines() -> None:
    for _, raw in corpus():
        end = header_end(raw, 1 << 20)
        held_to(raw[: end if end >= 0 else 1 << 20])


@given(st.lists(st.sampled_from([word for word in _WORDS if b'"' not in word]), max_size=12).map(b"".join))
@example(b"a@b.example,")
@example(b"a@b.example, ")
@example(b",")
@example(b"a@b.example,," + b"c@d.example")
@example(b"a@b.example," * 1000)
@example(b"a@b.example," * 1001 + b"no address")
@example(b"a@b.example," * 999 + b"no address")
def test_a_list_without_quotes_is_read_as_one_that_may_have_some(value: bytes) -> None:
    text = value.decode("utf-8", "replace")
    plain, whole = list[str](), list[str]()
    assert header._plainly_listed(text, plain) == header._listed(text, whole)
    assert plain == whole


@given(st.lists(st.sampled_from(_WORDS), max_size=6).map(b"".join))
def test_a_name_that_is_remembered_reads_as_when_it_came_first(value: bytes) -> None:
    name = value.decode("utf-8", "replace")
    at_once = list[str]()
    expected = decode_words(name, at_once) if name else ""
    for _ in range(2):
        wrong = list[str]()
        party = header._party(name, "a@b.example", wrong)
        assert (party.name, wrong) == (expected, at_once)


@given(BLOCKS)
@example(b"Date: never\r\nFrom: a@b.example\r\n")
def test_without_its_date_a_header_says_the_same(block: bytes) -> None:
    whole, undated = scan(block), scan(block, dated=False)
    kept = tuple(defect for defect in whole.defects if defect not in ("no-date", "date-unreadable"))
    assert undated == replace(whole, sent="", defects=kept)
