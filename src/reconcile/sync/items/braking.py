"""Before anything is deleted on either side: how much one look would delete, and whether that is believed.

While the brake stands nothing goes out to the mailbox and nothing is deleted; what comes in is taken. It goes by itself once fewer would be
deleted. Somebody may release a number: the next look that reaches this place deletes so many, whichever they are, and spends the release
also where it finds fewer. What was said of 200 deletions last week says nothing of 150 others today.
"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Sequence
from dataclasses import replace

from reconcile.model.item_brake import ItemBrake
from reconcile.ports.collection import Collection, Departure, Gone
from reconcile.sync.decide.item_brake import Loss, braked, braked_by_folder, loss_of
from reconcile.sync.decide.two_way import decide
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import Pair, case_of

#: So many pairs are weighed at once.
_AT_ONCE = 500


def allowed(due: Sequence[int], mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> Ids[int] | None:
    """Of the records that are due, those that may be lost on either side; None where the brake stands."""
    store, kind, now = tools.store, collection.kind, tools.clock.now()
    losses: dict[int, Loss] = {}
    for start in range(0, len(due), _AT_ONCE):
        losses |= _losses(due[start : start + _AT_ONCE], mailbox, collection, tools)
    place = store.place(mailbox.mailbox_id, kind)
    linked = store.linked(mailbox.mailbox_id, kind) if losses else 0
    brake = braked(losses, linked=linked, limit=mailbox.limit, released=place.released, now=now)
    if brake is not None:
        stand(brake, mailbox, collection, tools, counts)
        return None
    if len(losses) < place.released:
        store.spend(mailbox.mailbox_id, kind, left=len(losses))
    return losses.keys()


def over(mailbox: ItemMailbox, collection: Collection, tools: ItemTools) -> None:
    """Everything was done that was let go."""
    place = tools.store.place(mailbox.mailbox_id, collection.kind)
    if place.brake is not None or place.released:
        tools.store.brake(mailbox.mailbox_id, collection.kind, None)


def same_folder(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> bool:
    """Whether the folder is the one that pairs were made with. Asked where a history begins anew."""
    store, kind = tools.store, collection.kind
    place, found = store.place(mailbox.mailbox_id, kind), collection.identity()
    if place.folder and place.folder != found:
        linked = store.linked(mailbox.mailbox_id, kind)
        # Deletions that were let go say nothing of whose mailbox this is.
        released = place.released if place.brake is not None and place.brake.folder == found else 0
        brake = braked_by_folder(found, linked=linked, limit=mailbox.limit, released=released, now=tools.clock.now())
        if brake is not None:
            stand(brake, mailbox, collection, tools, counts)
            return False
    if place.folder != found:
        store.is_folder(mailbox.mailbox_id, kind, found)
    return True


def stand(brake: ItemBrake, mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    """It is remembered since when it stands."""
    before = tools.store.place(mailbox.mailbox_id, collection.kind).brake
    if before is not None:
        brake = replace(brake, since=before.since)
    tools.store.brake(mailbox.mailbox_id, collection.kind, brake)
    counts.braked += brake.count


def as_departed(pair: Pair) -> Pair:
    """What a look before this one, or this one's listing, saw go."""
    if pair.link is None or not pair.link.departed:
        return pair
    return replace(pair, gone=Gone(remote_id=pair.link.remote_id, departure=Departure.DELETED))


def _losses(ids: Sequence[int], mailbox: ItemMailbox, collection: Collection, tools: ItemTools) -> dict[int, Loss]:
    links = tools.store.by_record(mailbox.mailbox_id, ids)
    records = tools.store.records(links.keys())
    found = {}
    for number, link in links.items():
        case = case_of(as_departed(Pair(link=link, record=records.get(number))), mailbox, collection.kind)
        loss = loss_of(decide(case, mailbox.rules, tools.clock.now()), case)
        if loss is not None:
            found[number] = loss
    return found
