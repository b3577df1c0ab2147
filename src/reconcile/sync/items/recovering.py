"""What a look that died was about to do: found out before anything else is done.

A create may have been carried out, and the item that bears its token says so. An update or deletion that was carried out has moved the
version, and shows as a change; one that was not is decided again.
"""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.item_link import Agreed
from reconcile.model.item_record import ItemState, Record
from reconcile.ports.collection import Collection, RemoteItem, Stored
from reconcile.ports.item_store import IntentKind, ItemIntent, PairChange
from reconcile.sync.decide.two_way_merge import as_ours
from reconcile.sync.items.acting import made_link
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import normalised


def recover(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    """Every open intent is over afterwards. Raises as the collection and the store do."""
    for intent in tools.store.intents(mailbox.mailbox_id, collection.kind):
        change = PairChange(record_id=intent.record_id, settled=intent.token)
        if intent.action is IntentKind.CREATE and (found := collection.find(intent.token)) is not None:
            change = _found(intent, normalised(found, tools.clock.now()), mailbox, collection, tools)
            counts.created += 1
        tools.store.commit(mailbox.mailbox_id, collection.kind, [change], at=tools.clock.now(), by=f"mailbox {mailbox.address}")


def _found(intent: ItemIntent, found: RemoteItem, mailbox: ItemMailbox, collection: Collection, tools: ItemTools) -> PairChange:
    """Tied in the state in which it was made: whatever became of either side since is seen by the listing and the deciding that follow."""
    begun = intent.content if intent.content is not None else as_ours(found.item)
    record = tools.store.item(intent.record_id) or Record(
        id=intent.record_id, item=begun, owner=mailbox.address, state=ItemState.OPEN, version=0, created_at="", edited_at="", edited_by=""
    )
    stored = Stored(remote_id=found.listed.remote_id, version="")
    link = made_link(record, stored, mailbox, collection, token=intent.token, agreed=Agreed(ours=begun, theirs=begun))
    # 0: decided again in any case. Of a record that was deleted meanwhile, the deletion reaches the item.
    return PairChange(record_id=intent.record_id, link=replace(link, record_version=0), settled=intent.token)
