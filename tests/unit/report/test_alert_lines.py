"""What `alerts list` says where nobody writes alerts now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconcile.model.alert import Alert, AlertLevel, Cause
from reconcile.model.loop_sign import LoopSign
from reconcile.report.alerts import alert_lines
from support.applied import START

CAUSE = Cause(
    kind="Mailbox", about="m1", name="sales", code="Failing", level=AlertLevel.ERROR, text="refused", hint="Apply another password."
)
ALERT = Alert(id=1, cause=CAUSE, since="2026-03-01T08:00:00Z", seen="2026-03-01T08:00:00Z", count=1, ended="")
LOOP = LoopSign(since=START, seen=START)
STALE = "as of 2026-03-01 08:00 UTC: `reconcile run` writes them, and has not looked at mail since"


def test_without_the_loop_no_alert_is_no_good_news() -> None:
    """Right after a `sync` that failed nothing stands here, and somebody who looks must not take that for health."""
    never = alert_lines([], None, now=START).splitlines()
    assert never == [
        "no alert: `reconcile run` writes them, and it never looked at mail here",
        "  next: reconcile status, which tells what fails",
    ]
    later = START + timedelta(minutes=4)
    assert alert_lines([], LOOP, now=later).splitlines() == ["no alert", STALE, "  next: reconcile status, which tells what fails now"]
    shown = alert_lines([ALERT], LOOP, now=later)
    assert STALE in shown
    assert shown.endswith("What to do:\n- Apply another password.")


@pytest.mark.parametrize("minutes", [0, 3])
def test_while_the_loop_works_it_is_the_answer(minutes: int) -> None:
    now = START + timedelta(minutes=minutes)
    assert alert_lines([], LOOP, now=now) == "no alert"
    assert "as of" not in alert_lines([ALERT], LOOP, now=now)
