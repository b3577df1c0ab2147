"""Instants: RFC 3339 with an offset, or a local date (and time) in the environment's IANA zone. Kept in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: Common to JSON Schema and Python: what an instant looks like, before the calendar is asked.
INSTANT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$"
_SHAPE = re.compile(INSTANT_PATTERN)
#: The product stores 1900-01-01 where no date is set, so that day cannot be declared.
_EARLIEST = datetime(1900, 1, 2, tzinfo=UTC)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """An IANA zone. Raises ValueError when there is no such zone."""
    # What looks at mail has instants in UTC only, and is not to pay for zones at its start.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone of the IANA database (for example Europe/Berlin, or UTC)") from error


@lru_cache(maxsize=4096)
def parse(text: str, time_zone: str) -> datetime:
    """UTC. A local time takes `time_zone`; one that the clocks skip or show twice is refused. Raises ValueError."""
    if not _SHAPE.fullmatch(text):
        raise ValueError(f"{text!r} is no RFC 3339 instant: write 2026-03-01T08:00:00+01:00, or 2026-03-01 in the environment's time zone")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise ValueError(f"{text!r} is no date of the calendar: {error}") from error
    try:
        utc = moment.astimezone(UTC) if moment.tzinfo is not None else _from_local(moment, zone(time_zone), text)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999") from error
    if utc < _EARLIEST:
        raise ValueError(f"{text!r} lies before 1900-01-02; the product shows 1900-01-01 where no date is set, so write null to clear")
    return utc


def _from_local(moment: datetime, place: ZoneInfo, text: str) -> datetime:
    first = moment.replace(tzinfo=place, fold=0)
    second = moment.replace(tzinfo=place, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    one, other = (moment.replace(tzinfo=option.tzinfo, fold=option.fold).isoformat() for option in (first, second))
    # A skipped hour does not come back from UTC as it was written; a repeated one does, twice.
    if first.astimezone(UTC).astimezone(place).replace(tzinfo=None) != moment:
        raise ValueError(f"{text!r} does not exist in {place.key}: the clocks skip it; write an offset, {one} or {other}")
    raise ValueError(f"{text!r} happens twice in {place.key}: the clocks go back; write an offset, {one} or {other}")


def text(moment: datetime) -> str:
    """Canonical: UTC with a trailing Z, fractions only where there are any. Takes an aware datetime."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def day(moment: datetime) -> str:
    """For people: `2027-03-31`, and with its time what does not begin a day of UTC (`2027-03-30 22:00 UTC`), so that nobody takes it for
    another day than the one that was written. A moment that begins a day in its own zone is told as that day. Takes an aware
    datetime."""
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return f"{moment:%Y-%m-%d}"
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if (utc.hour, utc.minute) == (0, 0) else f"{utc:%Y-%m-%d %H:%M} UTC"


def local(written: str, time_zone: str) -> str:
    """A canonical instant as its author would write it in that zone: `2027-03-31`, and with its time and offset what does not begin a day
    there. Raises ValueError for what is no instant or no zone."""
    there = parse(written, "UTC").astimezone(zone(time_zone))
    if (there.hour, there.minute, there.second, there.microsecond) == (0, 0, 0, 0):
        return f"{there:%Y-%m-%d}"
    return there.isoformat().replace("+00:00", "Z")
