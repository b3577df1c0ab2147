"""Factories of the directory of parties."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.ports.party_directory import PartyReader, PartyStore
    from reconcile.ports.queue_items import QueueItemReader
    from reconcile.store.sqlite.database import Database


def party_reader(database: Database | None) -> PartyReader:
    """Who stands behind an address. A missing store reads as empty."""
    from reconcile.store.sqlite.parties import SqliteParties

    return SqliteParties(database)


def party_store(database: Database) -> PartyStore:
    """The directory, to be written."""
    from reconcile.store.sqlite.parties import SqliteParties

    return SqliteParties(database)


def queue_items(database: Database | None) -> QueueItemReader:
    """Which tracked e-mail waits in which queue. A missing store reads as empty."""
    from reconcile.store.sqlite.queue_items import SqliteQueueItems

    return SqliteQueueItems(database)
