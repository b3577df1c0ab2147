"""One look at one kind of items of one mailbox: what a dead one left, changes in, changes out."""

from __future__ import annotations

from reconcile.model.item import ItemKind
from reconcile.sync.items.acting import carry_out
from reconcile.sync.items.listing import take_changes
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.recovering import confirm, recover


def look_at_items(mailbox: ItemMailbox, kind: ItemKind, tools: ItemTools, counts: ItemCounts) -> None:
    """Raises as the connector and the store do; `counts` has what was done until then. The caller holds the mailbox."""
    collection = tools.connect(mailbox, kind)
    try:
        recover(mailbox, collection, tools, counts)
        take_changes(mailbox, collection, tools, counts)
        if not tools.stopping():
            confirm(mailbox, collection, tools, counts)
            carry_out(mailbox, collection, tools, counts)
    finally:
        collection.close()
