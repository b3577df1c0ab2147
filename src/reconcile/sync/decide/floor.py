"""The date before which mail is not processed."""

from __future__ import annotations

from datetime import datetime

from reconcile.model.canonical import Leaf


def floor(*dates: Leaf) -> datetime | None:
    """The latest of the declared dates (canonical UTC text), fixed: it does not move with the mail. None: everything."""
    instants = [datetime.fromisoformat(date) for date in dates if isinstance(date, str) and date]
    return max(instants, default=None)


def is_wanted(received: datetime | None, lowest: datetime | None) -> bool:
    """`received` is the server's clock; a message without one cannot be called old, so it is taken."""
    return lowest is None or received is None or received >= lowest
