"""Factories of alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.ports.alert_store import AlertReader, AlertStore
    from reconcile.ports.sending_failures import SendingFailureStore
    from reconcile.store.sqlite.database import Database


def alert_reader(database: Database | None) -> AlertReader:
    """A missing store reads as empty."""
    from reconcile.store.sqlite.alerts import SqliteAlerts

    return SqliteAlerts(database)


def alert_store(database: Database) -> AlertStore:
    """For who writes them."""
    from reconcile.store.sqlite.alerts import SqliteAlerts

    return SqliteAlerts(database)


def sending_failures(database: Database) -> SendingFailureStore:
    """Failures to send that count toward ten."""
    from reconcile.store.sqlite.sending_failures import SqliteSendingFailures

    return SqliteSendingFailures(database)
