"""Changes out: what is to be done in a mailbox is decided from records, written down, done, and committed.

    begin      the intents of a few pairs, durable
    do         each of them: create by token, update and delete by version
    commit     links and intents of what was done, together

A death anywhere leaves intents behind, which `recovering` looks after before anything else is done. A version that moved meanwhile sends
the pair back to be read and decided again.
"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from reconcile.errors import PermanentError, PreconditionFailed, TransientError
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.item import Appointment, Item, value
from reconcile.model.item_field import FIELDS, GIVEN
from reconcile.model.item_link import Agreed, Link, LinkState
from reconcile.model.item_record import Record
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Collection, Gone, RemoteItem, Stored
from reconcile.ports.item_store import IntentKind, ItemIntent, PairChange, RecordChange
from reconcile.sync.decide.item_brake import loss_of
from reconcile.sync.decide.two_way import Carry, CreateTheirs, DeleteTheirs, decide, shared
from reconcile.sync.decide.two_way_merge import as_ours
from reconcile.sync.decide.two_way_rules import TRACKED
from reconcile.sync.decide.two_way_scope import in_scope
from reconcile.sync.items.braking import allowed, as_departed, over
from reconcile.sync.items.departing import told
from reconcile.sync.items.files import are_carried, contents_of, fetched, with_agreed_files
from reconcile.sync.items.listing import take
from reconcile.sync.items.local import applied, limited
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.pair import Pair, case_of, files_differ, is_about_one, normalised, read_all

#: So many are written down, done and committed together.
_GROUP = 25
#: So often a pair is decided again because its version moved.
_AGAIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Something to be done in the mailbox. `local` is what follows for the record besides, `blobs` the bytes of what it takes in."""

    pair: Pair
    action: CreateTheirs | Carry | DeleteTheirs
    intent: ItemIntent
    local: PairChange | None = None
    blobs: Mapping[str, bytes] = field(default_factory=dict)


def carry_out(mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts, aside: Ids[int] = ()) -> None:
    """Everything that records ask of the mailbox, but for those that are set aside. Raises as the collection and the store do."""
    kind, store = collection.kind, tools.store
    place = store.place(mailbox.mailbox_id, kind)
    filters = mailbox.rules.filters.get(kind, ())
    owner = mailbox.address if all(one.owned for one in filters) else None
    everything = place.rules != mailbox.fingerprint
    due = store.due(mailbox.mailbox_id, kind, owner=owner, everything=everything)
    due = [number for number in due if number not in aside]
    lost = allowed(due, mailbox, collection, tools, counts)
    if lost is None:
        return
    whole = True
    for start in range(0, len(due), _GROUP):
        if tools.stopping():
            return
        whole &= _group(due[start : start + _GROUP], mailbox, collection, tools, counts, lost)
    over(mailbox, collection, tools)
    if everything and whole:
        store.commit(mailbox.mailbox_id, kind, (), at=tools.clock.now(), by="reconcile", rules=mailbox.fingerprint)


def _group(ids: Sequence[int], mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts, lost: Ids[int]) -> bool:
    """Whether all of them were reached: of those that somebody edits again and again the next look takes care."""
    for _ in range(_AGAIN):
        try:
            jobs = _decide(ids, mailbox, collection, tools, counts, lost)
            if not jobs:
                return True
            tools.store.begin([job.intent for job in jobs])
        except PreconditionFailed:
            continue
        stale = _do(jobs, mailbox, collection, tools, counts)
        if not stale:
            return True
        # Somebody was there first: what is so now comes in, and is decided anew.
        found = read_all(collection, [job.pair.link.remote_id for job in stale if job.pair.link is not None], tools.clock.now(), counts)
        listed = [one.listed for one in found.values() if isinstance(one, RemoteItem)]
        gone = [one for one in found.values() if not isinstance(one, RemoteItem)]
        take(mailbox, collection, tools, counts, listed=listed, gone=gone, read=found)
        ids = sorted(job.intent.record_id for job in stale)
    return False


