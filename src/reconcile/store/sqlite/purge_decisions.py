"""What goes with purged mail: decisions on mail that was not tracked, and messages in quarantine, of the same age and mailbox."""

from __future__ import annotations

import sqlite3

from reconcile.model.purge import PurgeSelection
from reconcile.store.sqlite.quarantine import release


def forget_decisions(connection: sqlite3.Connection, selection: PurgeSelection, at: str) -> None:
    """In the transaction that purges. One single activity takes its own decisions with it by itself."""
    conditions, values = list[str](), list[str]()
    if selection.before is not None:
        conditions.append("received < ?")
        values.append(selection.before)
    if selection.mailbox_id is not None:
        conditions.append("mailbox_id = ?")
        values.append(selection.mailbox_id)
    if not conditions:
        return
    where = " AND ".join(conditions)
    held = connection.execute(f"SELECT id FROM mail_quarantine WHERE {where}", values).fetchall()
    release(connection, [row[0] for row in held], at=at)
    connection.execute(f"DELETE FROM mail_decisions WHERE activity_id IS NULL AND {where}", values)
