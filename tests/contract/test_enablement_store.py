"""What every store of approvals, tests and enabling keeps to: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconcile.errors import UserError
from reconcile.model.enablement import (
    Approval,
    Approve,
    Direction,
    Disable,
    Enable,
    Enablement,
    EnablementStep,
    Reject,
    TestEnded,
    TestStatus,
)
from reconcile.ports.enablement_store import EnablementStore
from reconcile.store.memory.enablement import MemoryEnablements
from reconcile.store.sqlite.audit_trail import records
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.enablement import SqliteEnablements
from support.applied import START

Reopen = Callable[[], EnablementStore]
IN, OUT = Direction.INCOMING, Direction.OUTGOING


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Each call gives the store as the next process finds it."""
    if request.param == "memory":
        kept = MemoryEnablements()
        yield lambda: kept
        return
    opened: list[Database] = []

    def open_() -> EnablementStore:
        for database in opened:
            database.close()
        opened[:] = [Database.open(tmp_path / "engine.db")]
        return SqliteEnablements(opened[0])

    yield open_
    for database in opened:
        database.close()


def step(store: EnablementStore, taken: EnablementStep, mailbox: str = "box1") -> Enablement:
    return store.advance(mailbox, taken, at=START, by="me@contoso.example", name="sales")


def test_nothing_is_said_at_first(reopen: Reopen) -> None:
    assert reopen().enablements() == {}


def test_an_approval_is_kept_with_who_and_for_which_address(reopen: Reopen) -> None:
    after = step(reopen(), Approve(address="sales@contoso.example"))
    assert reopen().enablements() == {"box1": after}
    assert (after.approval, after.address, after.decided_by) == (Approval.APPROVED, "sales@contoso.example", "me@contoso.example")
    assert step(reopen(), Reject(address="sales@contoso.example")).approval is Approval.REJECTED


def test_directions_are_told_apart(reopen: Reopen) -> None:
    store = reopen()
    step(store, TestEnded(direction=IN, ok=False, step="sign-in", why="refused", hint="Mend it."))
    step(store, TestEnded(direction=OUT, ok=True))
    step(store, Enable(direction=OUT, tested=True))
    step(store, Disable(direction=IN, why="left", hint="h", by_failures=True), mailbox="box2")
    found = reopen().enablements()
    assert found["box1"].incoming.status is TestStatus.FAILURE
    assert (found["box1"].incoming.step, found["box1"].incoming.why, found["box1"].incoming.enabled) == ("sign-in", "refused", None)
    assert (found["box1"].outgoing.status, found["box1"].outgoing.enabled) == (TestStatus.SUCCESS, True)
    assert (found["box2"].incoming.enabled, found["box2"].incoming.by_failures, found["box2"].outgoing.enabled) == (False, True, None)


def test_what_was_not_tested_is_not_enabled_by_its_test(reopen: Reopen) -> None:
    store = reopen()
    with pytest.raises(UserError, match="no test ran"):
        step(store, Enable(direction=IN, tested=True))
    step(store, TestEnded(direction=IN, ok=False, step="connect", why="nobody answers"))
    with pytest.raises(UserError, match="nobody answers"):
        step(store, Enable(direction=IN, tested=True))
    assert reopen().enablements()["box1"].incoming.enabled is None
    assert step(reopen(), Enable(direction=IN, tested=False)).incoming.enabled is True


def test_a_test_does_not_replace_why_a_person_disabled_it(reopen: Reopen) -> None:
    step(reopen(), Disable(direction=IN, why="spam wave (me)"))
    step(reopen(), TestEnded(direction=IN, ok=False, step="sign-in", why="refused"))
    leg = reopen().enablements()["box1"].incoming
    assert (leg.enabled, leg.why, leg.status, leg.step) == (False, "spam wave (me)", TestStatus.FAILURE, "sign-in")
    with pytest.raises(UserError, match="failed at sign-in"):
        step(reopen(), Enable(direction=IN, tested=True))


def test_enabling_ends_what_disabled_it(reopen: Reopen) -> None:
    step(reopen(), Disable(direction=IN, why="ten failures in a row", by_failures=True))
    after = step(reopen(), Enable(direction=IN, tested=False)).incoming
    assert (after.enabled, after.why, after.by_failures) == (True, "", False)


def test_each_step_that_changes_something_stands_in_the_audit_trail(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteEnablements(database)
        for _ in range(2):
            step(store, Approve(address="sales@contoso.example"))
        step(store, Disable(direction=IN, why="left"))
        with database.snapshot() as connection:
            told = [(one.action, one.key, one.actor, one.detail) for one in records(connection)]
    assert told == [
        ("approve", "Mailbox/sales", "me@contoso.example", '{"address":"sales@contoso.example"}'),
        ("disable", "Mailbox/sales", "me@contoso.example", '{"direction":"incoming","why":"left","by_failures":false}'),
    ]
