"""What is wrong with appointments, contacts and tasks, for status and alerts. Loads nothing of them where nobody asks for any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.status import ItemFinding


def item_findings(database: Database | None, *, counted_too: bool = False) -> Mapping[str, ItemFinding]:
    """By mailbox id, of mailboxes for which they are asked. `counted_too` as there."""
    from reconcile.sync.decide.items_asked import asking
    from reconcile.wiring.applied import applied_state

    resources = applied_state(database).resources()
    names = {one.external_id: one.name for one in asking(resources)}
    if database is None or not names:
        return {}
    from reconcile.sync.items.status import item_findings as findings
    from reconcile.wiring.items import item_reader

    reader = item_reader(database)
    return findings(reader.places(), reader.asides(), names, counted_too=counted_too)
