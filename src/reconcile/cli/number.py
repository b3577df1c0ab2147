"""Numbers of the command line: ids, limits, seconds."""

from __future__ import annotations

import math
from typing import Any

import click

#: What a row id of SQLite can be.
LARGEST = (1 << 63) - 1


class Number(click.IntRange):
    """As click's, from `low` to what a database can number; its error says number, not integer range."""

    name = "number"

    def __init__(self, low: int) -> None:
        super().__init__(low, LARGEST)

    def _describe_range(self) -> str:
        return f"{self.min} or more" if self.max == LARGEST else super()._describe_range()


class Seconds(click.FloatRange):
    """As click's, which lets nan through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number.", param, ctx)
        return seconds
