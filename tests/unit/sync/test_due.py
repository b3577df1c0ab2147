"""When a mailbox is looked at next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import pstdev

import pytest

from reconcile.model import instant
from reconcile.model.mailbox_state import MailboxState
from reconcile.sync.due import QUIET_INTERVAL, Rhythm, interval_of, next_look, spread

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAST = "2026-03-01T11:58:00Z"
USUAL = Rhythm(interval=timedelta(minutes=5), fingerprint="f")
#: The mailbox's own share of the spread.
SOME = spread("a", USUAL.interval)


def state(**fields: object) -> MailboxState:
    return MailboxState(mailbox_id="a", **{"last_attempt": LAST, "fingerprint": "f", **fields})  # type: ignore[arg-type]


CASES = [
    ("never", None, timedelta(0), False),
    ("untouched row", state(last_attempt=""), timedelta(0), False),
    ("success", state(), timedelta(minutes=3) + SOME, False),
    ("first transient", state(error_kind="Unavailable", failures=1), timedelta(minutes=3) + SOME, False),
    ("ninth transient", state(error_kind="Unavailable", failures=9), timedelta(minutes=3) + SOME, False),
    ("server away", state(error_kind="Unavailable", about="server"), timedelta(minutes=3) + SOME, False),
    ("token endpoint away", state(error_kind="Unavailable", about="profile"), timedelta(minutes=3) + SOME, False),
    ("permanent", state(error_kind="AuthenticationRejected", permanent=True, failures=1), timedelta(hours=6, minutes=-2), True),
    ("permanent, changed since", state(error_kind="AuthenticationRejected", permanent=True, fingerprint="g"), timedelta(0), False),
    ("throttled", state(error_kind="Throttled", retry_after=600.0, failures=1), timedelta(minutes=8), False),
    ("throttled, changed since", state(error_kind="Throttled", retry_after=600.0, fingerprint="g"), timedelta(minutes=8), False),
    ("held back", state(error_kind="HeldBack", retry_after=600.0), timedelta(minutes=8), False),
    ("held back, changed since", state(error_kind="HeldBack", retry_after=600.0, fingerprint="g"), timedelta(0), False),
    ("clock set back a year", state(last_attempt="2027-03-01T12:00:00Z"), timedelta(0), False),
    ("clock set back a minute", state(last_attempt="2026-03-01T12:01:00Z"), timedelta(minutes=6) + SOME, False),
    ("clock set forward a year", state(last_attempt="2025-03-01T12:00:00Z"), timedelta(days=-365, minutes=5) + SOME, False),
]


@pytest.mark.parametrize(("name", "known", "after", "stalled"), CASES)
def test_next_look(name: str, known: MailboxState | None, after: timedelta, stalled: bool) -> None:
    due = next_look(known, USUAL, now=NOW)
    assert (due.at - NOW, due.stalled) == (after, stalled), name
    assert due.why


@pytest.mark.parametrize(("kind", "whose"), [("Throttled", "the server asked for a pause"), ("HeldBack", "we leave the account alone")])
def test_a_pause_is_told_as_the_one_of_who_keeps_it(kind: str, whose: str) -> None:
    assert next_look(state(error_kind=kind, retry_after=600.0), USUAL, now=NOW).why == whose


def test_a_clock_that_was_set_back_asks_for_one_look_not_for_ever() -> None:
    """The look writes down the new time, so the next one is as far away as ever."""
    assert next_look(state(last_attempt="2031-01-01T00:00:00Z"), USUAL, now=NOW).at == NOW
    assert next_look(state(last_attempt=instant.text(NOW)), USUAL, now=NOW).at == NOW + USUAL.interval + SOME


@pytest.mark.parametrize("day", ["2028-02-29T23:58:00Z", "2026-03-29T00:58:00Z", "2026-10-25T00:58:00Z", "2026-12-31T23:58:00Z"])
def test_leap_days_and_changed_clocks_of_zones_are_days_like_others(day: str) -> None:
    now = datetime.fromisoformat(day) + timedelta(minutes=2)
    assert next_look(state(last_attempt=day), USUAL, now=now).at - now == timedelta(minutes=3) + SOME


def test_who_is_enabled_or_tested_after_the_error_is_looked_at_now() -> None:
    failed = state(error_kind="AuthenticationRejected", permanent=True)
    for at, now in (("2026-03-01T11:57:59Z", False), ("2026-03-01T11:58:00.25Z", True), ("2026-03-01T11:59:00Z", True)):
        rhythm = Rhythm(interval=USUAL.interval, fingerprint="f", enabled_at=at)
        assert (next_look(failed, rhythm, now=NOW).at == NOW) is now, at


def test_a_server_that_came_back_frees_those_that_it_failed_and_no_others() -> None:
    back = datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    away = state(error_kind="Unavailable", about="server")
    assert next_look(away, USUAL, now=NOW, recovered=back).at == NOW
    assert next_look(away, USUAL, now=NOW, recovered=back - timedelta(minutes=5)).at > NOW
    assert next_look(state(error_kind="Unavailable", about="mailbox"), USUAL, now=NOW, recovered=back).at > NOW


def test_after_an_outage_nobody_waits_for_hours_and_nobody_storms() -> None:
    away = state(error_kind="Unavailable", about="server")
    seldom = Rhythm(interval=timedelta(hours=12), fingerprint="f")
    often = Rhythm(interval=timedelta(seconds=1), fingerprint="f")
    assert timedelta(minutes=13) <= next_look(away, seldom, now=NOW).at - NOW <= timedelta(minutes=13, seconds=30)
    assert timedelta(minutes=-1) <= next_look(away, often, now=NOW).at - NOW <= timedelta(seconds=-59)


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({"last_news": "2026-03-01T11:30:00Z"}, 5),
        ({"last_news": "2026-03-01T11:00:00Z"}, 5),
        ({"last_news": "2026-02-28T23:30:00Z"}, 8.5),
        ({"last_news": "2026-02-28T12:00:00Z"}, 12),
        ({"last_news": "2025-01-01T12:00:00Z"}, 12),
        ({"last_news": "", "looks": 3}, 5),
        ({"last_news": "", "looks": 300}, 12),
        # A clock that was set back makes nobody quiet.
        ({"last_news": "2027-01-01T12:00:00Z"}, 5),
    ],
)
def test_quiet_mailboxes_are_looked_at_less_often(fields: dict[str, object], minutes: float) -> None:
    quiet = Rhythm(interval=timedelta(minutes=5), fingerprint="f", backs_off=True)
    assert interval_of(state(**fields), quiet, now=NOW) == timedelta(minutes=minutes)
    assert interval_of(state(**fields), USUAL, now=NOW) == USUAL.interval


def test_backing_off_never_makes_it_more_often_than_declared() -> None:
    for declared in (QUIET_INTERVAL, timedelta(hours=1), timedelta(days=1)):
        rhythm = Rhythm(interval=declared, fingerprint="f", backs_off=True)
        assert interval_of(state(last_news="2025-01-01T12:00:00Z"), rhythm, now=NOW) == declared


def test_ten_thousand_that_were_looked_at_together_are_spread_over_half_a_minute() -> None:
    shares = [spread(f"mailbox-{number}", USUAL.interval).total_seconds() for number in range(10_000)]
    assert min(shares) >= 0
    assert max(shares) < 30
    assert max(sum(second <= share < second + 1 for share in shares) for second in range(30)) < 500
    assert pstdev(shares) > 8
    assert spread("a", timedelta(seconds=1)) < timedelta(seconds=0.1)
