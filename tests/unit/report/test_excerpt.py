"""The line with a caret: aligned, short, harmless, and without secrets."""

from __future__ import annotations

import pytest

from reconcile.report.excerpt import MASK, excerpt
from reconcile.report.safe_text import width


def shown(line: str, column: int, end_column: int | None = None, *, columns: int = 80, secret: bool = False) -> tuple[str, str]:
    result = excerpt(line, column, end_column, columns=columns, secret=secret)
    return result.line, result.caret


TABLE: list[tuple[str, str, int, int | None, str, str]] = [
    ("plain", "port: 70000", 7, 12, "port: 70000", "      ^^^^^"),
    ("start only", "port: 70000", 7, None, "port: 70000", "      ^"),
    ("tab", "\ta: b", 2, 3, "    a: b", "    ^"),
    ("wide", "名: x", 1, 2, "名: x", "^^"),
    ("after wide", "名前: x", 5, 6, "名前: x", "      ^"),
    ("combining", "e\u0301: x", 5, 6, "e\u0301: x", "   ^"),
    ("escape", "a: \x1b[2J", 4, 8, "a: \\x1b[2J", "   ^^^^^^^"),
    ("bidirectional", "a: \u202eb", 5, 6, "a: \\u202eb", "         ^"),
    ("beyond the end", "ab", 9, None, "ab", "  ^"),
    ("empty span", "ab", 2, 2, "ab", " ^"),
]


@pytest.mark.parametrize(("line", "column", "end", "text", "caret"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_caret(line: str, column: int, end: int | None, text: str, caret: str) -> None:
    assert shown(line, column, end) == (text, caret)


@pytest.mark.parametrize("column", [1, 20, 100, 199, 200])
@pytest.mark.parametrize("character", ["a", "名"])
def test_long_lines_are_cut_around_the_caret(column: int, character: str) -> None:
    line = character * (column - 1) + "X" + character * (200 - column)
    text, caret = shown(line, column, column + 1, columns=60)
    assert width(text) <= 60
    assert caret.strip() == "^"
    before = text[: text.index("X")]
    assert width(before) == len(caret) - 1


MASKED: list[tuple[str, str, int, int | None, bool, str, str]] = [
    ("marked value", "password: hunter2", 11, 18, True, "password: ***", "          ^^^"),
    ("marked key", "password: hunter2", 1, 9, True, "password: ***", "^^^^^^^^"),
    ("start only", "x: hunter2 # hunter2", 4, None, True, "x: ***", "   ^"),
    ("also elsewhere on the line", "x: hunter2 # not hunter2", 4, 11, True, "x: *** # not ***", "   ^^^"),
    ("not marked, by name", "{password: hunter2, port: 0}", 27, 28, False, "{password: ***, port: 0}", "                      ^"),
    ("quoted", 'clientSecret: "a b, c", port: 0', 30, 31, False, "clientSecret: ***, port: 0", "                        ^"),
    ("reference stays", "password: env:SALES", 11, 20, False, "password: env:SALES", "          ^^^^^^^^^"),
    ("token anywhere", "note: ghp_0123456789abcdefghijABCD x", 1, 5, False, "note: *** x", "^^^^"),
    ("password in a URL", "server: imap://a:hunter2@host/", 1, 7, False, "server: ***host/", "^^^^^^"),
    ("inside of a key", "  MIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuvwxyz", 3, 4, False, "  ***", "  ^"),
    ("long name stays", "owner: " + "a" * 45, 1, 6, False, "owner: " + "a" * 45, "^^^^^"),
    ("no value", "password: ", 1, 9, False, "password: ", "^^^^^^^^"),
    ("in braces", "password: {value: hunter2, port: 0}", 1, 9, False, "password: {value: ***, port: 0}", "^^^^^^^^"),
    ("quoted in braces", "password: {value: 'a, b', x: y z}", 1, 9, False, "password: {value: ***, x: ***}", "^^^^^^^^"),
    ("in a list", "secrets: [hunter2, 'x y']", 1, 8, False, "secrets: [***, ***]", "^^^^^^^"),
    ("open brace", "password: {value: hunter2", 1, 9, False, "password: {value: ***", "^^^^^^^^"),
    (
        "reference in braces stays",
        "password: {ref: env:X, generation: 12345}",
        1,
        9,
        False,
        "password: {ref: env:X, generation: 12345}",
        "^^^^^^^^",
    ),
    ("truth value stays", "token: true", 8, 12, False, "token: true", "       ^^^^"),
]


@pytest.mark.parametrize(("line", "column", "end", "secret", "text", "caret"), [row[1:] for row in MASKED], ids=[row[0] for row in MASKED])
def test_secrets_are_masked_and_the_caret_follows(line: str, column: int, end: int | None, secret: bool, text: str, caret: str) -> None:
    assert shown(line, column, end, secret=secret) == (text, caret)
    assert "hunter2" not in text


def test_the_mask_says_nothing_of_the_length() -> None:
    assert {shown(f"password: {'x' * length}", 11, 11 + length, secret=True)[0] for length in (1, 8, 50)} == {f"password: {MASK}"}
