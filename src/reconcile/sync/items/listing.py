"""Changes in: page by page, each page's consequences for our store in one transaction with its cursor.

What has to be done in the mailbox in return is left to `acting`: until then the record counts as changed, so a death between the two costs
nothing but time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from datetime import datetime

from reconcile.errors import CursorInvalid, PreconditionFailed
from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.item import Appointment, ItemKind
from reconcile.model.item_link import Link, LinkState
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Collection, Departure, Gone, ListedItem, RemoteItem
from reconcile.ports.item_store import PairChange
from reconcile.sync.decide.two_way import CreateTheirs, DeleteTheirs, Import, Nothing, decide
from reconcile.sync.decide.two_way_scope import is_marked
from reconcile.sync.items.local import applied
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import READ, Pair, case_of, read_all

#: Somebody may edit records while a page is decided; then it is decided again, so often.
_AGAIN = 5


def take_changes(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    """Everything behind the cursor. Raises as the collection and the store do."""
    kind = collection.kind
    place = tools.store.place(mailbox.mailbox_id, kind)
    try:
        _pages(place.cursor, mailbox, collection, tools, counts)
    except CursorInvalid:
        tools.store.commit(mailbox.mailbox_id, kind, (), at=tools.clock.now(), by=_by(mailbox), verify=True)
        _pages(None, mailbox, collection, tools, counts)
    if not tools.stopping() and tools.store.place(mailbox.mailbox_id, kind).verify:
        _verify(mailbox, collection, tools, counts)


def _pages(cursor: Cursor | None, mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> None:
    for page in collection.changes(cursor):
        take(mailbox, collection, tools, counts, listed=page.items, gone=page.gone, cursor=page.cursor)
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
        take(mailbox, collection, tools, counts, listed=listed, gone=[one for one in found.values() if isinstance(one, Gone)])
    tools.store.commit(mailbox.mailbox_id, kind, (), at=tools.clock.now(), by=_by(mailbox), verify=False)


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
) -> None:
    """Decide these and commit what follows for our store."""
    now = tools.clock.now()
    named = _named(mailbox, collection, tools, counts, listed, [*gone], now)
    found = read_all(collection, named.wanted, now, counts)
    pairs = [_as_read(pair, found) for pair in named.pairs]
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
                by=_by(mailbox),
                cursor=cursor,
                blobs=_blobs(collection, changes, tools, mailbox),
            )
        except PreconditionFailed:
            if attempt == _AGAIN - 1:
                raise
            continue
        counts.add(fresh)
        return


def _by(mailbox: ItemMailbox) -> str:
    return f"mailbox {mailbox.address}"


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
    strange = [one for one in listed if one.remote_id not in links and one.token]
    by_token = store.by_token(mailbox.mailbox_id, [one.token for one in strange])
    originals = read_all(collection, [by_token[one.token].remote_id for one in strange if one.token in by_token], now, counts)
    for one in listed:
        link = links.get(one.remote_id)
        tied = by_token.get(one.token) if link is None and one.token else None
        if tied is not None:
            if not isinstance(originals.get(tied.remote_id), Gone):
                if mailbox.rules.ignore_copies or not is_marked(one, kind, mailbox.rules):
                    continue  # a copy of what is linked
            else:
                # It came back under another id.
                link = replace(tied, remote_id=one.remote_id, version="")
                links.pop(tied.remote_id, None)
        if link is not None and link.state is LinkState.LINKED and link.version == one.version:
            continue  # our own change, or told twice
        if link is None and not is_marked(one, kind, mailbox.rules):
            continue
        named.pairs.append(Pair(link=link, record=None, listed=one))
        named.wanted.append(one.remote_id)
    for left in gone:
        if (link := links.get(left.remote_id)) is not None:
            named.pairs.append(Pair(link=link, record=None, gone=_departed(left, link, collection)))
    return named


def _departed(gone: Gone, link: Link, collection: Collection) -> Gone:
    """Where the server cannot say how it went, what we made is looked for by its token: in no folder any more, it was deleted."""
    if gone.departure is not Departure.UNKNOWN or not link.made_here or link.state is not LinkState.LINKED:
        return gone
    departure = Departure.DELETED if collection.find(link.token) is None else Departure.MOVED
    return replace(gone, departure=departure)


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
    action = decide(case_of(pair, mailbox, kind), mailbox.rules, now)
    if isinstance(action, (CreateTheirs, DeleteTheirs)):
        return _later(pair)
    if isinstance(action, Import) and pair.remote is None:
        action = Nothing()
    return applied(action, pair, mailbox, kind, counts)


def _unread(pair: Pair) -> PairChange | None:
    """Its version is unknown from here on, and it is due until it can be read."""
    if pair.link is None or pair.link.state is not LinkState.LINKED:
        return None
    return PairChange(record_id=pair.link.record_id, link=replace(pair.link, version="", record_version=0))


def _later(pair: Pair) -> PairChange | None:
    """To be done in the mailbox: the pair stays due, from the version that was seen."""
    if pair.link is None or pair.remote is None:
        return None
    link: Link = replace(pair.link, version=pair.remote.listed.version, remote_id=pair.remote.listed.remote_id, record_version=0)
    return PairChange(record_id=link.record_id, link=link)


def _blobs(collection: Collection, changes: Sequence[PairChange], tools: ItemTools, mailbox: ItemMailbox) -> dict[str, bytes]:
    """Bytes of attachments that we do not have yet."""
    found: dict[str, bytes] = {}
    if not mailbox.rules.attachments:
        return found
    for change in changes:
        item = getattr(change.record, "item", None)
        for one in item.attachments if isinstance(item, Appointment) else ():
            if one.digest in found or change.link is None:
                continue
            try:
                tools.store.blob(one.digest)
            except KeyError:
                found[one.digest] = collection.attachment(change.link.remote_id, one.digest)
    return found
