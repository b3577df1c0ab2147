"""The message of a rule: text with expressions in braces. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Part(NamedTuple):
    """A piece of text, or of an expression. `start` is the number of characters before it."""

    text: str
    expression: bool = False
    start: int = 0
    unclosed: bool = False


def parts(message: str) -> Iterator[Part]:
    """`{{` and `}}` are the characters themselves. Braces and quotes inside an expression are left alone."""
    text, place = "", 0
    while place < len(message):
        pair, char = message[place : place + 2], message[place]
        if pair in ("{{", "}}"):
            text, place = text + char, place + 2
        elif char != "{":
            text, place = text + char, place + 1
        else:
            end = _closing(message, place + 1)
            if text:
                yield Part(text)
            if end < 0:
                yield Part(message[place + 1 :], expression=True, start=place + 1, unclosed=True)
                return
            yield Part(message[place + 1 : end], expression=True, start=place + 1)
            text, place = "", end + 1
    if text:
        yield Part(text)


def _closing(message: str, place: int) -> int:
    depth, quote = 0, ""
    while place < len(message):
        char = message[place]
        if quote:
            if char == "\\":
                place += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            if depth == 0:
                return place
            depth -= 1
        place += 1
    return -1


def shown(value: object) -> str:
    """A value as findings say it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(shown(one) for one in value) or "none"
        case dict():
            return ", ".join(f"{name}: {shown(one)}" for name, one in sorted(value.items())) or "none"
        case _:
            return str(value)
