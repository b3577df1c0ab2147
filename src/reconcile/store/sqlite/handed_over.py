"""How much each account has handed over in the last day."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from functools import partial

from reconcile.model.outbox_step import Begin, GiveBack, Reserve, Step
from reconcile.model.sending_limits import exhausted
from reconcile.ports.outbox_store import LONGEST_LEASE, refuse_exhausted
from reconcile.store.sqlite.outbox_text import text


def count(connection: sqlite3.Connection, step: Step, at: datetime) -> None:
    """Count one message of the account where a step begins to hand it over, or refuse it; one less where it does not after all."""
    match step:
        case Reserve(limits=limits) | Begin(limits=limits) if limits.account:
            refuse_exhausted(exhausted(limits, partial(newest, connection, limits.account), now=at), at)
            connection.execute("INSERT INTO outbox_handed_over (account, at) VALUES (?, ?)", (limits.account, text(at)))
        case GiveBack(limits=limits, counted_at=datetime() as counted):
            account = limits.account if limits is not None else _counted_then(connection, counted)
            connection.execute(
                "DELETE FROM outbox_handed_over WHERE id = (SELECT id FROM outbox_handed_over WHERE account = ? AND at = ? LIMIT 1)",
                (account, text(counted)),
            )
        case _:
            pass


def _counted_then(connection: sqlite3.Connection, at: datetime) -> str:
    """ "" where several were: to take from another account would let it send more than it may."""
    found = connection.execute("SELECT DISTINCT account FROM outbox_handed_over WHERE at = ? LIMIT 2", (text(at),)).fetchall()
    return str(found[0]["account"]) if len(found) == 1 else ""


def tidy(connection: sqlite3.Connection, until: datetime) -> None:
    """Of every account: the name of one that never sends again is not kept. `until` is at most LONGEST_LEASE from now."""
    connection.execute("DELETE FROM outbox_handed_over WHERE at < ?", (text(until - LONGEST_LEASE - timedelta(hours=25)),))


def newest(connection: sqlite3.Connection, account: str, number: int) -> datetime | None:
    """When it handed over its `number`-th newest message, None when there were fewer."""
    row = connection.execute(
        "SELECT at FROM outbox_handed_over WHERE account = ? ORDER BY at DESC LIMIT 1 OFFSET ?", (account, number - 1)
    ).fetchone()
    return None if row is None else datetime.fromisoformat(row["at"])
