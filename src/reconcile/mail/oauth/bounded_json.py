"""JSON of a stranger: bounded in size and depth, no key twice, no number that is none."""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

LARGEST: Final = 64 * 1024
DEEPEST: Final = 16
_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_LONGEST_NUMBER: Final = 20


class Malformed(Exception):
    """It is not read. The text never repeats any of it."""


def bounded_json(octets: bytes, *, largest: int = LARGEST) -> object:
    """Raises Malformed."""
    if len(octets) > largest:
        raise Malformed(f"it is larger than {largest:,} octets")
    depth = 0
    for octet in _TEXTS.sub(b"", octets):
        depth += (octet in b"[{") - (octet in b"]}")
        if depth > DEEPEST:
            raise Malformed(f"it is nested deeper than {DEEPEST}")
    try:
        return json.loads(octets.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused, parse_int=_integer, parse_float=float)
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Malformed("it is not JSON") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key stands in it twice")
    return found


def _refused(_: str) -> NoReturn:
    raise Malformed("a number in it is none")


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise Malformed("a number in it is too long")
    return int(text)
