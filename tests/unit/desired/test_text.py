"""Bytes that are text, and those that are not."""

from __future__ import annotations

import pytest

from reconcile.desired.text import NotText, line_and_column, read_text, split_lines

TABLE: list[tuple[str, bytes, str | tuple[str, int, int]]] = [
    ("plain", b"a: 1\n", "a: 1\n"),
    ("byte-order mark", b"\xef\xbb\xbfa: 1", "a: 1"),
    ("umlaut", "a: ü".encode(), "a: ü"),
    ("emoji", "a: 📬".encode(), "a: 📬"),
    ("tab and line ends", b"a\tb\r\nc\rd\n", "a\tb\r\nc\rd\n"),
    ("NUL", b"ab\ncd\0", ("text/binary", 2, 3)),
    ("UTF-16 little", "a: 1".encode("utf-16"), ("text/encoding", 1, 1)),
    ("UTF-16 big", b"\xfe\xff" + "a: 1".encode("utf-16-be"), ("text/encoding", 1, 1)),
    ("UTF-16 without mark", "kind: Mailbox".encode("utf-16-le"), ("text/encoding", 1, 1)),
    ("UTF-32", "kind: Mailbox".encode("utf-32"), ("text/encoding", 1, 1)),
    ("Latin-1", "x\nSüd".encode("latin-1"), ("text/encoding", 2, 2)),
    ("surrogate", b"a: \xed\xa0\x80", ("text/encoding", 1, 4)),
    ("overlong", b"\xc0\xaf", ("text/encoding", 1, 1)),
    ("escape", b"a: \x1b[2J", ("text/control-character", 1, 4)),
    ("DEL", b"a\n\x7f", ("text/control-character", 2, 1)),
    ("C1", "a: \x9b".encode(), ("text/control-character", 1, 4)),
    ("mark in the middle", "a: \ufeff".encode(), ("text/control-character", 1, 4)),
    ("not a character", "a: \ufffe".encode(), ("text/control-character", 1, 4)),
    ("next line", "a: \x85".encode(), ("text/line-separator", 1, 4)),
    ("line separator", "a\nb: x\u2028".encode(), ("text/line-separator", 2, 5)),
    ("unresolved merge", b"a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> side\n", ("text/merge-conflict", 2, 1)),
    ("unresolved merge, CR LF", b"<<<<<<< HEAD\r\nb: 2\r\n=======\r\nb: 3\r\n>>>>>>> side\r\n", ("text/merge-conflict", 1, 1)),
    ("half resolved merge", b"a: 1\nb: 3\n>>>>>>> side\n", ("text/merge-conflict", 3, 1)),
    ("signs in a value", b"a: <<<<<<< HEAD\nb: |\n  >>>>>>> side\n  =======\n", "a: <<<<<<< HEAD\nb: |\n  >>>>>>> side\n  =======\n"),
    ("paragraph separator", "\u2029".encode(), ("text/line-separator", 1, 1)),
]


@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_read_text(data: bytes, expected: str | tuple[str, int, int]) -> None:
    text = read_text(data)
    if isinstance(text, NotText):
        assert (text.rule, text.line, text.column) == expected
        assert text.hint
    else:
        assert text == expected


def test_lines_are_those_of_yaml() -> None:
    text = "a\r\nb\rc\nd\x0ce\u2028f"
    assert split_lines(text) == ["a", "b", "c", "d\x0ce\u2028f"]
    assert line_and_column(text, text.index("c")) == (3, 1)
    assert line_and_column(text, text.index("f")) == (4, 5)
