"""One look at one kind of items of one mailbox: what a dead one left, changes in, changes out."""

from __future__ import annotations

from contextlib import closing, suppress

from reconcile.errors import ReconcileError
from reconcile.model.item import ItemKind
from reconcile.sync.items.acting import carry_out
from reconcile.sync.items.aside import known_asides, remember, resting, try_unread
from reconcile.sync.items.listing import take_changes
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.recovering import confirm, recover


def look_at_items(mailbox: ItemMailbox, kind: ItemKind, tools: ItemTools, counts: ItemCounts) -> None:
    """Raises as the connector and the store do; `counts` has what was done until then. The caller holds the mailbox."""
    with closing(tools.connect(mailbox, kind)) as collection:
        now, known = tools.clock.now(), known_asides(mailbox, kind, tools)
        mine, whole = ItemCounts(), False
        try:
            recover(mailbox, collection, tools, mine)
            if take_changes(mailbox, collection, tools, mine) and not tools.stopping():
                confirm(mailbox, collection, tools, mine)
                try_unread(known, mailbox, collection, tools, mine, now)
                carry_out(mailbox, collection, tools, mine, resting(known, tools, now))
                whole = not tools.stopping()
        except Exception:
            # What failed first is what people hear of.
            with suppress(ReconcileError):
                remember(known, mailbox, kind, tools, mine, now, whole=False)
            raise
        finally:
            counts.add(mine)
        remember(known, mailbox, kind, tools, mine, now, whole=whole)
