"""A store from before traces were kept: the next look learns them, and does nothing else."""

from __future__ import annotations

from pathlib import Path

from reconcile.model.item import ItemKind, Task
from reconcile.model.remote_id import RemoteId
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.items import SqliteItems
from reconcile.sync.decide.two_way_rules import TRACKED
from support.items import ItemWorld
from support.older_store import make_older

MARK = frozenset({TRACKED})


def test_what_came_in_before_is_known_again_however_it_moves(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    with Database.open(path) as database:
        world = ItemWorld(store=SqliteItems(database))
        world.server.tells = False
        there = [world.server.put(ItemKind.TASK, Task(subject=str(number)), categories=MARK) for number in range(12)]
        own = world.add(Task(subject="own"))
        world.look()
        before = [*world.store.items()]
        (first,) = world.store.by_remote("m1", [RemoteId("memory", str(there[0]))]).values()
    make_older(path, 22)
    with Database.open(path) as database:
        world.store = SqliteItems(database)
        world.server.requests.clear()
        assert not world.look().anything
        # The task that was made, and everything that is linked, by the hundred.
        assert world.server.requests.count("read") == 2
        assert [*world.store.items()] == before
        traces = {link.trace for record in before for link in world.store.links_of(record.id) if record.id != own}
        assert len(traces - {""}) == len(there)
        world.server.requests.clear()
        assert not world.look().anything
        assert "read" not in world.server.requests
        away = world.server.move(there[0], "elsewhere")
        world.look()
        world.server.touch(away, Task(subject="edited while it was away"))
        world.server.move(away, "")
        world.look()
        assert [record.id for record in world.store.items()] == [record.id for record in before]
        assert world.record(first.record_id).item == Task(subject="edited while it was away")