def _decide(
    ids: Sequence[int], mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts, lost: Ids[int]
) -> list[_Job]:
    """What is to be done there; what is to be done here is committed. Raises PreconditionFailed where a record was edited meanwhile."""
    kind, store, now = collection.kind, tools.store, tools.clock.now()
    records = store.records(ids)
    links = store.by_record(mailbox.mailbox_id, ids)
    organized = store.organizer_linked(ids, but=mailbox.mailbox_id)
    pairs = [as_departed(Pair(link=links.get(one), record=records.get(one), organizer_linked=one in organized)) for one in ids]
    pairs = _read_again(pairs, mailbox, collection, tools, counts)
    jobs, changes = list[_Job](), list[PairChange]()
    fresh = ItemCounts()
    for number, pair in zip(ids, pairs, strict=True):
        if pair.link is not None and _is_unread(pair.link) and pair.remote is None and pair.gone is None:
            continue  # it cannot be read now, either
        case = case_of(pair, mailbox, kind)
        action = decide(case, mailbox.rules, now)
        if number not in lost and loss_of(action, case) is not None:
            continue  # seen only now: it is counted with those of the next look
        if isinstance(action, (CreateTheirs, DeleteTheirs)) or (isinstance(action, Carry) and action.columns and not action.later):
            local = applied(action, pair, mailbox, kind, fresh) if isinstance(action, Carry) else None
            blobs = fetched(collection, [local], tools, mailbox) if local is not None else {}
            intent = _intent(number, action, pair, mailbox, collection, tools, now)
            jobs.append(_Job(pair=pair, action=action, intent=intent, local=local, blobs=blobs))
        elif (change := applied(action, pair, mailbox, kind, fresh)) is not None:
            changes.append(change)
    if changes:
        blobs = fetched(collection, changes, tools, mailbox)
        store.commit(mailbox.mailbox_id, kind, changes, at=now, by=mailbox.editor, blobs=blobs)
    counts.add(fresh)
    return jobs


