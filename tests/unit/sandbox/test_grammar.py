"""IMAP commands from octets: what clients send, and what nobody should."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile.sandbox.imap.grammar import (
    AnnouncedLiteral,
    Atom,
    BadCommand,
    Command,
    Text,
    announced_literal,
    parse,
    string,
    text_of,
)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"a1 NOOP", Command(tag="a1", name="NOOP")),
        (b"a1 noop", Command(tag="a1", name="NOOP")),
        (b"A.1 LOGIN sales {4}\r\np\r\n\x00", Command(tag="A.1", name="LOGIN", arguments=(Atom("sales"), Text(b"p\r\n\x00")))),
        (b'a LOGIN "a b" "q\\"\\\\"', Command(tag="a", name="LOGIN", arguments=(Text(b"a b"), Text(b'q"\\')))),
        (b"a LOGIN user pa[ss]", Command(tag="a", name="LOGIN", arguments=(Atom("user"), Atom("pa[ss]")))),
        (b"a LOGIN {3+}\r\nabc {0}\r\n", Command(tag="a", name="LOGIN", arguments=(Text(b"abc"), Text(b"")))),
        (b"a LOGIN {3}\r\n{9} x", Command(tag="a", name="LOGIN", arguments=(Text(b"{9}"), Atom("x")))),
        (b"a UID FETCH 1:* (UID FLAGS)", Command(tag="a", name="FETCH", uid=True, arguments=(Atom("1:*"), (Atom("UID"), Atom("FLAGS"))))),
        (
            b"a FETCH 1 (BODY.PEEK[HEADER.FIELDS (FROM TO)]<0.99> UID)",
            Command(tag="a", name="FETCH", arguments=(Atom("1"), (Atom("BODY.PEEK[HEADER.FIELDS (FROM TO)]<0.99>"), Atom("UID")))),
        ),
        (
            b"a SEARCH OR (SEEN) (NOT (UID 1))",
            Command(tag="a", name="SEARCH", arguments=(Atom("OR"), (Atom("SEEN"),), (Atom("NOT"), (Atom("UID"), Atom("1"))))),
        ),
        (b'a LIST "" %', Command(tag="a", name="LIST", arguments=(Text(b""), Atom("%")))),
        (b"a STORE 1 +FLAGS (\\Seen)", Command(tag="a", name="STORE", arguments=(Atom("1"), Atom("+FLAGS"), (Atom("\\Seen"),)))),
        (b"a ID ()", Command(tag="a", name="ID", arguments=((),))),
    ],
)
def test_what_clients_send(octets: bytes, expected: Command) -> None:
    assert parse(octets) == expected


@pytest.mark.parametrize(
    ("octets", "tag", "words"),
    [
        (b"", "*", "a tag"),
        (b"\x00\xff\xfe", "*", "a tag"),
        (b"a", "a", "a space"),
        (b"a ", "a", "a command"),
        (b"a  NOOP", "a", "a command"),
        (b"a NOOP ", "a", "a value"),
        (b"a LOGIN \xc3\xbc", "a", "a value"),
        (b'a LOGIN "open', "a", "does not end"),
        (b'a LOGIN "line\r\nbreak"', "a", "does not end"),
        (b'a LOGIN "\\x"', "a", "backslash"),
        (b'a LOGIN "\\', "a", "backslash"),
        (b"a LOGIN {5}\r\nabc", "a", "shorter than announced"),
        (b"a LOGIN {99999999999}\r\nabc", "a", "literal is"),
        (b"a LOGIN {-1}\r\nabc", "a", "literal is"),
        (b"a LOGIN {x}", "a", "literal is"),
        (b"a SEARCH (ALL", "a", "a space"),
        (b"a SEARCH " + b"(" * 5000, "a", "too deeply nested"),
        (b"a SEARCH ALL)", "a", "a space"),
        (b"a UID", "a", "a space"),
        (b"a UID 1", "a", "a command after UID"),
        (b"(" + b"x" * 100, "*", "a tag"),
    ],
)
def test_what_nobody_should_send(octets: bytes, tag: str, words: str) -> None:
    with pytest.raises(BadCommand, match=words) as caught:
        parse(octets)
    assert caught.value.tag == tag


@given(st.binary(max_size=200) | st.text(alphabet='a1 ()"{}\\\r\n<>[].+*BODY', max_size=60).map(str.encode))
@example(b"a FETCH 1 BODY[")
@example(b"a X {1}\r\n")
@settings(max_examples=300, deadline=None)
def test_any_octets_are_a_command_or_a_bad_one(octets: bytes) -> None:
    try:
        answered = parse(octets).tag
    except BadCommand as error:
        answered = f"{error.tag} {error.message}"
    assert 0 < len(answered) < 200
    assert "\r" not in answered


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a LOGIN {5}", AnnouncedLiteral(5, waits=True)),
        (b"a LOGIN {5+}", AnnouncedLiteral(5, waits=False)),
        (b"a LOGIN {5} ", None),
        (b"a LOGIN {}", None),
        (b"a LOGIN {99999999999}", None),
    ],
)
def test_a_literal_is_announced_at_the_end_of_a_line(line: bytes, expected: AnnouncedLiteral | None) -> None:
    assert announced_literal(line) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (None, b"NIL"),
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'a "quote"', b'{9}\r\na "quote"'),
        (b"Gr\xfc\xdfe", b"{5}\r\nGr\xfc\xdfe"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"x" * 300, b"{300}\r\n" + b"x" * 300),
    ],
)
def test_strings_of_responses(octets: bytes | None, expected: bytes) -> None:
    assert string(octets) == expected


def test_a_list_is_no_string() -> None:
    with pytest.raises(BadCommand):
        text_of((Atom("x"),))
