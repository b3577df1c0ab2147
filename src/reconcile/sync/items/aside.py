"""Single items that cannot be dealt with: set aside, so that the others go on, and tried again later and later.

What came in and cannot be read is known by its place in the mailbox, everything else by its record.
"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Sequence
from datetime import datetime

from reconcile.model.item import ItemKind
from reconcile.model.item_aside import ItemAside, failed_again
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Collection, RemoteItem
from reconcile.sync.items.listing import take
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import read_all


def known_asides(mailbox: ItemMailbox, kind: ItemKind, tools: ItemTools) -> list[ItemAside]:
    """What earlier looks set aside."""
    return [one for one in tools.store.asides() if (one.mailbox_id, one.kind) == (mailbox.mailbox_id, kind)]


def resting(known: Sequence[ItemAside], tools: ItemTools, now: datetime) -> Ids[int]:
    """Records that are not to be tried yet: not those that somebody edited since, for that may have mended them."""
    rest = {one.record_id: one for one in known if one.record_id and one.rests(now)}
    records = tools.store.records(rest.keys()) if rest else {}
    return {number for number, one in rest.items() if number not in records or not one.is_before(records[number].edited_at)}


def try_unread(
    known: Sequence[ItemAside], mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts, now: datetime
) -> None:
    """Items that never came in because they could not be read, and whose rest is over."""
    wanted = [one.remote_id for one in known if one.remote_id is not None and not one.rests(now)]
    if wanted:
        found = read_all(collection, wanted, now, counts)
        take(mailbox, collection, tools, counts, listed=[one.listed for one in found.values() if isinstance(one, RemoteItem)])


def remember(
    known: Sequence[ItemAside], mailbox: ItemMailbox, kind: ItemKind, tools: ItemTools, counts: ItemCounts, now: datetime, *, whole: bool
) -> None:
    """Set aside what failed in this look; what was tried and did not is aside no longer, where the look was `whole`."""
    links = tools.store.by_remote(mailbox.mailbox_id, [remote_id for remote_id, _ in counts.unread])
    failed: dict[tuple[str, ItemKind, int, RemoteId | None], ItemAside] = {}
    for number, words in counts.failed:
        if number:
            fresh = ItemAside(mailbox_id=mailbox.mailbox_id, kind=kind, record_id=number, remote_id=None, why=words)
            failed[fresh.key] = fresh
    for remote_id, words in counts.unread:
        link = links.get(remote_id)
        record_id = link.record_id if link is not None else 0
        place = None if link is not None else remote_id
        fresh = ItemAside(mailbox_id=mailbox.mailbox_id, kind=kind, record_id=record_id, remote_id=place, why=words)
        failed[fresh.key] = fresh
    before = {one.key: one for one in known}
    if failed:
        tools.store.set_aside([failed_again(before.get(key, one), one.why, now) for key, one in failed.items()])
    mended = [one for key, one in before.items() if whole and key not in failed and not one.rests(now)]
    if mended:
        tools.store.taken_up(mended)
