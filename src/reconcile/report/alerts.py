"""Alerts as text and JSON. Everything a stranger wrote is neutralised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconcile.model.alert import Alert
from reconcile.model.loop_sign import LoopSign
from reconcile.report.safe_text import neutral, width
from reconcile.report.table import table

FORMAT_VERSION = "1.0"
_HEADERS = ("since (UTC)", "level", "about", "what", "times", "ended (UTC)")
#: What is wider (characters) is told in full below the table, of so many at most.
_WIDEST = 80
_IN_FULL = 10
_KINDS = {"Mailbox": "mailbox", "EmailServerProfile": "profile", "Server": "server", "Environment": "environment"}


def alert_lines(alerts: Sequence[Alert], loop: LoopSign | None, *, now: datetime, fit: int | None = None) -> str:
    """A table, then the next step of each that has one, each step once. Where nobody writes alerts now, when somebody did last."""
    if loop is None:
        return "no alert: `reconcile run` writes them, and it never looked at mail here\n  next: reconcile status, which tells what fails"
    stale = ""
    if not loop.runs(now):
        stale = f"as of {loop.seen:%Y-%m-%d %H:%M} UTC: `reconcile run` writes them, and has not looked at mail since"
        stale += "\n  next: reconcile status, which tells what fails now"
    if not alerts:
        return "\n".join(filter(None, ("no alert", stale)))
    rows = [
        (
            _minute(alert.since),
            str(alert.cause.level),
            _about(alert),
            alert.cause.text,
            alert.count,
            _minute(alert.ended),
        )
        for alert in alerts
    ]
    steps = list(dict.fromkeys(alert.cause.hint for alert in alerts if alert.cause.hint and not alert.ended))
    lines = [table(_HEADERS, rows, limits=(None, None, 48, _WIDEST, None, None), fit=fit)]
    # What a table has no room for is what somebody who was called reads first.
    long = [f"- {_about(one)}: {neutral(one.cause.text)}" for one in alerts if not one.ended and width(neutral(one.cause.text)) > _WIDEST][
        :_IN_FULL
    ]
    lines += ["", "In full:", *long] if long else []
    lines += ["", stale] if stale else []
    return "\n".join([*lines, *(["", "What to do:"] if steps else []), *(f"- {neutral(step)}" for step in steps)])


def _about(alert: Alert) -> str:
    return f"{_KINDS.get(alert.cause.kind, alert.cause.kind)} {neutral(alert.cause.name)}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def alert_json(alert: Alert) -> dict[str, object]:
    """Instants are UTC RFC 3339, null where there is none."""
    cause = alert.cause
    return {
        "id": alert.id,
        "level": str(cause.level),
        "code": cause.code,
        "text": cause.text,
        "hint": cause.hint,
        "about": {"kind": cause.kind, "id": cause.about, "name": cause.name},
        "owner": cause.owner or None,
        "since": alert.since,
        "lastSeen": alert.seen,
        "count": alert.count,
        "ended": alert.ended or None,
    }
