"""Sets of numbers, as in `2,4:7,9,12:*` (RFC 3501, section 9, sequence-set)."""

from __future__ import annotations

import re

from reconcile.sandbox.imap.grammar import BadCommand

_SET = re.compile(r"(\d{1,10}|\*)(:(\d{1,10}|\*))?(,(\d{1,10}|\*)(:(\d{1,10}|\*))?)*")
_LARGEST = 2**32 - 1


def ranges(text: str, largest: int) -> tuple[tuple[int, int], ...]:
    """Inclusive ranges, low first; `*` is `largest`. Raises BadCommand."""
    if not _SET.fullmatch(text):
        raise BadCommand("not a set of numbers")
    found = []
    for part in text.split(","):
        first, _, second = part.partition(":")
        ends = sorted(largest if end == "*" else int(end) for end in (first, second or first))
        if "0" in (first, second) or ends[1] > _LARGEST:
            raise BadCommand("a number is out of range")
        found.append((ends[0], ends[1]))
    return tuple(found)


def among(text: str, numbers: list[int]) -> list[int]:
    """Those of the sorted `numbers` that the set names, in order. Bounded by what exists, not by what is asked for."""
    wanted = ranges(text, numbers[-1] if numbers else 0)
    return [number for number in numbers if any(low <= number <= high for low, high in wanted)]


def compact(numbers: list[int]) -> str:
    """Sorted numbers as a set, for ESEARCH (RFC 4731)."""
    parts: list[str] = []
    start = previous = None
    for number in [*numbers, None]:
        if start is None or previous is None:
            start = number
        elif number != previous + 1:
            parts.append(str(start) if start == previous else f"{start}:{previous}")
            start = number
        previous = number
    return ",".join(parts)
