"""What an action makes true in our own store. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from reconcile.model.item import TYPES, Appointment, Contact, Item, ItemKind, Task, TaskStatus, kind_of
from reconcile.model.item_conflict import NewConflict
from reconcile.model.item_field import FIELDS, Direction
from reconcile.model.item_json import dumped, dumped_value
from reconcile.model.item_link import Agreed, Link, LinkState
from reconcile.model.item_record import ItemState, Record
from reconcile.ports.collection import Departure, ListedItem
from reconcile.ports.item_store import PairChange, RecordChange, RecordDeletion
from reconcile.sync.decide.two_way import Carry, DeleteOurs, Forget, Import, Nothing, Part, shared
from reconcile.sync.decide.two_way_merge import FieldConflict, as_ours
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules
from reconcile.sync.decide.two_way_scope import in_scope, is_marked
from reconcile.sync.items.files import are_carried, told, without_series_files
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox
from reconcile.sync.items.pair import Pair

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Final[Mapping[ItemKind, Item]] = {
    ItemKind.APPOINTMENT: Appointment(scheduledstart=_LONG_AGO, scheduledend=_LONG_AGO),
    ItemKind.CONTACT: Contact(),
    ItemKind.TASK: Task(),
}


def applied(
    action: Nothing | Import | Carry | DeleteOurs | Part | Forget, pair: Pair, mailbox: ItemMailbox, kind: ItemKind, counts: ItemCounts
) -> PairChange | None:
    """What to commit, None for nothing; what goes to the mailbox stays to be done, and shows as a change of ours."""
    match action:
        case Nothing():
            return _looked(pair)
        case Import():
            counts.imported += 1
            return _imported(pair, mailbox, kind)
        case Carry():
            return _carried(action, pair, mailbox, kind, counts)
        case DeleteOurs():
            assert pair.record is not None
            counts.deleted_here += 1
            return PairChange(record_id=pair.record.id, record=RecordDeletion(expected=pair.record.version), unlink=True)
        case Part():
            return _parted(action, pair, counts)
        case Forget():
            assert pair.link is not None
            return PairChange(record_id=pair.link.record_id, unlink=True)


def _looked(pair: Pair) -> PairChange | None:
    """Nothing is to be done: that it was looked at is worth remembering, where something moved."""
    link, record = pair.link, pair.record
    if link is None:
        return None
    seen = link
    # The version counts only together with what was agreed: of a pair that is parted nothing is agreed any more.
    if link.state is LinkState.LINKED and pair.remote is not None:
        listed = pair.remote.listed
        seen = told(replace(seen, version=listed.version, remote_id=listed.remote_id, trace=listed.trace, departed=False), pair.remote)
    seen = _without_content(replace(seen, record_version=record.version if record is not None else -1))
    if pair.listed is not None and pair.gone is None and link.state is LinkState.PARTED:
        seen = replace(seen, version=pair.listed.version, categorised=link.categorised and _bears(pair.listed))
    return PairChange(record_id=link.record_id, link=seen) if seen != link or pair.returned else None


def _without_content(link: Link) -> Link:
    """A tie to a record that is gone only says that there was one."""
    if link.record_version != -1 or link.state is LinkState.LINKED:
        return link
    nothing = _NOTHING[kind_of(link.agreed.ours)]
    return replace(link, agreed=Agreed(ours=nothing, theirs=nothing))


def _bears(listed: ListedItem) -> bool:
    return TRACKED in listed.categories


def limited(item: Item, rules: TwoWayRules, *, to_mailbox: bool) -> Item:
    """Only what may go that way; the rest is empty."""
    kind = kind_of(item)
    empty = Direction.TO_OURS if to_mailbox else Direction.TO_THEIRS
    defaults: dict[str, Any] = {field.name: field.default for field in fields(TYPES[kind])}
    without = [
        column
        for one in FIELDS[kind]
        if rules.direction(kind, one) in (Direction.NONE, empty) or (one.name == "attachments" and not are_carried(item, rules))
        for column in one.columns
    ]
    return replace(item, **{column: defaults[column] for column in without})


def _imported(pair: Pair, mailbox: ItemMailbox, kind: ItemKind) -> PairChange:
    assert pair.remote is not None
    theirs = as_ours(pair.remote.item)
    item = limited(theirs, mailbox.rules, to_mailbox=False)
    state = ItemState.COMPLETED if isinstance(item, Task) and item.statuscode is TaskStatus.COMPLETED else ItemState.OPEN
    made = Record(id=0, item=item, owner=mailbox.address, state=state, version=1, created_at="", edited_at="", edited_by="")
    link = linked(pair, made, mailbox, kind, token=pair.remote.listed.token, agreed=Agreed(ours=shared(made), theirs=theirs))
    old = pair.link.record_id if pair.link is not None else 0
    return PairChange(record_id=old, record=RecordChange(item=item, owner=made.owner, state=state, expected=0), link=link)


def linked(pair: Pair, record: Record, mailbox: ItemMailbox, kind: ItemKind, *, token: str, agreed: Agreed) -> Link:
    """The link of a pair that was read, as it stands now."""
    assert pair.remote is not None
    listed = pair.remote.listed
    before = pair.link
    theirs = without_series_files(agreed.theirs, before.agreed.theirs if before is not None else None)
    link = Link(
        mailbox_id=mailbox.mailbox_id,
        record_id=record.id,
        state=LinkState.LINKED,
        token=before.token if before is not None else token,
        remote_id=listed.remote_id,
        version=listed.version,
        record_version=record.version,
        agreed=replace(agreed, theirs=theirs),
        made_here=before.made_here if before is not None else False,
        in_scope=in_scope(record, mailbox.address, mailbox.rules, linked=before is not None and before.state is LinkState.LINKED),
        categorised=is_marked(listed, kind, mailbox.rules),
        organized_here=pair.remote.organized_here,
        trace=listed.trace,
    )
    return told(link, pair.remote)


def conflict_of(conflict: FieldConflict) -> NewConflict:
    """As it is kept."""
    ours, theirs = (json.dumps([dumped_value(one) for one in side], ensure_ascii=False) for side in (conflict.ours, conflict.theirs))
    return NewConflict(field=conflict.field, ours=ours, theirs=theirs, ours_wins=conflict.ours_wins)


def _carried(action: Carry, pair: Pair, mailbox: ItemMailbox, kind: ItemKind, counts: ItemCounts) -> PairChange:
    """Our side of it. While something is still to be written there, the record counts as changed since (`record_version` stays behind)."""
    assert pair.record is not None
    record = pair.record
    change = None
    after = replace(record, item=action.item, state=action.state)
    if after != record:
        counts.taken += 1
        change = RecordChange(item=action.item, owner=record.owner, state=action.state, expected=record.version)
        after = replace(after, version=record.version + 1)
    if pair.remote is not None:
        link = linked(pair, after, mailbox, kind, token=pair.remote.listed.token, agreed=action.merge.agreed)
        if pair.link is None or pair.link.state is not LinkState.LINKED:
            counts.linked += 1
    else:
        assert pair.link is not None
        wanted = in_scope(after, mailbox.address, mailbox.rules, linked=True)
        link = replace(pair.link, agreed=action.merge.agreed, record_version=after.version, in_scope=wanted, why="")
    counts.conflicts += len(action.merge.conflicts)
    if action.held:
        counts.held += 1
        link = replace(link, why=action.held)
    if action.columns or _begins_to_carry(record.item, after.item, mailbox.rules):
        link = replace(link, record_version=0)
    return PairChange(record_id=record.id, record=change, link=link, conflicts=tuple(map(conflict_of, action.merge.conflicts)))


def _begins_to_carry(before: Item, after: Item, rules: TwoWayRules) -> bool:
    """A series that became a single appointment: its files go now."""
    return isinstance(after, Appointment) and bool(after.attachments) and not are_carried(before, rules) and are_carried(after, rules)


def _parted(action: Part, pair: Pair, counts: ItemCounts) -> PairChange:
    assert pair.link is not None
    version = pair.record.version if pair.record is not None else -1
    link = replace(pair.link, state=action.state, why=action.why, record_version=version, departed=False, anew=False)
    if pair.gone is not None and pair.gone.departure is Departure.DELETED:
        # There is no version, and nothing bears the mark any more, so that an item that comes out of the trash is news.
        link = replace(link, categorised=False, version="")
    if pair.listed is not None:
        link = replace(link, remote_id=pair.listed.remote_id, version=pair.listed.version, categorised=_bears(pair.listed))
    counts.parted += 1
    conflicts: tuple[NewConflict, ...] = ()
    if action.conflict:
        counts.conflicts += 1
        ours = pair.record.item if pair.record is not None else None
        theirs = pair.remote.item if pair.remote is not None else pair.link.agreed.theirs if pair.gone is None else None
        texts = [json.dumps(dumped(one), ensure_ascii=False) if one is not None else "null" for one in (ours, theirs)]
        conflicts = (NewConflict(field="", ours=texts[0], theirs=texts[1], ours_wins=theirs is None),)
    # A record that is gone has nothing to come back to, but the tie keeps its item from coming in again.
    return PairChange(record_id=pair.link.record_id, link=_without_content(link), conflicts=conflicts)
