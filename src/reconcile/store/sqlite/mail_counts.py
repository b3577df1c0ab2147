"""Counts of mail in the environment's SQLite file. Reads only; a missing store reads as empty."""

from __future__ import annotations

from reconcile.ports.mail_counts import Moved
from reconcile.store.sqlite.database import Database, translated

# Compared by whole seconds: fractions are written only where there are any, so that longer texts do not compare.
_TRACKED = (
    "SELECT count(DISTINCT location.activity_id) FROM mail_locations AS location"
    " JOIN mail_activities AS activity ON activity.id = location.activity_id"
    " WHERE location.mailbox_id = ? AND substr(activity.tracked_at, 1, 19) >= substr(?, 1, 19)"
)
# A mail that was sent and then failed for good at another recipient reached somebody all the same.
_SENT = (
    "SELECT DISTINCT outbox.id FROM outbox JOIN outbox_event AS event ON event.entry = outbox.id"
    " WHERE outbox.mailbox_id = ? AND event.to_state = ? AND substr(event.at, 1, 19) >= substr(?, 1, 19) ORDER BY outbox.id"
)
_PASSED_OVER = "SELECT ignored, last_success FROM mail_mailboxes WHERE mailbox_id = ?"


class SqliteMailCounts:
    """See `MailCounts`."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def moved(self, mailbox_id: str, since: str) -> Moved:
        if self._database is None:
            return Moved(tracked=0, sent=(), uncertain=())
        with translated(self._database.path), self._database.snapshot() as connection:
            (tracked,) = connection.execute(_TRACKED, (mailbox_id, since)).fetchone()
            sent, uncertain = (
                tuple(row[0] for row in connection.execute(_SENT, (mailbox_id, state, since))) for state in ("sent", "uncertain")
            )
        return Moved(tracked=tracked, sent=sent, uncertain=tuple(number for number in uncertain if number not in sent))

    def passed_over(self, mailbox_id: str) -> int | None:
        if self._database is None:
            return None
        with translated(self._database.path):
            row = self._database.reader().execute(_PASSED_OVER, (mailbox_id,)).fetchone()
        return 0 if row is not None and row["ignored"] == 0 and row["last_success"] else None
