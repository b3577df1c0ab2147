"""Where a character of an expression stands in its file: YAML may fold its lines, indent them, or put quotes around them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reconcile.model.position import Position
from reconcile.policy.cel import Fault


def within(start: Position, key: str, text: str, fault: Fault, data: bytes | None) -> Position:
    """`start` is where the value begins (its quote or its block mark), or its `key` does, `text` is what was read of it, `data` the file.

    Characters other than white space come in the same order in both, so they are counted. Where they differ after all, the start.
    """
    if data is None:
        return start
    lines = data.decode("utf-8-sig", "replace").splitlines()
    start = _value(lines, start, key)
    offset = sum(len(line) + 1 for line in text.split("\n")[: fault.line - 1]) + fault.column - 1
    begin = _after(lines, start, text, offset)
    if begin is None:
        return start
    last = _after(lines, start, text, min(offset + max(fault.width, 1), len(text)) - 1) if fault.width > 1 else begin
    end = last[1] + 1 if last is not None and last[0] == begin[0] else begin[1] + 1
    return Position(start.file, begin[0], begin[1], end)


def _value(lines: list[str], start: Position, key: str) -> Position:
    """Values of several lines are told by their key."""
    here = lines[start.line - 1][start.column - 1 :] if start.line <= len(lines) else ""
    label = re.match(rf"(?P<quote>['\"]?){re.escape(key)}(?P=quote)\s*:\s*", here)
    return start if label is None else Position(start.file, start.line, start.column + label.end())


def _after(lines: list[str], start: Position, text: str, offset: int) -> tuple[int, int] | None:
    """Line and column of the character at `offset` of the text; after its last one where it is beyond the end."""
    line, column = start.line, start.column
    here = lines[line - 1][column - 1 :] if line <= len(lines) else ""
    quote = ""
    if here[:1] in ("|", ">"):
        line, column = line + 1, 1
    elif here[:1] in ("'", '"'):
        quote, column = here[:1], column + 1
    written = _characters(lines, line, column, quote)
    found: tuple[int, int] | None = None
    for index, char in enumerate(text):
        if char.isspace():
            continue
        number, place, other = next(written, (0, 0, ""))
        if other != char:
            return None
        found = (number, place)
        if index >= offset:
            return found
    return (found[0], found[1] + 1) if found is not None else None


def _characters(lines: list[str], line: int, column: int, quote: str) -> Iterator[tuple[int, int, str]]:
    """(line, column, character) of all that is no white space, from there on, as YAML reads it inside such quotes."""
    piece = _PIECES[quote]
    for number in range(line, len(lines) + 1):
        start = column - 1 if number == line else 0
        for found in piece.finditer(lines[number - 1], start):
            char = _read(found[0])
            if char and not char.isspace():
                yield number, found.start() + 1, char


#: What stands for one character: YAML 1.2.2, "Flow Scalar Styles" and "Escaped Characters".
_PIECES: Final = {
    "": re.compile("."),
    "'": re.compile("''|."),
    '"': re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.|$)|."),
}
_ESCAPED: Final = dict(zip("0abtnvfreN_LP", "\0\a\b\t\n\v\f\r\x1b\x85\xa0\u2028\u2029", strict=True))


def _read(piece: str) -> str:
    """The character that a piece stands for; none where it only joins two lines."""
    if piece == "''":
        return "'"
    if len(piece) > 2:
        return chr(int(piece[2:], 16))
    return _ESCAPED.get(piece[1:], piece[1:]) if piece[0] == "\\" else piece
