"""Whole numbers of the command line: ids and limits."""

from __future__ import annotations

import click


class Number(click.IntRange):
    """As click's, but its error says number, not integer range."""

    name = "number"