def _read_again(pairs: Sequence[Pair], mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> list[Pair]:
    """Of pairs that come together again, and of items that could not be read, nobody knows how they are. And who changes files has to know
    which there are: while they did not take part nobody looked."""
    back = [pair.link.remote_id for pair in pairs if _comes_back(pair, mailbox) or files_differ(pair, mailbox)]  # type: ignore[union-attr]
    found = read_all(collection, back, tools.clock.now(), counts)
    left = [(one, pair.link) for pair in pairs if pair.link and isinstance(one := found.get(pair.link.remote_id), Gone)]
    found |= {one.remote_id: one for one in told(left, collection)}
    read = []
    for pair in pairs:
        answer = found.get(pair.link.remote_id) if pair.link is not None else None
        if isinstance(answer, RemoteItem):
            # Of one that comes back it plays no part whether its mark is there: a filter or a person wants it.
            known = pair.link is not None and pair.link.state is LinkState.LINKED
            read.append(replace(pair, remote=answer, listed=answer.listed if known else None))
        else:
            read.append(pair if answer is None else replace(pair, gone=answer))
    return read


def _is_unread(link: Link) -> bool:
    return link.state is LinkState.LINKED and not link.version


def _comes_back(pair: Pair, mailbox: ItemMailbox) -> bool:
    if pair.link is not None and _is_unread(pair.link):
        return True
    return (
        pair.link is not None
        and pair.link.state is LinkState.LEFT
        and pair.record is not None
        and (pair.link.record_version == 0 or in_scope(pair.record, mailbox.address, mailbox.rules, linked=False))
    )


def _intent(
    number: int,
    action: CreateTheirs | Carry | DeleteTheirs,
    pair: Pair,
    mailbox: ItemMailbox,
    collection: Collection,
    tools: ItemTools,
    now: datetime,
) -> ItemIntent:
    kinds = {CreateTheirs: IntentKind.CREATE, Carry: IntentKind.UPDATE, DeleteTheirs: IntentKind.DELETE}
    announced = action.cancel if isinstance(action, DeleteTheirs) else action.invite
    return ItemIntent(
        mailbox_id=mailbox.mailbox_id,
        kind=collection.kind,
        record_id=number,
        action=kinds[type(action)],
        token=tools.mint(),
        at=instant.text(now.replace(microsecond=0)),
        version=pair.remote.listed.version if pair.remote is not None else pair.link.version if pair.link is not None else "",
        record_version=pair.record.version if pair.record is not None else -1,
        invite=announced,
        content=limited(shared(pair.record), mailbox.rules, to_mailbox=True)
        if isinstance(action, CreateTheirs) and pair.record is not None
        else None,
    )


def _do(jobs: Sequence[_Job], mailbox: ItemMailbox, collection: Collection, tools: ItemTools, counts: ItemCounts) -> list[_Job]:
    """Those whose version had moved. What was done is committed, whatever comes after it; what an error ended that is about more than one
    item, the next look finds out about."""
    done: list[tuple[_Job, Stored | None]] = []
    over: list[PairChange] = []
    stale: list[_Job] = []
    whole = False
    try:
        for job in jobs:
            try:
                done.append((job, _one(job, mailbox, collection, tools)))
                counts.announced += job.intent.invite
            except PreconditionFailed:
                stale.append(job)
                over.append(PairChange(record_id=job.intent.record_id, settled=job.intent.token))
            except PermanentError as error:
                if not is_about_one(error):
                    raise
                over.append(_refused(job))
                counts.failed.append((job.intent.record_id, error.message))
        whole = True
    finally:
        # A server that refuses, or is away, is not asked what it made of the others.
        _committed(done, over, mailbox, collection, tools, counts, reads=whole)
    return stale


def _refused(job: _Job) -> PairChange:
    """The pair stays due, also where only the rules asked for it and nobody edits the record."""
    link = replace(job.pair.link, record_version=0) if job.pair.link is not None else None
    return PairChange(record_id=job.intent.record_id, link=link, settled=job.intent.token)


def _one(job: _Job, mailbox: ItemMailbox, collection: Collection, tools: ItemTools) -> Stored | None:
    contents, link, record = contents_of(tools), job.pair.link, job.pair.record
    version, remote_id = (job.intent.version, link.remote_id if link is not None else None)
    match job.action:
        case CreateTheirs(invite=invite):
            assert record is not None
            categories = frozenset({TRACKED}) if mailbox.rules.tracks_by_category(collection.kind) else frozenset[str]()
            assert job.intent.content is not None
            return collection.create(job.intent.token, job.intent.content, invite=invite, categories=categories, contents=contents)
        case Carry(merge=merge, columns=columns, invite=invite):
            assert remote_id is not None
            return collection.update(remote_id, version, merge.ours, columns, invite=invite, contents=contents)
        case DeleteTheirs(cancel=cancel):
            assert remote_id is not None
            collection.delete(remote_id, version, cancel=cancel)
            return None


def _committed(
    done: Sequence[tuple[_Job, Stored | None]],
    over: Sequence[PairChange],
    mailbox: ItemMailbox,
    collection: Collection,
    tools: ItemTools,
    counts: ItemCounts,
    *,
    reads: bool,
) -> None:
    kind, now = collection.kind, tools.clock.now()
    changes = [*over]
    seen = _seen([stored for _, stored in done if stored is not None], collection, tools) if reads else {}
    for job, stored in done:
        match job.action:
            case CreateTheirs():
                counts.created += 1
            case Carry():
                counts.updated += 1
            case DeleteTheirs():
                counts.deleted_there += 1
        found = seen.get(stored.remote_id) if stored is not None else None
        change = _change(job, stored, found, mailbox, collection)
        changes.append(change if found is not None or change.link is None else _to_be_read(change))
    if not changes:
        return
    blobs = {digest: content for job, _ in done for digest, content in job.blobs.items()}
    try:
        tools.store.commit(mailbox.mailbox_id, kind, changes, at=now, by=mailbox.editor, blobs=blobs)
    except PreconditionFailed:
        jobs = {job.intent.record_id: job for job, _ in done}
        for change in changes:
            try:
                tools.store.commit(mailbox.mailbox_id, kind, [change], at=now, by=mailbox.editor, blobs=blobs)
            except PreconditionFailed:
                tools.store.commit(mailbox.mailbox_id, kind, [_only_written(jobs[change.record_id], change)], at=now, by=mailbox.editor)


def _seen(stored: Sequence[Stored], collection: Collection, tools: ItemTools) -> dict[RemoteId, RemoteItem]:
    """What the mailbox made of what it was given, where that can be had now."""
    try:
        found = collection.read([one.remote_id for one in stored]) if stored else []
    except (TransientError, PermanentError):
        return {}
    versions = {one.remote_id: one.version for one in stored}
    read = (normalised(one, tools.clock.now()) for one in found if isinstance(one, RemoteItem))
    return {one.listed.remote_id: one for one in read if one.listed.version == versions[one.listed.remote_id]}


def _change(job: _Job, stored: Stored | None, seen: RemoteItem | None, mailbox: ItemMailbox, collection: Collection) -> PairChange:
    """What is true now that the job is done."""
    settled = job.intent.token
    if stored is None:
        return PairChange(record_id=job.intent.record_id, unlink=True, settled=settled)
    record = job.pair.record
    assert record is not None
    if isinstance(job.action, CreateTheirs):
        assert job.intent.content is not None
        made = as_ours(seen.item) if seen is not None else _with(job.intent.content, record.item, GIVEN[collection.kind])
        return created(record, stored, mailbox, collection, token=settled, theirs=made)
    assert isinstance(job.action, Carry)
    assert job.local is not None
    assert job.local.link is not None
    agreed = job.local.link.agreed
    wrote = _with(agreed.theirs, job.action.merge.ours, job.action.columns)
    theirs = with_agreed_files(as_ours(seen.item) if seen is not None else wrote, agreed.theirs, wrote, mailbox.rules)
    agreed = Agreed(ours=_with(agreed.ours, job.action.merge.ours, job.action.columns), theirs=theirs)
    version = record.version + (job.local.record is not None)
    link = replace(job.local.link, agreed=agreed, version=stored.version, remote_id=stored.remote_id, record_version=version)
    if are_carried(theirs, mailbox.rules) and not are_carried(job.local.link.agreed.theirs, mailbox.rules):
        # A series that became a single appointment: files that lie there come in with the next look.
        link = replace(link, version="", record_version=0)
    return replace(job.local, link=link, settled=settled)


def _to_be_read(change: PairChange) -> PairChange:
    """Nobody knows what the mailbox made of it: the next listing names the item, and it is read then."""
    assert change.link is not None
    return replace(change, link=replace(change.link, version=""))


def _only_written(job: _Job, change: PairChange) -> PairChange:
    """What is true where the record was edited while its item was written: what went over is agreed, and what would have come in is read by
    the next look as if nobody had seen it, with what lost against it."""
    record, link, content = job.pair.record, change.link, job.intent.content
    assert record is not None
    assert link is not None
    kind, new = job.intent.kind, link.agreed
    if isinstance(job.action, Carry):
        assert job.pair.link is not None
        old, columns, taken = job.pair.link.agreed, job.action.columns, job.action.merge.taken
        agreed = Agreed(ours=_with(old.ours, new.ours, columns), theirs=_with(old.theirs, new.theirs, columns))
        # Of sets that were joined, what came from there did not reach the record.
        both = frozenset(column for field in FIELDS[kind] if field.name in taken for column in field.columns) & columns
        agreed = Agreed(ours=_with(agreed.ours, shared(record), both), theirs=_with(agreed.theirs, shared(record), both))
    else:
        assert content is not None
        agreed = Agreed(ours=content, theirs=_with(new.theirs, record.item, GIVEN[kind]))
    told_already = tuple(one for one in change.conflicts if one.ours_wins)
    # Whatever its number: it is not the version that went over.
    link = replace(link, agreed=agreed, record_version=0)
    return _to_be_read(replace(change, record=None, link=link, conflicts=told_already))


def _with(old: Item, new: Item, columns: Ids[str]) -> Item:
    return replace(old, **{column: value(new, column) for column in columns})  # type: ignore[arg-type]


def created(record: Record, stored: Stored, mailbox: ItemMailbox, collection: Collection, *, token: str, theirs: Item) -> PairChange:
    """The pair of an item that we made from this record; its intent stays until a listing has gone past it (`recovering`).

    What only the mailbox can say (who organizes, the meeting's id) comes back at once.
    """
    kind = collection.kind
    after = replace(record, item=_with(record.item, theirs, GIVEN[kind]))
    change = None
    if after != record:
        change = RecordChange(item=after.item, owner=record.owner, state=record.state, expected=record.version)
        after = replace(after, version=record.version + 1)
    # Files that do not go over now are still to go when they may.
    ours, went = shared(after), limited(shared(after), mailbox.rules, to_mailbox=True)
    if isinstance(ours, Appointment) and isinstance(went, Appointment):
        ours = replace(ours, attachments=went.attachments)
    link = made_link(record, stored, mailbox, collection, token=token, agreed=Agreed(ours=ours, theirs=theirs))
    return PairChange(record_id=record.id, record=change, link=replace(link, record_version=after.version))


def made_link(record: Record, stored: Stored, mailbox: ItemMailbox, collection: Collection, *, token: str, agreed: Agreed) -> Link:
    """Of an item that we made."""
    return Link(
        mailbox_id=mailbox.mailbox_id,
        record_id=record.id,
        state=LinkState.LINKED,
        token=token,
        remote_id=stored.remote_id,
        version=stored.version,
        record_version=record.version,
        agreed=agreed,
        made_here=True,
        in_scope=in_scope(record, mailbox.address, mailbox.rules, linked=True),
        categorised=mailbox.rules.tracks_by_category(collection.kind),
    )
