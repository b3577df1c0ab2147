"""When a mailbox is looked at next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconcile.model.mailbox_state import MailboxState
from reconcile.sync.due import next_look

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAST = "2026-03-01T11:58:00Z"


def state(**fields: object) -> MailboxState:
    return MailboxState(mailbox_id="a", **{"last_attempt": LAST, "fingerprint": "f", **fields})  # type: ignore[arg-type]


CASES = [
    ("never", None, timedelta(0), False),
    ("untouched row", state(last_attempt=""), timedelta(0), False),
    ("success", state(), timedelta(minutes=3), False),
    ("first transient", state(error_kind="Unavailable", failures=1), timedelta(minutes=-1), False),
    ("third transient", state(error_kind="Unavailable", failures=3), timedelta(minutes=3), False),
    ("tenth transient", state(error_kind="Unavailable", failures=10), timedelta(minutes=58), False),
    ("thousandth transient", state(error_kind="Unavailable", failures=1000), timedelta(minutes=58), False),
    ("permanent", state(error_kind="AuthenticationRejected", permanent=True, failures=1), timedelta(hours=6, minutes=-2), True),
    ("permanent, changed since", state(error_kind="AuthenticationRejected", permanent=True, fingerprint="g"), timedelta(0), False),
    ("throttled", state(error_kind="Throttled", retry_after=600.0, failures=1), timedelta(minutes=8), False),
    ("throttled, changed since", state(error_kind="Throttled", retry_after=600.0, fingerprint="g"), timedelta(minutes=8), False),
    ("clock set back", state(last_attempt="2027-01-01T00:00:00Z"), timedelta(minutes=5), False),
]


@pytest.mark.parametrize(("name", "known", "after", "stalled"), CASES)
def test_next_look(name: str, known: MailboxState | None, after: timedelta, stalled: bool) -> None:
    due = next_look(known, interval=timedelta(minutes=5), fingerprint="f", now=NOW)
    assert (due.at - NOW, due.stalled) == (after, stalled), name
    assert due.why
