"""Alerts as text and JSON. Everything a stranger wrote is neutralised."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model.alert import Alert
from reconcile.model.loop_sign import LoopSign
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

FORMAT_VERSION = "1.0"
_HEADERS = ("since (UTC)", "level", "about", "what", "times", "ended (UTC)")
_KINDS = {"Mailbox": "mailbox", "EmailServerProfile": "profile", "Server": "server"}


def alert_lines(alerts: Sequence[Alert], loop: LoopSign | None, *, fit: int | None = None) -> str:
    """A table, then the next step of each that has one, each step once."""
    if not alerts:
        return "no alert" if loop is not None else "no alert: `reconcile run` writes them, and it never looked at mail here"
    rows = [
        (
            _minute(alert.since),
            str(alert.cause.level),
            f"{_KINDS.get(alert.cause.kind, alert.cause.kind)} {alert.cause.name}",
            alert.cause.text,
            alert.count,
            _minute(alert.ended),
        )
        for alert in alerts
    ]
    steps = list(dict.fromkeys(alert.cause.hint for alert in alerts if alert.cause.hint and not alert.ended))
    lines = [table(_HEADERS, rows, limits=(None, None, 48, 80, None, None), fit=fit)]
    return "\n".join([*lines, *(["", "What to do:"] if steps else []), *(f"- {neutral(step)}" for step in steps)])


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
