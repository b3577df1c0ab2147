"""What every store of discovered servers keeps to: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.model.discovered_server import DiscoveredServer
from reconcile.ports.discovered_servers import DiscoveredServers
from reconcile.store.memory.discovered_servers import MemoryDiscoveredServers
from reconcile.store.sqlite.audit_trail import records
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.discovered_servers import SqliteDiscoveredServers

Reopen = Callable[[], DiscoveredServers]
ANNA = DiscoveredServer(
    mailbox_id="m-1",
    address="anna@contoso.example",
    url="https://mail.contoso.example/EWS/Exchange.asmx",
    method="json",
    at="2026-11-01T08:00:00Z",
    by="admin@contoso.example",
)
MOVED = replace(ANNA, url="https://new.contoso.example/EWS/Exchange.asmx", at="2026-11-03T08:00:00Z")


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Each call gives the store as the next process finds it."""
    if request.param == "memory":
        kept = MemoryDiscoveredServers()
        yield lambda: kept
        return
    opened: list[Database] = []

    def open_() -> DiscoveredServers:
        for database in opened:
            database.close()
        opened[:] = [Database.open(tmp_path / "engine.db")]
        return SqliteDiscoveredServers(opened[0])

    yield open_
    for database in opened:
        database.close()


def test_what_was_pinned_last_holds_for_the_next_process(reopen: Reopen) -> None:
    assert reopen().discovered() == {}
    assert reopen().pin(ANNA, name="anna") is None
    assert reopen().pin(replace(ANNA, mailbox_id="m-2"), name="ben") is None
    assert reopen().pin(MOVED, name="anna") == ANNA
    assert reopen().discovered() == {"m-1": MOVED, "m-2": replace(ANNA, mailbox_id="m-2")}


def test_another_server_is_recorded_and_the_same_again_is_not(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteDiscoveredServers(database)
        store.pin(ANNA, name="anna")
        store.pin(replace(ANNA, at="2026-11-02T08:00:00Z"), name="anna")
        store.pin(MOVED, name="anna")
        found = [(one.action, one.key, one.actor, one.detail) for one in records(database.reader())]
    assert found == [
        ("discover", "Mailbox/anna", ANNA.by, f'{{"server":"{ANNA.url}","method":"json"}}'),
        ("discover", "Mailbox/anna", ANNA.by, f'{{"server":"{MOVED.url}","method":"json","before":"{ANNA.url}"}}'),
    ]
    memory = MemoryDiscoveredServers()
    for server in (ANNA, ANNA, MOVED):
        memory.pin(server, name="anna")
    assert memory.recorded == ["anna", "anna"]


def test_a_missing_store_reads_as_empty() -> None:
    assert SqliteDiscoveredServers(None).discovered() == {}
