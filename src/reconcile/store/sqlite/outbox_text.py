"""Instants of the outbox as text."""

from __future__ import annotations

from datetime import UTC, datetime


def text(moment: datetime) -> str:
    """All of one width, so that they compare as text."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def text_or_none(moment: datetime | None) -> str | None:
    """As `text`."""
    return None if moment is None else text(moment)
