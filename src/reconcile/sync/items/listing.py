"""Changes in: page by page, each page's consequences for our store in one transaction with its cursor.

What has to be done in the mailbox in return is left to `acting`: until then the record counts as changed, so a death between the two costs
nothing but time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from types import MappingProxyType

from reconcile.errors import CursorInvalid, PreconditionFailed
from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.item import Appointment, ItemKind
from reconcile.model.item_link import Link, LinkState
from reconcile.model.item_purge import names_of, would_be_over
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Collection, Gone, ListedItem, RemoteItem
from reconcile.ports.item_store import PairChange
from reconcile.sync.decide.item_brake import loss_of
from reconcile.sync.decide.two_way import CreateTheirs, DeleteTheirs, Import, Nothing, decide
from reconcile.sync.decide.two_way_scope import is_marked
from reconcile.sync.items.braking import same_folder
from reconcile.sync.items.departing import told
from reconcile.sync.items.files import fetched
from reconcile.sync.items.local import applied
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import READ, Pair, case_of, read_all
from reconcile.sync.items.returning import former_links, with_returned

#: Somebody may edit records while a page is decided; then it is decided again, so often.
_AGAIN = 5


def take_changes(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> bool:
    """Everything behind the cursor; False where it is another folder than before, so that nothing of it is taken. Raises as the collection
    and the store do."""
    kind = collection.kind
    place = tools.store.place(mailbox.mailbox_id, kind)
    if place.cursor is None and not same_folder(mailbox, collection, tools, counts):
        return False
    try:
        _pages(place.cursor, mailbox, collection, tools, counts)
    except CursorInvalid:
        if not same_folder(mailbox, collection, tools, counts):
            return False
        tools.store.commit(mailbox.mailbox_id, kind, (), at=tools.clock.now(), by=mailbox.editor, verify=True)
        _pages(None, mailbox, collection, tools, counts)
    if not tools.stopping() and tools.store.place(mailbox.mailbox_id, kind).verify:
        _verify(mailbox, collection, tools, counts)
    return True


def _pages(cursor: Cursor | None, mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    for page in collection.changes(cursor):
        # Nothing new leaves the place as it is, and costs no transaction.
        moved = page.cursor if page.cursor != cursor else None
        take(mailbox, collection, tools, counts, listed=page.items, gone=page.gone, cursor=moved)
        if tools.stopping():
            return


def _verify(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    """A history that began anew names what is there, not what went: whatever is linked is asked for."""
    kind = collection.kind
    tied = [link.remote_id for link in tools.store.links(mailbox.mailbox_id, kind) if link.state is not LinkState.PARTED]
    for start in range(0, len(tied), READ):
        if tools.stopping():
            return
        found = read_all(collection, tied[start : start + READ], tools.clock.now(), counts)
        listed = [one.listed for one in found.values() if isinstance(one, RemoteItem)]
        take(mailbox, collection, tools, counts, listed=listed, gone=[one for one in found.values() if isinstance(one, Gone)], read=found)
    tools.store.commit(mailbox.mailbox_id, kind, (), at=tools.clock.now(), by=mailbox.editor, verify=False)


@dataclass(slots=True)
class _Named:
    """What a page names, with the links it concerns."""

    pairs: list[Pair] = field(default_factory=list)
    wanted: list[RemoteId] = field(default_factory=list)


def take(
    mailbox: ItemMailbox,
    collection: Collection,
    tools: ItemTools,
    counts: ItemCounts,
    *,
    listed: Sequence[ListedItem] = (),
    gone: Iterable[Gone] = (),
    cursor: Cursor | None = None,
    read: Mapping[RemoteId, RemoteItem | Gone] = MappingProxyType({}),
) -> None:
    """Decide these and commit what follows for our store. What was `read` just now is not asked for again."""
    now = tools.clock.now()
    named = _named(mailbox, collection, tools, counts, listed, [*gone], now)
    found = {**read, **read_all(collection, [one for one in named.wanted if one not in read], now, counts)}
    pairs = [_as_read(pair, found) for pair in named.pairs]
    pairs = _without_purged(pairs, mailbox, tools)
    pairs = with_returned(pairs, mailbox, collection, tools, counts, now)
    for attempt in range(_AGAIN):
        fresh = ItemCounts()
        changes = [
            change for pair in _with_records(mailbox, tools, pairs) if (change := _decided(pair, mailbox, collection.kind, now, fresh))
        ]
        if not changes and cursor is None:
            return
        try:
            tools.store.commit(
                mailbox.mailbox_id,
                collection.kind,
                changes,
                at=now,
                by=mailbox.editor,
                cursor=cursor,
                blobs=fetched(collection, changes, tools, mailbox),
            )
        except PreconditionFailed:
            if attempt == _AGAIN - 1:
                raise
            continue
        counts.add(fresh)
        return


def _without_purged(pairs: Sequence[Pair], mailbox: ItemMailbox, tools: ItemTools) -> list[Pair]:
    """What was purged here stays in the mailbox, and does not come back from there."""
    names = {
        id(pair): names_of(pair.listed.remote_id, pair.listed.token, _meeting(pair), pair.listed.trace)
        for pair in pairs
        if pair.link is None and pair.listed is not None
    }
    purged = set(tools.store.purged(mailbox.mailbox_id, {name for some in names.values() for name in some}))
    return [pair for pair in pairs if purged.isdisjoint(names.get(id(pair), ()))]


def _named(
    mailbox: ItemMailbox,
    collection: Collection,
    tools: ItemTools,
    counts: ItemCounts,
    listed: Sequence[ListedItem],
    gone: Sequence[Gone],
    now: datetime,
) -> _Named:
    store, kind, named = tools.store, collection.kind, _Named()
    named_ids = [one.remote_id for one in listed] + [one.remote_id for one in gone]
    links = dict(store.by_remote(mailbox.mailbox_id, named_ids))
    former = former_links([one for one in listed if one.remote_id not in links], mailbox, tools)
    originals = read_all(collection, [link.remote_id for some in former.values() for link in some], now, counts)
    back = set[int]()
    for one in listed:
        link, returned = links.get(one.remote_id), False
        if known := former.get(one.remote_id, ()):
            gone_ones = (each for each in known if each.record_id not in back and isinstance(originals.get(each.remote_id), Gone))
            tied = next(gone_ones, None)
            if tied is not None:
                # It came back under another id; of several the first one that is listed.
                back.add(tied.record_id)
                link, returned = replace(tied, remote_id=one.remote_id, version=""), True
                if tied.state is LinkState.PARTED and not tied.version and not is_marked(one, kind, mailbox.rules):
                    # Out of the trash: who deleted it takes that back, with or without a mark.
                    link = replace(link, state=LinkState.LEFT)
                links.pop(tied.remote_id, None)
            elif mailbox.rules.ignore_copies or not is_marked(one, kind, mailbox.rules):
                continue  # a copy of what is linked
        if link is not None and _is_known(one, link):
            continue  # our own change, or told twice
        if link is None and not is_marked(one, kind, mailbox.rules):
            continue
        named.pairs.append(Pair(link=link, record=None, listed=one, returned=returned))
        named.wanted.append(one.remote_id)
    tied_ones = [(left, link) for left in gone if (link := links.get(left.remote_id)) is not None]
    for left, (_, link) in zip(told(tied_ones, collection), tied_ones, strict=True):
        named.pairs.append(Pair(link=link, record=None, gone=left))
    return named


def _is_known(listed: ListedItem, link: Link) -> bool:
    """Whether nothing of it is news. What came in before traces were kept is looked at once."""
    if link.state is not LinkState.LINKED or link.departed or link.version != listed.version:
        return False
    return link.made_here or link.trace == listed.trace


def _as_read(pair: Pair, found: dict[RemoteId, RemoteItem | Gone]) -> Pair:
    if pair.listed is None:
        return pair
    match found.get(pair.listed.remote_id):
        case RemoteItem() as remote:
            return replace(pair, remote=remote, listed=remote.listed)
        case Gone() as gone:
            return replace(pair, listed=None, gone=gone)
        case None:
            return replace(pair, listed=None)  # it cannot be read: as if nothing was said of it


def _with_records(mailbox: ItemMailbox, tools: ItemTools, pairs: Sequence[Pair]) -> list[Pair]:
    """With the records as they are now: those that are linked, and those that are the same meeting."""
    meetings = tools.store.meetings([_meeting(pair) for pair in pairs if pair.link is None])
    ids = {pair.link.record_id for pair in pairs if pair.link is not None} | set(meetings.values())
    records = tools.store.records(ids)
    taken = tools.store.by_record(mailbox.mailbox_id, list(meetings.values()))
    organized = tools.store.organizer_linked(ids, but=mailbox.mailbox_id)
    found, named = [], set[str]()
    for pair in pairs:
        number = pair.link.record_id if pair.link is not None else meetings.get(_meeting(pair), 0)
        if pair.link is None and (number in taken or _meeting(pair) in named):
            continue  # this mailbox has the meeting already: a copy
        named |= {_meeting(pair)} - {""} if pair.link is None else frozenset()
        found.append(replace(pair, record=records.get(number), organizer_linked=number in organized))
    return found


def _meeting(pair: Pair) -> str:
    item = pair.remote.item if pair.remote is not None else None
    return item.globalobjectid if isinstance(item, Appointment) else ""


def _decided(pair: Pair, mailbox: ItemMailbox, kind: ItemKind, now: datetime, counts: ItemCounts) -> PairChange | None:
    if pair.listed is None and pair.gone is None:
        return _unread(pair)
    case = case_of(pair, mailbox, kind)
    action = decide(case, mailbox.rules, now)
    if isinstance(action, (CreateTheirs, DeleteTheirs)):
        return _later(pair)
    if pair.gone is not None and loss_of(action, case) is not None:
        return _gone(pair)
    if isinstance(action, Import) and (pair.remote is None or _is_too_old(pair.remote, mailbox)):
        action = Nothing()
    return applied(action, pair, mailbox, kind, counts)


def _is_too_old(remote: RemoteItem, mailbox: ItemMailbox) -> bool:
    return mailbox.keep_from is not None and would_be_over(remote.item, mailbox.keep_from)


def _unread(pair: Pair) -> PairChange | None:
    """Its version is unknown from here on, and it is due until it can be read."""
    if pair.link is None or pair.link.state is not LinkState.LINKED:
        return None
    return PairChange(record_id=pair.link.record_id, link=replace(pair.link, version="", record_version=0))


def _later(pair: Pair) -> PairChange | None:
    """To be done in the mailbox: the pair stays due. What it says there was not taken in, so it is read again before anything is done:
    somebody may want the item until then."""
    if pair.link is None or pair.remote is None:
        return None
    link: Link = replace(pair.link, version="", remote_id=pair.remote.listed.remote_id, record_version=0, departed=False)
    return PairChange(record_id=link.record_id, link=link)


def _gone(pair: Pair) -> PairChange | None:
    """What follows from a deletion waits until all of this look are known: many at once are not believed (`braking`)."""
    if pair.link is None or pair.link.departed:
        return None
    return PairChange(record_id=pair.link.record_id, link=replace(pair.link, departed=True))
