"""Ten failures to send in a row disable sending, and nothing but sending."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.model.condition import Condition
from reconcile.model.enablement import Direction, Enable, TestEnded
from reconcile.model.outgoing import OutboxEntry, OutgoingState
from reconcile.model.sending_report import MailboxTrouble, SendingReport
from reconcile.ports.sending_failures import SendingFailureStore
from reconcile.store.memory.enablement import MemoryEnablements
from reconcile.store.memory.sending_failures import MemorySendingFailures
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.sending_failures import SqliteSendingFailures
from reconcile.sync.counting_failures import count_sending_failures
from reconcile.sync.giving_up import giving_up
from support.applied import StillClock

SILENT = Condition(type="Ready", status=False, reason="TimedOut", message="the server was silent", since="")
TROUBLE = MailboxTrouble(mailbox_id="m1", name="sales", condition=SILENT, waiting=3, hint="look", counts=True)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SendingFailureStore]:
    if request.param == "memory":
        yield MemorySendingFailures()
        return
    with Database.open(tmp_path / "engine.db") as database:
        yield SqliteSendingFailures(database)


class World:
    def __init__(self, store: SendingFailureStore) -> None:
        self.store, self.clock, self.enablements = store, StillClock(), MemoryEnablements()

    def after(self, report: SendingReport, **passes: float) -> int:
        """Failures counted so far."""
        self.clock.pass_by(**(passes or {"minutes": 5}))
        give_up = giving_up(self.enablements)
        count_sending_failures(report, self.store, self.enablements.enablements(), give_up, now=self.clock.now())
        found = self.store.sending_failures().get("m1")
        return found.failures if found else 0


FAILED = SendingReport(troubles=(TROUBLE,))


def test_the_tenth_disables_sending(store: SendingFailureStore) -> None:
    world = World(store)
    for number in range(1, 11):
        assert world.enablements.enablements() == {}
        assert world.after(FAILED) == number
    said = world.enablements.enablements()["m1"]
    assert (said.outgoing.enabled, said.outgoing.by_failures, said.incoming.enabled) == (False, True, None)
    assert said.outgoing.why == "it failed 10 times in a row: the server was silent"
    for step in (TestEnded(direction=Direction.OUTGOING, ok=True), Enable(direction=Direction.OUTGOING, tested=True)):
        world.enablements.advance("m1", step, at=world.clock.now() + timedelta(minutes=1), by="me@contoso.example", name="sales")
    assert world.after(FAILED) == 1


def test_what_is_not_its_own_failure_and_what_comes_too_soon_does_not_count(store: SendingFailureStore) -> None:
    world = World(store)
    assert world.after(SendingReport(troubles=(replace(TROUBLE, counts=False),))) == 0
    assert [world.after(FAILED, seconds=15) for _ in range(4)] == [1, 1, 1, 1]


def test_a_mail_that_left_ends_the_row(store: SendingFailureStore, sent: OutboxEntry) -> None:
    world = World(store)
    for _ in range(9):
        world.after(FAILED)
    assert world.after(SendingReport(settled=(sent,))) == 0
    assert world.after(FAILED) == 1


@pytest.fixture
def sent() -> OutboxEntry:
    class Sent:
        mailbox_id = "m1"
        state = OutgoingState.SENT

    return Sent()  # type: ignore[return-value]
