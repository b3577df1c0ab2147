"""A clock that was set far forward purges nothing, until a person says that it is right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.controller.loop import Report
from reconcile.controller.retention import Retention, RetentionTools
from reconcile.model.audit_record import AuditRecord
from reconcile.model.purge import PurgeSelection
from reconcile.ports.target import AppliedResource
from reconcile.store.sqlite.correlation import SqliteCorrelation
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.store.sqlite.purge import SqlitePurge
from support.applied import Applied, StillClock
from support.correlated import World, receive

START = datetime(2026, 3, 10, tzinfo=UTC)
RECORD = AuditRecord(
    at="2026-03-10T00:00:00Z", actor="", apply_id="", action="purge", key="", result="done", source="", revision="", detail="{}"
)


@dataclass
class Keeping:
    database: Database
    world: World
    purge: SqlitePurge
    clock: StillClock = field(default_factory=lambda: StillClock(at=START))

    def run(self, retention: str = "30d") -> Report:
        applied = Applied([AppliedResource(kind="Environment", name="e", external_id="e1", spec={"retention.mail": retention})])

        @contextmanager
        def opened() -> Iterator[RetentionTools]:
            yield RetentionTools(applied=applied, purge=self.purge, record=lambda: RECORD)

        return Retention(opened=opened, clock=self.clock, stop=lambda: False).run()

    def mails(self) -> int:
        return self.purge.count(PurgeSelection(before="2999", outgoing=False)).mails


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        world = World(SqliteCorrelation(database), store, SqliteOutbox(database))
        yield Keeping(database, world, SqlitePurge(database, tmp_path))
        store.close()


def test_a_clock_that_jumped_purges_nothing_and_says_what_to_do(keeping: Keeping) -> None:
    receive(keeping.world, 1)
    assert keeping.run().stalled == ""
    keeping.clock.at += timedelta(days=365)
    report = keeping.run()
    assert "365 days ahead of 2026-03-10" in report.stalled
    assert "reconcile purge --clock-is-right" in report.stalled
    assert keeping.mails() == 1
    # Asking again does not make it right; setting the clock right does.
    assert keeping.run().stalled == report.stalled
    keeping.clock.at = START + timedelta(days=1)
    assert keeping.run().stalled == ""
    keeping.clock.at += timedelta(days=365)
    keeping.purge.believe_clock(keeping.clock.at)
    assert keeping.run().detail["purged"] == 1


def test_a_loop_that_goes_on_purges_what_gets_old(keeping: Keeping) -> None:
    receive(keeping.world, 1)
    purged = 0
    for _ in range(40):
        keeping.clock.at += timedelta(days=2)
        report = keeping.run()
        assert report.stalled == ""
        purged += int(str(report.detail["purged"]))
    assert (purged, keeping.mails()) == (1, 0)


def test_a_clock_that_was_set_back_does_not_move_the_latest_back(keeping: Keeping) -> None:
    keeping.run()
    keeping.clock.at -= timedelta(days=100)
    keeping.run()
    assert keeping.purge.believed_clock() == START
