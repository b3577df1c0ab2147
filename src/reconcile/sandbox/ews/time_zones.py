"""Time zones by their Windows names, which EWS uses, and their IANA names (CLDR, windowsZones)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from reconcile.sandbox.ews.node import Node

_TABLE: Final = """
Dateline Standard Time|Etc/GMT+12
Hawaiian Standard Time|Pacific/Honolulu
Alaskan Standard Time|America/Anchorage
Pacific Standard Time|America/Los_Angeles
US Mountain Standard Time|America/Phoenix
Mountain Standard Time|America/Denver
Central Standard Time|America/Chicago
Eastern Standard Time|America/New_York
Atlantic Standard Time|America/Halifax
Newfoundland Standard Time|America/St_Johns
E. South America Standard Time|America/Sao_Paulo
Argentina Standard Time|America/Buenos_Aires
Azores Standard Time|Atlantic/Azores
UTC|Etc/UTC
GMT Standard Time|Europe/London
Greenwich Standard Time|Atlantic/Reykjavik
W. Europe Standard Time|Europe/Berlin
Central Europe Standard Time|Europe/Budapest
Romance Standard Time|Europe/Paris
Central European Standard Time|Europe/Warsaw
W. Central Africa Standard Time|Africa/Lagos
GTB Standard Time|Europe/Bucharest
Egypt Standard Time|Africa/Cairo
South Africa Standard Time|Africa/Johannesburg
FLE Standard Time|Europe/Kiev
Israel Standard Time|Asia/Jerusalem
Turkey Standard Time|Europe/Istanbul
Arab Standard Time|Asia/Riyadh
Russian Standard Time|Europe/Moscow
Iran Standard Time|Asia/Tehran
Arabian Standard Time|Asia/Dubai
Pakistan Standard Time|Asia/Karachi
India Standard Time|Asia/Calcutta
Nepal Standard Time|Asia/Katmandu
Bangladesh Standard Time|Asia/Dhaka
SE Asia Standard Time|Asia/Bangkok
China Standard Time|Asia/Shanghai
Singapore Standard Time|Asia/Singapore
W. Australia Standard Time|Australia/Perth
Tokyo Standard Time|Asia/Tokyo
Korea Standard Time|Asia/Seoul
Cen. Australia Standard Time|Australia/Adelaide
AUS Eastern Standard Time|Australia/Sydney
New Zealand Standard Time|Pacific/Auckland
"""
ZONES: Final = dict(line.split("|") for line in _TABLE.split("\n") if line)


@cache
def zone(name: str) -> tzinfo | None:
    """The zone of a Windows or IANA name, None for one this server does not know."""
    if name in ("UTC", "tzone://Microsoft/Utc", "Etc/UTC"):
        return UTC
    try:
        return ZoneInfo(ZONES.get(name, name))
    except (ValueError, OSError):
        return None


def zone_of(given: Node, header: Node | None = None) -> tzinfo:
    """The zone an item's times without offset are in: what it names, else the request's TimeZoneContext, else UTC."""
    names = [
        given.child("t:StartTimeZone").attributes.get("Id", ""),
        given.child("t:MeetingTimeZone").attributes.get("TimeZoneName", ""),
        given.text_at("t:StartTimeZoneId"),
    ]
    if header is not None and (context := header.find("t:TimeZoneContext/t:TimeZoneDefinition")) is not None:
        names.append(context.attributes.get("Id", ""))
    return next((found for name in names if name and (found := zone(name)) is not None), UTC)


def changes(of: tzinfo, year: int) -> list[tuple[datetime, timedelta, timedelta]]:
    """The moments (UTC) of a year at which the offset changes, with the offsets before and after."""
    found = []
    here = datetime(year, 1, 1, tzinfo=UTC)
    offset = here.astimezone(of).utcoffset() or timedelta()
    for day in range(1, 367):
        then = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day)
        after = then.astimezone(of).utcoffset() or timedelta()
        if after != offset and then.year == year:
            low, high = here, then
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) // 2
                middle = middle.replace(second=0, microsecond=0)
                low, high = (middle, high) if (middle.astimezone(of).utcoffset() == offset) else (low, middle)
            found.append((high, offset, after))
        here, offset = then, after
    return found
