"""Factory of what purges mail, and the mailboxes that can be named for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.ports.mail_purge import MailPurge
    from reconcile.store.sqlite.database import Database


def mail_purge(database: Database) -> MailPurge:
    """Rows in the database, bytes in packs beside it."""
    from reconcile.store.sqlite.purge import SqlitePurge

    return SqlitePurge(database, database.path.parent)


def holding_mailboxes(database: Database) -> Sequence[tuple[str, str, str, bool]]:
    """(id, name, address, still applied) of every mailbox that is applied or holds mail."""
    from reconcile.store.sqlite.former_mailboxes import former_mailboxes
    from reconcile.wiring.applied import applied_state

    applied = [one for one in applied_state(database).resources() if one.kind == "Mailbox"]
    here = [(one.external_id, one.name, str(one.spec.get("emailAddress", "")), True) for one in applied]
    return [*here, *((identity, name, address, False) for identity, name, address in former_mailboxes(database))]
