"""Whether there is any outgoing mail at all."""

from __future__ import annotations

from reconcile.store.sqlite.database import Database, translated


def holds_mail(database: Database) -> bool:
    """Whether somebody queued a mail that was not purged since: whatever became of it, there may be something to do for it."""
    with translated(database.path):
        return database.reader().execute("SELECT 1 FROM outbox LIMIT 1").fetchone() is not None
