"""What is asked about a few items costs the same whether a mailbox has hundreds of them or thousands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconcile.model.item import Appointment, ItemKind
from reconcile.model.item_edit import AddItem
from reconcile.model.item_link import Agreed, Link, LinkState
from reconcile.model.remote_id import RemoteId
from reconcile.ports.item_store import PairChange
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.items import SqliteItems

NOW = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)
ME = "sales@contoso.example"
FEW, MANY = 100, 1000


def test_questions_about_a_few_do_not_go_through_all(tmp_path: Path) -> None:
    asked: dict[str, Callable[[SqliteItems], object]] = {
        "by remote": lambda store: store.by_remote("m1", [RemoteId("x", f"r{number}") for number in range(1, 11)]),
        "by token": lambda store: store.by_token("m1", [f"t{number}" for number in range(1, 11)]),
        "by trace": lambda store: store.by_trace("m1", [f"k{number}" for number in range(1, 11)]),
        "by record": lambda store: store.by_record("m1", range(1, 11)),
        "records": lambda store: store.records(range(1, 11)),
        "meetings": lambda store: store.meetings([f"g{number}" for number in range(1, 11)]),
        "organizer": lambda store: store.organizer_linked(list(range(1, 11)), but="m1"),
    }
    efforts = []
    for count in (FEW, MANY):
        database = filled(tmp_path / f"{count}.db", count)
        try:
            efforts.append({name: effort(database, question) for name, question in asked.items()})
        finally:
            database.close()
    few, many = efforts
    assert {name for name in asked if many[name] > 2 * few[name]} == set()


def filled(path: Path, count: int) -> Database:
    """So many appointments, each linked to the same mailbox."""
    database = Database.open(path)
    store = SqliteItems(database)
    items = [
        Appointment(subject="Budget", scheduledstart=NOW, scheduledend=NOW + timedelta(hours=1), globalobjectid=f"g{number}")
        for number in range(1, count + 1)
    ]
    store.edit([AddItem(item=item, owner=ME) for item in items], at=NOW, by="crm")
    links = [
        Link(
            mailbox_id="m1",
            record_id=number,
            state=LinkState.LINKED,
            token=f"t{number}",
            remote_id=RemoteId("x", f"r{number}"),
            version="1",
            record_version=1,
            agreed=Agreed(ours=item, theirs=item),
            organized_here=True,
            trace=f"k{number}",
        )
        for number, item in enumerate(items, 1)
    ]
    changes = [PairChange(record_id=one.record_id, link=one) for one in links]
    store.commit("m1", ItemKind.APPOINTMENT, changes, at=NOW, by="mailbox")
    return database


def effort(database: Database, question: Callable[[SqliteItems], object]) -> int:
    """Steps of SQLite's machine, by fifty."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    store, connection = SqliteItems(database), database.reader()
    connection.set_progress_handler(step, 50)
    try:
        assert question(store) is not None
    finally:
        connection.set_progress_handler(None, 0)
    assert steps, "nothing was asked"
    return steps
