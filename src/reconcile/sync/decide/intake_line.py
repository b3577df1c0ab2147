"""One JSON document of a batch: strict, bounded, with the column of what is wrong.

Strict means what two readers could take differently is refused: a name twice in one object, NaN, text that is no UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from reconcile.errors import UserError

_SPACE = " \t\r\n"
_DEEPEST = 20
_HINT = "Write one JSON object a line (RFC 8259), in UTF-8."


class LineError(UserError):
    """What is wrong with a line. `column` counts characters from 1, `reason` is a stable word, `field` a dotted path or empty."""

    def __init__(self, message: str, *, column: int, reason: str = "invalid", field: str = "", hint: str = _HINT) -> None:
        super().__init__(message, hint=hint)
        self.column = column
        self.reason = reason
        self.field = field


def parsed(data: bytes) -> tuple[str, dict[str, Any]]:
    """The text of a line and the object it holds. Raises LineError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        column = len(data[: error.start].decode("utf-8", "replace")) + 1
        raise LineError(f"this is no UTF-8 (octet {error.start + 1})", column=column) from error
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise LineError(f"this is no JSON: {error.msg}", column=error.pos + 1) from error
    except RecursionError as error:
        raise LineError("this is nested too deeply", column=1) from error
    except ValueError as error:
        # Ours from the hooks below, or Python's refusal of a number of thousands of digits.
        raise LineError(f"this is no usable JSON: {error}", column=1) from error
    if not isinstance(found, dict):
        raise LineError("a line holds one JSON object", column=1)
    if _depth(found) > _DEEPEST:
        raise LineError("this is nested too deeply", column=1)
    return text, found


def key_of(data: bytes) -> str:
    """The client's key of a line that may be wrong otherwise, "" where none can be told."""
    try:
        key = parsed(data)[1].get("clientKey")
    except LineError:
        return ""
    return key if isinstance(key, str) and len(key) <= 200 else ""


def column(text: str, path: Sequence[str | int]) -> int:
    """Where the value at `path` stands in a JSON text, from 1; where the path ends early, the innermost value on it."""
    decoder = json.JSONDecoder()
    at = skip(text, 0)
    for step in path:
        inner = _into(decoder, text, at, step)
        if inner is None:
            break
        at = inner
    return at + 1


def _into(decoder: json.JSONDecoder, text: str, at: int, step: str | int) -> int | None:
    closing, index = {"{": "}", "[": "]"}.get(text[at : at + 1], ""), 0
    at = skip(text, at + 1)
    while closing and text[at : at + 1] not in ("", closing):
        name: str | int = index
        if closing == "}":
            name, at = decoder.raw_decode(text, at)
            at = skip(text, skip(text, at) + 1)
        if name == step:
            return at
        _, at = decoder.raw_decode(text, at)
        at, index = skip(text, at), index + 1
        if text[at : at + 1] == ",":
            at = skip(text, at + 1)
    return None


def skip(text: str, at: int) -> int:
    """The next place that is no white space."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _depth(found: object) -> int:
    level, deepest = [found], 0
    while level:
        deepest += 1
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    return deepest
