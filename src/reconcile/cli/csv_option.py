"""What commands share that print CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}


def delimiter_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """--delimiter, given to the command as `delimiter`: a name out of `DELIMITERS`."""
    words = "Between the cells of --output csv [comma]; Excel set to German or French expects semicolon."
    return click.option("--delimiter", type=click.Choice(list(DELIMITERS)), default="comma", help=words)(function)
