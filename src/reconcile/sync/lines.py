"""Batches as they come: JSON lines from a stream of whatever length, or a JSON array of bounded length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO

from reconcile.lazy_dataclass import dataclass
from reconcile.sync.decide.intake_line import LineError, skip

#: Octets of one line. Files beyond that are attached by path.
LONGEST_LINE = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1. `data` is None for a line that was too long to be kept."""

    number: int
    data: bytes | None


def lines_of(stream: IO[bytes], longest: int = LONGEST_LINE) -> Iterator[Line]:
    """Lines without the empty ones; never more than one of them in memory."""
    number = 0
    while data := stream.readline(longest + 1):
        number += 1
        if len(data) > longest and not data.endswith(b"\n"):
            while (rest := stream.readline(longest)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, None)
        elif data.strip():
            yield Line(number, data)


def elements_of(data: bytes) -> Iterator[Line]:
    """The elements of a JSON array, as if each stood on a line of its own. Raises LineError, before the first of them or amid."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LineError(f"this is no UTF-8 (octet {error.start + 1})", column=1) from error
    decoder, at, number = json.JSONDecoder(), skip(text, 0) + 1, 0
    at = skip(text, at)
    while text[at : at + 1] != "]":
        start, number = at, number + 1
        try:
            _, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError, ValueError) as error:
            words = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply, or a number too long"
            raise LineError(f"element {number} of the array is no JSON: {words}", column=start + 1) from error
        yield Line(number, text[start:at].encode())
        at = skip(text, at)
        if text[at : at + 1] == ",":
            at = skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise LineError(f"behind element {number} the array neither goes on nor ends", column=at + 1)
