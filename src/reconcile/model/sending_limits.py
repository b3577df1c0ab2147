"""How much one account may hand over in a time, and when the next message may go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from reconcile.lazy_dataclass import dataclass

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingLimits:
    """`account` is who signs in where (for people, too); None means no limit. A message is counted when it is handed over."""

    account: str = ""
    per_minute: int | None = None
    per_day: int | None = None

    def windows(self) -> Iterator[tuple[int, timedelta, str]]:
        """(how many, in which time, in words) of the limits there are."""
        if self.per_minute is not None:
            yield self.per_minute, MINUTE, f"{self.per_minute:,} messages a minute (outgoing.messagesPerMinute)"
        if self.per_day is not None:
            yield self.per_day, DAY, f"{self.per_day:,} messages a day (outgoing.messagesPerDay)"


NO_LIMITS = SendingLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """No message before `until`; `limit` says why, in words."""

    until: datetime
    limit: str


def exhausted(limits: SendingLimits, newest: Callable[[int], datetime | None], *, now: datetime) -> Exhausted | None:
    """Which limit is reached, the one that holds longest; None when the next message may go. `newest(n)` is the moment of the n-th newest
    handing over by the account, None when there were fewer."""
    found: Exhausted | None = None
    for number, span, words in limits.windows():
        moment = newest(number)
        # A clock that was set back must not keep mail waiting longer than the limit does.
        until = None if moment is None else min(moment, now) + span
        if until is not None and until > now and (found is None or until > found.until):
            found = Exhausted(until=until, limit=words)
    return found


def slot(limits: SendingLimits, place: int, first: datetime) -> datetime:
    """When the mail at `place` (from 0) of the queue may go, where the next one may at `first`. An estimate: it is asked again then."""
    at, left = first, place
    if limits.per_day is not None:
        at, left = at + DAY * (left // limits.per_day), left % limits.per_day
    if limits.per_minute is not None:
        at += MINUTE * (left // limits.per_minute)
    return at
