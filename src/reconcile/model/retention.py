"""How long an Environment keeps mail and items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from reconcile.model import duration
from reconcile.model.canonical import Leaf

#: How far the clock may have gone on since it was last believed: this share of how long mail is kept, within these bounds.
_SHARE, _LEAST, _MOST = 10, timedelta(days=1), timedelta(days=35)


def retained_from(retention: Leaf, now: datetime) -> datetime | None:
    """What is from before this is not kept (None: everything is). `retention` is a canonical duration, as applied."""
    span = duration.parse(retention) if isinstance(retention, str) and retention else timedelta(0)
    return now - span if span else None


def retention_of(spec: Mapping[str, Leaf], now: datetime) -> tuple[datetime | None, datetime | None]:
    """(from when tracked mail is kept, from when settled outgoing mail is kept) by the spec of an applied Environment."""
    return retained_from(spec.get("retention.mail"), now), retained_from(spec.get("retention.outgoing"), now)


def doubtful_clock(now: datetime, believed: datetime | None, oldest_kept: Iterable[datetime | None]) -> str:
    """Why a clock that says `now` is not to be purged by, "" where it is. `believed` is when mail was last purged by age (None: never);
    `oldest_kept` are the dates up to which mail would go."""
    spans = [now - date for date in oldest_kept if date is not None]
    if believed is None or not spans:
        return ""
    bound = min(max(min(spans) / _SHARE, _LEAST), _MOST)
    if now - believed <= bound:
        return ""
    went, most = (f"{span.total_seconds() / 86400:.0f} days" for span in (now - believed, bound))
    since = f"{believed:%Y-%m-%d %H:%MZ}, when mail was last purged by age"
    return f"the clock of this host is {went} ahead of {since}; more than {most} is not believed"
