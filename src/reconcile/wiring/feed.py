"""Factories of the change feed and of what a CRM writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.ports.edit_store import EditStore
    from reconcile.ports.feed import FeedReader
    from reconcile.store.sqlite.database import Database


def feed_reader(database: Database | None) -> FeedReader:
    """The change feed. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.feed import MemoryFeed
        from reconcile.store.memory.mail import MemoryMailStore
        from reconcile.store.memory.outbox import MemoryOutbox

        mail = MemoryMailStore()
        return MemoryFeed(mail.log, mail, MemoryOutbox(mail.log))
    from reconcile.store.sqlite.feed import SqliteFeed

    return SqliteFeed(database)


def edit_store(database: Database) -> EditStore:
    """Edits of tracked e-mail."""
    from reconcile.store.sqlite.edits import SqliteEdits

    return SqliteEdits(database)
