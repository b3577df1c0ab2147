"""One suite for what apply must not forget: SQLite and its twin in memory."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.errors import Locked
from reconcile.model.audit_record import AuditRecord
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.ports.configuration_store import ApplyStore, Finished, Intent
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.inventory import InventoryReader
from reconcile.wiring.system import SystemClock
from support.specs import FixedClock

A, B = Key("Mailbox", "a"), Key("Mailbox", "b")

ENTRY = InventoryEntry(
    key=A,
    external_id="row-1",
    applied={"emailAddress": "a@contoso.example", "n": 1, "flag": True, "list": ("x", "ü"), "gone": None},
    answered={"emailAddress": "A@contoso.example", "gone": None},
    source_file="mailboxes/a.yaml",
    source="estate",
    revision="abc",
    applied_at="2026-01-01T00:00:00Z",
    adopted=True,
    depends_on=(Key("EmailServerProfile", "p"),),
)
AUDIT = AuditRecord(
    at="2026-01-01T00:00:00Z",
    actor="tester",
    apply_id="apply-1",
    action="create",
    key="Mailbox/a",
    result="applied",
    source="estate",
    revision="abc",
    detail="{}",
)


def intent(token: str, sequence: int = 0) -> Intent:
    return Intent(
        token=token,
        apply_id="apply-1",
        sequence=sequence,
        key=A,
        action="create",
        change='{"ü":1}',
        opened_at="2026-01-01T00:00:00Z",
        source="estate",
        revision="abc",
    )


@pytest.fixture(params=["memory", "sqlite"])
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], ApplyStore]]:
    """A function that opens the store again: what is durable is still there."""
    if request.param == "memory":
        store = MemoryConfiguration()
        yield lambda: store
        return
    opened: list[Database] = []

    def again() -> ApplyStore:
        for database in opened:
            database.close()
        opened.append(Database.open(tmp_path / "dev" / "engine.db"))
        return SqliteConfiguration(opened[-1], FixedClock())

    yield again
    for database in opened:
        database.close()


def test_an_empty_store(reopened: Callable[[], ApplyStore]) -> None:
    store = reopened()
    assert (dict(store.entries()), list(store.open_intents()), list(store.history(limit=5))) == ({}, [], [])


def test_a_missing_store_reads_as_empty() -> None:
    reader = InventoryReader(None)
    assert (reader.entries(), reader.history(limit=5)) == ({}, ())


def test_intent_then_entry_and_audit_in_one_step(reopened: Callable[[], ApplyStore]) -> None:
    reopened().begin([intent("t2", 1), intent("t1", 0)])
    store = reopened()
    assert [one.token for one in store.open_intents()] == ["t1", "t2"]
    assert store.open_intents()[0] == intent("t1", 0)
    store.finish([Finished(token="t1", audit=AUDIT, entry=ENTRY)])
    store = reopened()
    assert store.entries() == {A: ENTRY}
    assert store.entries()[A].applied["list"] == ("x", "ü")
    assert [one.token for one in store.open_intents()] == ["t2"]
    store.finish([Finished(token="t2", audit=replace(AUDIT, result="abandoned"))])
    store = reopened()
    assert store.open_intents() == []
    assert [(record.sequence, record.result) for record in store.history(limit=9)] == [(2, "abandoned"), (1, "applied")]
    assert len(store.history(limit=1)) == 1


def test_without_token_nothing_is_closed(reopened: Callable[[], ApplyStore]) -> None:
    store = reopened()
    store.begin([intent("t1")])
    store.finish([Finished(token="", audit=replace(AUDIT, result="failed"))])
    assert len(store.open_intents()) == 1
    assert len(store.history(limit=9)) == 1


def test_a_rename_moves_the_entry_and_never_takes_anothers(reopened: Callable[[], ApplyStore]) -> None:
    store = reopened()
    store.finish([Finished(token="", audit=AUDIT, entry=ENTRY)])
    renamed = ENTRY._replace(key=B)
    store.finish([Finished(token="", audit=AUDIT, entry=renamed, removed=A)])
    assert store.entries() == {B: renamed}
    other = ENTRY._replace(external_id="row-2")
    store.finish([Finished(token="", audit=AUDIT, entry=other)])
    # The same rename closed a second time, after the slug went to another row.
    store.finish([Finished(token="", audit=AUDIT, entry=renamed, removed=A)])
    assert store.entries() == {A: other, B: renamed}
    store.finish([Finished(token="", audit=AUDIT, removed=A)])
    assert store.entries() == {B: renamed}


def test_one_holds_the_lock(reopened: Callable[[], ApplyStore]) -> None:
    store = reopened()
    with (
        store.lock(owner="anna@contoso.example", purpose="apply", patience=0),
        pytest.raises(Locked, match=r"anna@contoso\.example"),
        store.lock(owner="b", purpose="apply", patience=0),
    ):
        pass
    with store.lock(owner="b", purpose="apply", patience=0):
        pass


def test_the_audit_trail_cannot_be_rewritten(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        SqliteConfiguration(database, FixedClock()).finish([Finished(token="", audit=AUDIT)])
    connection = sqlite3.connect(tmp_path / "engine.db")
    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_waiting_for_the_lock_ends(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteConfiguration(database, SystemClock())
        with store.lock(owner="a", purpose="apply", patience=0):
            started = time.monotonic()
            with pytest.raises(Locked), store.lock(owner="b", purpose="apply", patience=0.3):
                pass
            assert 0.25 <= time.monotonic() - started < 5
