"""A server may give an item another id when it leaves its folder and comes back: then it is known by what it bears. What came in bears no
token of ours and may have no trace, either: then it is known by being the same meeting, or by saying what it said last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from reconcile.model.item import Appointment, Item
from reconcile.model.item_link import Link, LinkState
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Collection, Departure, Gone, ListedItem
from reconcile.sync.decide.two_way_merge import as_ours
from reconcile.sync.items.departing import told
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import Pair, read_all


def with_returned(
    pairs: Sequence[Pair], mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts, now: datetime
) -> list[Pair]:
    """The same, tied to the links of what is no longer where they say. What left and came back between two looks did not leave."""
    strange = [_item(pair) for pair in pairs if pair.link is None and pair.remote is not None]
    former = _former(strange, mailbox, collection, tools)
    if not former:
        return list(pairs)
    originals = read_all(collection, [link.remote_id for _, link in former], now, counts)
    left = [(item, link, one) for item, link in former if isinstance(one := originals.get(link.remote_id), Gone)]
    where = told([(one, link) for _, link, one in left], collection)
    missing = [(item, link) for (item, link, _), one in zip(left, where, strict=True) if _may_be_another(item, link, one)]
    found, back = list[Pair](), set[int]()
    for pair in pairs:
        tied = None
        if pair.link is None and pair.remote is not None:
            item = _item(pair)
            tied = next((link for said, link in missing if link.record_id not in back and _is_same(said, item)), None)
        if tied is not None and pair.listed is not None:
            back.add(tied.record_id)
            pair = replace(pair, link=replace(tied, remote_id=pair.listed.remote_id, version=""), returned=True)
        found.append(pair)
    return [pair for pair in found if pair.gone is None or pair.link is None or pair.link.record_id not in back]


def former_links(listed: Sequence[ListedItem], mailbox: ItemMailbox, tools: ItemTools) -> dict[RemoteId, Sequence[Link]]:
    """Of items with ids that nobody knows: the links of what bears the same token or trace. A copy has them, too."""
    tokens = tools.store.by_token(mailbox.mailbox_id, [one.token for one in listed if one.token])
    traces = tools.store.by_trace(mailbox.mailbox_id, [one.trace for one in listed if one.trace and not one.token])
    found: dict[RemoteId, Sequence[Link]] = {}
    for one in listed:
        if one.token in tokens:
            found[one.remote_id] = [tokens[one.token]]
        elif not one.token and (some := traces.get(one.trace)):
            found[one.remote_id] = some
    return found


def _may_be_another(said: Item, link: Link, gone: Gone) -> bool:
    """Whether an item that says the same may be this one. Not where this one is known to lie elsewhere, unless it is the same meeting."""
    if isinstance(said, Appointment) and said.globalobjectid:
        return True
    return not link.trace or gone.departure is Departure.UNKNOWN


def _former(items: Sequence[Item], mailbox: ItemMailbox, collection: Collection, tools: ItemTools) -> list[tuple[Item, Link]]:
    """Links that may be of these, each with what its item said last."""
    if not items:
        return []
    store = tools.store
    links = {link.record_id: link for link in store.saying(mailbox.mailbox_id, collection.kind, items)}
    meetings = store.meetings([one.globalobjectid for one in items if isinstance(one, Appointment)])
    links |= store.by_record(mailbox.mailbox_id, list(meetings.values()))
    # What was deleted there has no version: the same meeting may come again, by another invitation.
    return [(link.agreed.theirs, link) for link in links.values() if link.state is not LinkState.PARTED or not link.version]


def _item(pair: Pair) -> Item:
    assert pair.remote is not None
    return as_ours(pair.remote.item)


def _is_same(said: Item, item: Item) -> bool:
    if isinstance(said, Appointment) and isinstance(item, Appointment) and said.globalobjectid:
        return said.globalobjectid == item.globalobjectid
    return said == item
