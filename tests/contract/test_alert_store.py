"""What every store of alerts keeps to: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.model.alert import AlertLevel, Cause, Mailed
from reconcile.model.left_alone import LeftAlone
from reconcile.model.loop_sign import LoopSign
from reconcile.ports.alert_store import AlertStore
from reconcile.store.memory.alerts import MemoryAlerts
from reconcile.store.sqlite.alerts import SqliteAlerts
from reconcile.store.sqlite.database import Database
from support.applied import START

Reopen = Callable[[], AlertStore]
LONG_AGO = START - timedelta(days=30)


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Each call gives the store as the next process finds it."""
    if request.param == "memory":
        kept = MemoryAlerts()
        yield lambda: kept
        return
    opened: list[Database] = []

    def open_() -> AlertStore:
        for database in opened:
            database.close()
        opened[:] = [Database.open(tmp_path / "engine.db")]
        return SqliteAlerts(opened[0])

    yield open_
    for database in opened:
        database.close()


def cause(about: str, level: AlertLevel = AlertLevel.ERROR, *, text: str = "wrong", code: str = "X") -> Cause:
    return Cause(level=level, code=code, text=text, hint="mend it", kind="Mailbox", about=about, name=f"name of {about}", owner="o")


def test_one_alert_for_each_cause_and_not_for_each_time(reopen: Reopen) -> None:
    for minute in range(5):
        now = START + timedelta(minutes=minute)
        reopen().observe([cause("a", text=f"try {minute}"), cause("a", code="Y")], now=now, keep_from=LONG_AGO)
    first, second = sorted(reopen().alerts(), key=lambda alert: alert.cause.code)
    assert (first.cause.text, first.count, first.since, first.seen) == ("try 4", 5, "2026-03-01T08:00:00Z", "2026-03-01T08:04:00Z")
    assert (second.cause, second.ended) == (cause("a", code="Y"), "")


def test_it_ends_when_it_is_over_and_begins_anew_when_it_comes_back(reopen: Reopen) -> None:
    reopen().observe([cause("a")], now=START, keep_from=LONG_AGO)
    reopen().observe([], now=START + timedelta(minutes=1), keep_from=LONG_AGO)
    assert reopen().alerts() == []
    (over,) = reopen().alerts(ended=True)
    assert (over.ended, over.count) == ("2026-03-01T08:01:00Z", 1)
    reopen().observe([cause("a")], now=START + timedelta(minutes=2), keep_from=LONG_AGO)
    (now,) = reopen().alerts()
    assert (now.since, now.count, now.id != over.id) == ("2026-03-01T08:02:00Z", 1, True)
    assert [alert.id for alert in reopen().alerts(ended=True)] == [now.id, over.id]


def test_those_that_ended_are_kept_for_as_long_as_is_asked(reopen: Reopen) -> None:
    reopen().observe([cause("a")], now=START, keep_from=LONG_AGO)
    reopen().observe([], now=START, keep_from=LONG_AGO)
    later = START + timedelta(days=30)
    reopen().observe([], now=later, keep_from=later - timedelta(days=30))
    assert len(reopen().alerts(ended=True)) == 1
    reopen().observe([], now=later, keep_from=later - timedelta(days=29))
    assert reopen().alerts(ended=True) == []


def test_errors_come_first_then_the_newest(reopen: Reopen) -> None:
    reopen().observe([cause("i", AlertLevel.INFORMATION), cause("e")], now=START, keep_from=LONG_AGO)
    later = [cause("i", AlertLevel.INFORMATION), cause("e"), cause("w", AlertLevel.WARNING), cause("f")]
    reopen().observe(later, now=START + timedelta(minutes=1), keep_from=LONG_AGO)
    assert [alert.cause.about for alert in reopen().alerts()] == ["f", "e", "w", "i"]


def test_a_sign_of_life_is_the_last_one(reopen: Reopen) -> None:
    assert reopen().loop() is None
    for minute in (0, 3):
        reopen().sign(LoopSign(since=START, seen=START + timedelta(minutes=minute)))
    sign = reopen().loop()
    assert sign is not None
    assert (sign.since, sign.seen) == (START, START + timedelta(minutes=3))
    assert sign.runs(START + timedelta(minutes=5))
    assert not sign.runs(START + timedelta(minutes=7))


def test_a_missing_store_reads_as_empty() -> None:
    assert (SqliteAlerts(None).alerts(ended=True), SqliteAlerts(None).loop()) == ([], None)


def test_what_somebody_was_written_is_kept_with_the_alert(reopen: Reopen) -> None:
    profile = replace(cause("p1", code="ProfileFailing"), kind="EmailServerProfile")
    reopen().observe([cause("a"), profile], now=START, keep_from=LONG_AGO)
    (alert,) = reopen().alerts(kind="EmailServerProfile")
    assert (alert.cause, alert.mailed) == (profile, Mailed.NOTHING)
    reopen().mailed(alert.id, Mailed.BEGAN)
    reopen().observe([], now=START + timedelta(minutes=1), keep_from=LONG_AGO)
    assert reopen().alerts(kind="EmailServerProfile") == []
    assert [one.mailed for one in reopen().alerts(ended=True, kind="EmailServerProfile")] == [Mailed.BEGAN]
    assert [one.mailed for one in reopen().alerts(ended=True, kind="Mailbox")] == [Mailed.NOTHING]
    assert len(reopen().alerts(ended=True)) == 2


def test_what_is_left_alone_is_kept_as_it_was_said_last(reopen: Reopen) -> None:
    assert list(reopen().left_alone()) == []
    server = LeftAlone(
        kind="server", name="imap.contoso.example:993", why="no route", hint="look", since="2026-03-01T07:00:00Z", again_at=START
    )
    account = LeftAlone(kind="account", name="x/sales", why="it asked", hint="", since="", again_at=START + timedelta(seconds=90.5))
    reopen().leave_alone([server, account])
    assert list(reopen().left_alone()) == [server, account]
    reopen().leave_alone([account])
    assert list(reopen().left_alone()) == [account]
    reopen().leave_alone([])
    assert list(reopen().left_alone()) == []
