"""Parts of messages as slices, and the answers made from them: for any message, however broken."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.sandbox.accounts import Message
from reconcile.sandbox.corpus.assemble import messages
from reconcile.sandbox.imap import fetch
from reconcile.sandbox.imap.grammar import Atom, BadCommand
from reconcile.sandbox.imap.mime import header_fields, numbered, parse, split_header

NESTED = (
    b'Content-Type: multipart/mixed; boundary="o"\r\n\r\npreamble\r\n--o\r\n'
    b'Content-Type: multipart/alternative; boundary="i"\r\n\r\n--i\r\n\r\nplain\r\n--i\r\nContent-Type: text/html\r\n\r\n<p>\r\n--i--\r\n\r\n'
    b"--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--o--\r\nepilogue"
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"A: 1\r\n\r\nbody", (b"A: 1\r\n\r\n", b"body")),
        (b"A: 1\r\n", (b"A: 1\r\n", b"")),
        (b"\r\nbody", (b"\r\n", b"body")),
        (b"", (b"", b"")),
    ],
)
def test_header_and_body(raw: bytes, expected: tuple[bytes, bytes]) -> None:
    assert split_header(raw) == expected


def test_named_fields_with_their_folded_lines() -> None:
    header = b"From: a\r\nSubject: long\r\n folded\r\nX: 1\r\n\r\n"
    assert header_fields(header, frozenset({"subject"}), keep=True) == b"Subject: long\r\n folded\r\n\r\n"
    assert header_fields(header, frozenset({"subject"}), keep=False) == b"From: a\r\nX: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("path", "body"),
    [((1, 1), b"plain"), ((1, 2), b"<p>"), ((2,), b"Subject: inner\r\n\r\ninside"), ((2, 1), b"inside")],
)
def test_numbered_parts(path: tuple[int, ...], body: bytes) -> None:
    part = numbered(parse(NESTED), path)
    assert part is not None
    assert part.body == body


@pytest.mark.parametrize("path", [(3,), (1, 3), (2, 2), (1, 1, 2)])
def test_parts_that_are_not_there(path: tuple[int, ...]) -> None:
    assert numbered(parse(NESTED), path) is None


def test_structure_of_a_nested_message() -> None:
    answer = ask(NESTED, "BODY")
    assert answer.startswith(
        b'* 1 FETCH (BODY ((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 0)("TEXT" "HTML" NIL NIL NIL "7BIT" 3 0) "ALTERNATIVE")'
    )
    assert b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 24 (NIL "inner" ' in answer
    assert answer.endswith(b' 2) "MIXED"))\r\n')


def ask(raw: bytes, *items: str) -> bytes:
    message = Message(uid=1, raw=raw, internal_date=datetime(2026, 3, 1, 9, 5, tzinfo=UTC))
    return fetch.answer(1, message, fetch.items(tuple(Atom(item) for item in items), with_uid=False))


def test_a_date_is_padded_with_a_space() -> None:
    assert ask(b"", "INTERNALDATE") == b'* 1 FETCH (INTERNALDATE " 1-Mar-2026 09:05:00 +0000")\r\n'


@pytest.mark.parametrize(
    "item",
    ["BODY[", "BODY[9999999]", "BODY[MIME]", "BODY[HEADER.FIELDS]", "BODY[TEXT (A)]", "BODY[]<1>", "BODY[]<1.0>", "NONSENSE", "BODY[1..2]"],
)
def test_items_that_are_none(item: str) -> None:
    with pytest.raises(BadCommand):
        fetch.items(Atom(item), with_uid=False)


@given(
    st.text(alphabet='ab:;="-<>@() \r\n\t/éContent-Typemultipar', max_size=300).map(lambda text: text.encode("utf-8"))
    | st.binary(max_size=100)
)
@settings(max_examples=200, deadline=None)
def test_any_message_can_be_described(raw: bytes) -> None:
    answer = ask(raw, "ENVELOPE", "BODYSTRUCTURE", "BODY[]", "BODY[1]", "BODY[HEADER.FIELDS (SUBJECT)]")
    assert b"BODY[] {%d}\r\n%s" % (len(raw), raw) in answer


def test_the_whole_corpus_can_be_described() -> None:
    for seed in messages(datetime(2026, 3, 1, tzinfo=UTC)):
        assert ask(seed.raw, "ENVELOPE", "BODYSTRUCTURE").endswith(b")\r\n")


def test_deep_nesting_stays_bounded() -> None:
    raw = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (level, level) for level in range(500))
    assert b"BODYSTRUCTURE" in ask(raw, "BODYSTRUCTURE")
