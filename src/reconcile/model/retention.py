"""How long an Environment keeps mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconcile.model import duration
from reconcile.model.canonical import Leaf


def retained_from(retention: Leaf, now: datetime) -> datetime | None:
    """Mail received before this is not kept (None: everything is). `retention` is a canonical duration, as applied."""
    span = duration.parse(retention) if isinstance(retention, str) and retention else timedelta(0)
    return now - span if span else None


def retention_of(spec: Mapping[str, Leaf], now: datetime) -> tuple[datetime | None, datetime | None]:
    """(from when tracked mail is kept, from when settled outgoing mail is kept) by the spec of an applied Environment."""
    return retained_from(spec.get("retention.mail"), now), retained_from(spec.get("retention.outgoing"), now)
