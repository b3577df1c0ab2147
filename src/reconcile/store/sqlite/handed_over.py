"""How much each account has handed over in the last day."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from functools import partial

from reconcile.model.sending_limits import SendingLimits, exhausted
from reconcile.ports.outbox_store import refuse_exhausted
from reconcile.store.sqlite.outbox_text import text


def count(connection: sqlite3.Connection, limits: SendingLimits, at: datetime) -> None:
    """Count one message of the account, or refuse it."""
    refuse_exhausted(exhausted(limits, partial(newest, connection, limits.account), now=at), at)
    # Of every account: the name of one that never sends again is not kept.
    connection.execute("DELETE FROM outbox_handed_over WHERE at < ?", (text(at - timedelta(hours=25)),))
    connection.execute("INSERT INTO outbox_handed_over (account, at) VALUES (?, ?)", (limits.account, text(at)))


def newest(connection: sqlite3.Connection, account: str, number: int) -> datetime | None:
    """When it handed over its `number`-th newest message, None when there were fewer."""
    row = connection.execute(
        "SELECT at FROM outbox_handed_over WHERE account = ? ORDER BY at DESC LIMIT 1 OFFSET ?", (account, number - 1)
    ).fetchone()
    return None if row is None else datetime.fromisoformat(row["at"])
