"""Mailboxes that are no longer applied, as they were called last."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.store.sqlite.database import Database

_FORMER = (
    "SELECT former.mailbox_id, former.name, former.address FROM mail_former AS former UNION"
    " SELECT held.mailbox_id, '', '' FROM (SELECT mailbox_id FROM mail_locations UNION SELECT mailbox_id FROM outbox"
    " UNION SELECT mailbox_id FROM item_link) AS held"
    " WHERE NOT EXISTS (SELECT 1 FROM mail_former WHERE mailbox_id = held.mailbox_id)"
    " AND NOT EXISTS (SELECT 1 FROM resource WHERE external_id = held.mailbox_id) ORDER BY 2, 1"
)


def former_mailboxes(database: Database) -> Sequence[tuple[str, str, str]]:
    """(id, name, address); of one that left before names were kept, the id alone."""
    return [(row[0], row[1], row[2]) for row in database.reader().execute(_FORMER)]
