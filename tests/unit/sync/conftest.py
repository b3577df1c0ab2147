"""What tests of looks at items share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.ports.item_store import ItemStore
from reconcile.store.memory.items import MemoryItemStore
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.items import SqliteItems
from support.items import ItemWorld


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ItemWorld]:
    """A mailbox, over each store."""
    if request.param == "memory":
        yield ItemWorld(store=MemoryItemStore())
        return
    with Database.open(tmp_path / "engine.db") as database:
        store: ItemStore = SqliteItems(database)
        yield ItemWorld(store=store)
