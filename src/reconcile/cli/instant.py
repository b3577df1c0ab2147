"""Instants of the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click


class Instant(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs only
    """RFC 3339, or a date (and time) in UTC; becomes an aware datetime in UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from reconcile.model import instant

        if isinstance(value, datetime):
            return value
        try:
            return instant.parse(str(value), "UTC")
        except ValueError as error:
            words = str(error).replace("in the environment's time zone", "for a date in UTC")
            self.fail(f"{words}. Without an offset it is UTC.", param, ctx)
