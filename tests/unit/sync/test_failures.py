"""What a failure means for a mailbox: a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconcile.errors import (
    AuthenticationRejected,
    BlockedByTenant,
    CursorInvalid,
    PermanentError,
    PermissionDenied,
    ReconcileError,
    SettingsError,
    Throttled,
    TimedOut,
    Unavailable,
)
from reconcile.sync.decide.failures import ATTEMPTS, Verdict, exhausted, failures_after, verdict

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COUNTED = Verdict(about="mailbox", counts=True, permanent=False)


@pytest.mark.parametrize(
    ("error", "about", "counts", "permanent"),
    [
        (Unavailable("x"), "mailbox", True, False),
        (TimedOut("x"), "mailbox", True, False),
        (Unavailable("x", about="account"), "account", True, False),
        (CursorInvalid("x"), "mailbox", True, False),
        (None, "mailbox", True, False),
        (AuthenticationRejected("x"), "account", False, True),
        (PermissionDenied("x"), "mailbox", False, True),
        (SettingsError("x"), "mailbox", False, True),
        (Unavailable("x", about="server"), "server", False, False),
        (TimedOut("x", about="server"), "server", False, False),
        # A certificate that expired is renewed at the server, and nobody tells us.
        (PermanentError("x", about="server"), "server", False, False),
        (Unavailable("x", about="profile"), "profile", False, False),
        (AuthenticationRejected("x", about="profile"), "profile", False, False),
        (BlockedByTenant("x"), "profile", False, False),
        (Throttled("x", retry_after=1), "account", False, False),
        (Throttled("x", retry_after=1, about="server"), "server", False, False),
    ],
)
def test_verdict(error: ReconcileError | None, about: str, counts: bool, permanent: bool) -> None:
    assert verdict(error) == Verdict(about=about, counts=counts, permanent=permanent)  # type: ignore[arg-type]


def test_ten_in_a_row_five_minutes_apart_and_no_sooner() -> None:
    failures, at, now = 0, "", NOW
    for number in range(1, ATTEMPTS + 1):
        assert not exhausted(failures)
        failures, at = failures_after(failures, at, COUNTED, anew=False, now=now)
        assert failures == number
        now += timedelta(minutes=5)
    assert exhausted(failures)


def test_who_tries_again_and_again_counts_once() -> None:
    failures, at = failures_after(0, "", COUNTED, anew=False, now=NOW)
    for second in range(0, 270, 10):
        assert failures_after(failures, at, COUNTED, anew=False, now=NOW + timedelta(seconds=second)) == (1, at)
    assert failures_after(failures, at, COUNTED, anew=False, now=NOW + timedelta(seconds=280))[0] == 2


def test_an_outage_neither_counts_nor_forgets() -> None:
    outage = verdict(Unavailable("x", about="server"))
    assert failures_after(7, "2026-03-01T11:00:00Z", outage, anew=False, now=NOW) == (7, "2026-03-01T11:00:00Z")


def test_enabling_begins_anew() -> None:
    assert failures_after(ATTEMPTS, "2026-03-01T11:00:00Z", COUNTED, anew=True, now=NOW)[0] == 1
    assert failures_after(ATTEMPTS, "2026-03-01T11:00:00Z", verdict(Unavailable("x", about="server")), anew=True, now=NOW) == (0, "")


def test_a_clock_that_was_set_back_stops_no_counting() -> None:
    assert failures_after(3, "2027-03-01T11:00:00Z", COUNTED, anew=False, now=NOW) == (4, "2026-03-01T12:00:00Z")
