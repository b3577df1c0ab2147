"""Durations with units: `5m`, `1h30m`, `90s`, `1500ms`, `30d`. A day is 24 hours. Kept as timedelta."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

#: Common to JSON Schema and Python; order and repetition of units are checked by `parse`.
DURATION_PATTERN = r"^([0-9]{1,9}(ms|s|m|h|d))+$"
_SHAPE = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?(?:([0-9]{1,9})ms)?",
)
_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_MILLISECOND = timedelta(milliseconds=1)


@lru_cache(maxsize=1024)
def parse(text: str) -> timedelta:
    """Units from large to small, each at most once. Raises ValueError."""
    match = _SHAPE.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} is no duration: write numbers with units from large to small, such as 5m, 1h30m, 90s or 1500ms")
    amounts = (int(amount or 0) for amount in match.groups())
    return timedelta(milliseconds=sum(amount * unit for amount, unit in zip(amounts, _MILLISECONDS.values(), strict=True)))


def milliseconds(span: timedelta) -> int:
    """Whole milliseconds."""
    return span // _MILLISECOND


@lru_cache(maxsize=1024)
def text(span: timedelta) -> str:
    """Canonical: one number in the largest unit that divides it; zero is `0s`."""
    amount = milliseconds(span)
    if amount == 0:
        return "0s"
    unit, size = next((unit, size) for unit, size in _MILLISECONDS.items() if amount % size == 0)
    return f"{amount // size}{unit}"
