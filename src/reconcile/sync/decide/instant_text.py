"""Instants as text."""

from __future__ import annotations

from datetime import datetime
from typing import Final

#: Length of what isoformat says up to the seconds, whatever follows them.
_SECONDS: Final = 19


def instant_text(moment: datetime) -> str:
    """UTC RFC 3339 to the second, as the store keeps and compares it. Takes a moment in UTC."""
    return moment.isoformat()[:_SECONDS] + "Z"
