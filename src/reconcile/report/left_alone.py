"""What is not asked for a while, and counters of profiles, for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconcile.model import instant
from reconcile.model.left_alone import LeftAlone
from reconcile.model.profile_counters import ProfileCounters
from reconcile.report.safe_text import neutral
from reconcile.report.table import table


def left_alone_lines(found: Sequence[LeftAlone], *, now: datetime) -> list[str]:
    """One line each, and the next step where there is one."""
    lines = []
    for one in found:
        left = (one.again_at - now).total_seconds()
        again = f"asked again in {_span(left)} ({one.again_at:%Y-%m-%d %H:%M:%S} UTC)" if left > 0 else "asked again now"
        since = f" since {one.since[:16].replace('T', ' ')}" if one.since else ""
        lines.append(f"{one.kind} {neutral(one.name)}{since}: {again}: {neutral(one.why)}")
        if one.hint:
            lines.append(f"  next: {neutral(one.hint)}")
    return lines


def left_alone_json(found: Sequence[LeftAlone]) -> list[dict[str, object]]:
    """The same as documents; instants are UTC RFC 3339."""
    return [
        {
            "kind": one.kind,
            "name": one.name,
            "since": one.since or None,
            "askedAgainAt": instant.text(one.again_at.replace(microsecond=0)),
            "why": one.why,
            "hint": one.hint,
        }
        for one in found
    ]


def counters_lines(found: Sequence[ProfileCounters], *, fit: int | None = None) -> list[str]:
    """A table, one line a profile. On a narrow terminal columns in which nothing stands but 0 give way first."""
    rows = [
        (one.name or "(none)", one.mailboxes, one.failing, one.waiting, one.left_alone, one.disabled, one.tracked, one.sent)
        for one in found
    ]
    if not rows:
        return []
    headers = ("profile", "mailboxes", "failing", "waiting", "left alone", "disabled", "tracked", "sent")
    spare = sorted(("left alone", "disabled", "waiting", "failing", "sent"), key=lambda name: any(row[headers.index(name)] for row in rows))
    return table(headers, rows, limits=(40,), fit=fit, spare=spare).splitlines()


def counters_json(found: Sequence[ProfileCounters]) -> list[dict[str, object]]:
    """A document a profile; its name is null for mailboxes without one."""
    return [
        {
            "profile": one.name or None,
            "mailboxes": one.mailboxes,
            "failing": one.failing,
            "waiting": one.waiting,
            "leftAlone": one.left_alone,
            "disabled": one.disabled,
            "tracked": one.tracked,
            "sent": one.sent,
        }
        for one in found
    ]


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
