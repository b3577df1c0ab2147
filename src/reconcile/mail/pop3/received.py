"""When a message arrived: POP3 tells no date, so the topmost Received field is read, which the receiving server wrote itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: The first field of that name, folded lines included (RFC 5322, 3.6.7: the date stands behind the last semicolon).
_RECEIVED = re.compile(rb"(?im)^received[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)")
_SPACES = re.compile(r"\s+")
_LONGEST = 4096


def received_at(header: bytes) -> datetime | None:
    """UTC; None where there is no such field, or no date in it."""
    end = header.find(b"\r\n\r\n")
    found = _RECEIVED.search(header, 0, end + 2 if end >= 0 else len(header))
    if found is None:
        return None
    _, semicolon, date = found[1][-_LONGEST:].decode("latin-1").rpartition(";")
    if not semicolon:
        return None
    try:
        moment = parsedate_to_datetime(_SPACES.sub(" ", date).strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
