"""Factories of what keeps appointments, contacts and tasks, and of what keeps them in step with mailboxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.model.item import ItemKind
    from reconcile.ports.clock import Clock
    from reconcile.ports.collection import Collection
    from reconcile.ports.item_store import ItemReader, ItemStore
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.item_intake import ItemIntake
    from reconcile.sync.items.mailbox import ItemMailbox, ItemTools


def item_reader(database: Database | None) -> ItemReader:
    """Records, their ties to mailboxes, conflicts. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.items import MemoryItemStore

        return MemoryItemStore()
    return item_store(database)


def item_store(database: Database) -> ItemStore:
    """Everything a look needs, and edits."""
    from reconcile.store.sqlite.items import SqliteItems

    return SqliteItems(database)


def item_intake(database: Database, by: str) -> ItemIntake:
    """Edits in batches; `by` is recorded with each."""
    from reconcile.sync.item_intake import ItemIntake
    from reconcile.wiring.system import SystemClock

    return ItemIntake(edits=item_store(database), clock=SystemClock(), by=by)


def collections(settings: Settings, database: Database) -> Callable[[ItemMailbox, ItemKind], Collection] | None:
    """Opens folders of mailboxes, None while no connector can: what is declared for one then is refused by name."""
    del settings, database
    return None


def item_tools(settings: Settings, database: Database, clock: Clock, stopping: Callable[[], bool] = lambda: False) -> ItemTools | None:
    """What a look works with, None where no connector can."""
    from reconcile.sync.items.mailbox import ItemTools
    from reconcile.wiring.system import mint

    connect = collections(settings, database)
    if connect is None:
        return None
    return ItemTools(store=item_store(database), connect=connect, clock=clock, mint=mint, stopping=stopping)
