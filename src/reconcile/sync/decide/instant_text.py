"""Instants as text."""

from __future__ import annotations

from datetime import datetime


def instant_text(moment: datetime) -> str:
    """UTC RFC 3339 to the second, as the store keeps and compares it. Takes a moment in UTC."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat() + "Z"
