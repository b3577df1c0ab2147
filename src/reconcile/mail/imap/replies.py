"""FETCH responses as values: items in any order, literals of both kinds, NIL (RFC 3501 7.4.2, RFC 3516)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_TOKEN = re.compile(
    rb'[A-Za-z0-9.-]+\[[^\]]*\](?:<\d+>)?|"(?:[^"\\]|\\.)*"|\x00\d+\x00|\(|\)|[^\s()"\x00]+',
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_DATE = re.compile(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d)(?: ([+-])(\d\d)(\d\d))?")
_MONTHS = {name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}

#: A literal that was read past because it is too long to hold.
TOO_LONG = object()
Value = bytes | list[object] | object | None


def items(fragments: Sequence[bytes], literals: Sequence[object]) -> dict[bytes, object]:
    """Names (upper case; BODY[]<0> as BODY[]) to values: bytes, None for NIL, lists. `fragments` are the text between literals.

    What does not parse is left out: a server's slip in one item must not cost the others.
    """
    text = _joined(fragments, literals)
    opening = text.find(b"(")
    tokens = _TOKEN.findall(text, opening + 1 if opening >= 0 else len(text))
    found: dict[bytes, object] = {}
    position = 0
    while position + 1 < len(tokens) and tokens[position] != b")":
        name = tokens[position].upper().partition(b"<")[0]
        value, position = _value(tokens, position + 1, literals)
        found[name] = value
    return found


def _joined(fragments: Sequence[bytes], literals: Sequence[object]) -> bytes:
    """One text in which each literal is a number between NULs."""
    return b"".join(
        fragment.replace(b"\x00", b"") + (b"\x00%d\x00" % index if index < len(literals) else b"")
        for index, fragment in enumerate(fragments)
    )


def values(fragments: Sequence[bytes], literals: Sequence[object]) -> list[object]:
    """What stands behind the kind of an untagged answer (`* LIST …`), in order: bytes, None for NIL, lists."""
    tokens = _TOKEN.findall(_joined(fragments, literals))[2:]
    found: list[object] = []
    position = 0
    while position < len(tokens):
        value, position = _value(tokens, position, literals)
        found.append(value)
    return found


def _value(tokens: Sequence[bytes], position: int, literals: Sequence[object]) -> tuple[object, int]:
    token = tokens[position]
    if token == b"(":
        depth = 1
        start = position = position + 1
        while position < len(tokens) and depth:
            depth += 1 if tokens[position] == b"(" else -1 if tokens[position] == b")" else 0
            position += 1
        return list(tokens[start : position - 1]), position
    if token.startswith(b"\x00"):
        return literals[int(token[1:-1])], position + 1
    if token.startswith(b'"'):
        return _ESCAPED.sub(rb"\1", token[1:-1]), position + 1
    return (None if token.upper() == b"NIL" else token), position + 1


def number(value: object) -> int | None:
    """A number of at most 20 digits, else None."""
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) <= 20 else None


def internal_date(value: object) -> datetime | None:
    """INTERNALDATE as UTC; None when it is not one."""
    match = _DATE.fullmatch(value) if isinstance(value, bytes) else None
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        moment = datetime(int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
        if hours is None or hours == minutes == b"00":
            return moment
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        # No zone is a day or more away; what claims so is no date.
        return None if offset >= timedelta(days=1) else moment + offset if sign == b"-" else moment - offset
    except (ValueError, KeyError, OverflowError):
        return None
