"""What a look that died was about to do: found out before anything else is done. And what became of items that were just made.

A create may have been carried out, and the item that bears its token says so; what it left undone is done first. An update or deletion
that was carried out has moved the version, and shows as a change; one that was not is decided again.

The intent of a create stays until a listing has gone past it: an item that is made and deleted between two listings is named by neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from reconcile.errors import PermanentError
from reconcile.model.item_link import Agreed
from reconcile.model.item_record import ItemState, Record
from reconcile.ports.collection import Collection, Gone, RemoteItem, Stored
from reconcile.ports.item_store import IntentKind, ItemIntent, PairChange
from reconcile.sync.decide.two_way_invite import invites_on_create
from reconcile.sync.decide.two_way_merge import as_ours
from reconcile.sync.items.acting import made_link
from reconcile.sync.items.files import contents_of
from reconcile.sync.items.listing import take
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import is_about_one, normalised, read_all

_PAGE: Final = 500


def recover(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    """Before the listing: afterwards no intent is open but those of items that are tied. Raises as the collection and the store do."""
    store, kind = tools.store, collection.kind
    for intents in _open(mailbox, collection, tools):
        tied = store.by_token(mailbox.mailbox_id, [one.token for one in intents])
        for intent in intents:
            if intent.token in tied:
                continue
            change = PairChange(record_id=intent.record_id, settled=intent.token)
            if intent.action is IntentKind.CREATE and (found := collection.find(intent.token)) is not None:
                found = normalised(found, tools.clock.now())
                if not found.unfinished or _finished(intent, found, collection, tools, counts):
                    change = _found(intent, found, mailbox, collection, tools)
                    counts.created += 1
            store.commit(mailbox.mailbox_id, kind, [change], at=tools.clock.now(), by=mailbox.editor)


def _finished(intent: ItemIntent, found: RemoteItem, collection: Collection, tools: ItemTools, counts: ItemCounts) -> bool:
    """Whether the rest of a create could be done; if not, there is no item any more. Of a record that was deleted meanwhile nobody was
    told, so nobody has to hear that it is called off."""
    record, content = tools.store.item(intent.record_id), intent.content
    if record is None or content is None:
        collection.delete(found.listed.remote_id, found.listed.version, cancel=False)
        return False
    invite = intent.invite and invites_on_create(replace(record, item=content), tools.clock.now())
    try:
        collection.finish(found.listed.remote_id, content, invite=invite, contents=contents_of(tools))
    except PermanentError as error:
        if not is_about_one(error):
            raise
        counts.failed.append((intent.record_id, error.message))
        return False
    counts.announced += invite
    return True


def confirm(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    """After the listing: whether what was made before it is still there. Raises as the collection and the store do."""
    store, kind = tools.store, collection.kind
    for intents in _open(mailbox, collection, tools):
        tied = store.by_token(mailbox.mailbox_id, [one.token for one in intents])
        found = read_all(collection, [link.remote_id for link in tied.values()], tools.clock.now(), counts)
        gone = [one for one in found.values() if isinstance(one, Gone)]
        if gone:
            take(mailbox, collection, tools, counts, gone=gone)
        over = [one for one in intents if one.token not in tied or tied[one.token].remote_id in found]
        if over:
            changes = [PairChange(record_id=one.record_id, settled=one.token) for one in over]
            store.commit(mailbox.mailbox_id, kind, changes, at=tools.clock.now(), by=mailbox.editor)


def _open(mailbox: ItemMailbox, collection: Collection, tools: ItemTools) -> Iterator[Sequence[ItemIntent]]:
    """Intents that are not over, some at a time: the first look at a mailbox may have made thousands."""
    last: ItemIntent | None = None
    while part := tools.store.intents(mailbox.mailbox_id, collection.kind, after=last, limit=_PAGE):
        yield part
        last = part[-1]


def _found(intent: ItemIntent, found: RemoteItem, mailbox: ItemMailbox, collection: Collection, tools: ItemTools) -> PairChange:
    """Tied in the state in which it was made: whatever became of either side since is seen by the listing and the deciding that follow."""
    begun = intent.content if intent.content is not None else as_ours(found.item)
    record = tools.store.item(intent.record_id) or Record(
        id=intent.record_id, item=begun, owner=mailbox.address, state=ItemState.OPEN, version=0, created_at="", edited_at="", edited_by=""
    )
    stored = Stored(remote_id=found.listed.remote_id, version="")
    link = made_link(record, stored, mailbox, collection, token=intent.token, agreed=Agreed(ours=begun, theirs=begun))
    # 0: decided again in any case. Of a record that was deleted meanwhile, the deletion reaches the item.
    return PairChange(record_id=intent.record_id, link=replace(link, record_version=0))
