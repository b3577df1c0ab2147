"""Moments as EWS writes them: UTC, whole seconds, "Z". DavMail refuses anything finer."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

from reconcile.sandbox.ews.response_codes import EwsError


def stamp(moment: datetime) -> str:
    """An aware moment. Years have four digits, which strftime does not give to the early ones."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def moment(text: str, zone: tzinfo = UTC) -> datetime:
    """An xs:dateTime or xs:date; one without offset is in `zone`. Raises EwsError ErrorInvalidArgument."""
    text = text.strip()
    try:
        if "T" not in text:
            day = date.fromisoformat(text[:10])
            return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise EwsError("ErrorInvalidArgument", f"{text!r} is no date and time.") from None
