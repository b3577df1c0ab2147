"""The day that commands judge as on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import click

#: Rules reckon with days around it, which must be years that can be written.
_FIRST: Final = 2000
_LAST: Final = 2999


def today_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """--today, given to the command as `today`: a text for `moment`, or None."""
    return click.option("--today", metavar="DATE", help="Judge as on this day, such as 2027-03-01 [now].")(function)


def moment(today: str | None) -> datetime:
    """The first instant of that day in UTC, or now. Raises UsageError."""
    if today is None:
        return datetime.now(UTC)
    try:
        day = datetime.strptime(today, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise click.UsageError(f"--today {today!a} is no day; write it as 2027-03-01.") from None
    if not _FIRST <= day.year <= _LAST:
        raise click.UsageError(f"--today {today!a} is out of reach; write a day from {_FIRST} to {_LAST}.")
    return day
