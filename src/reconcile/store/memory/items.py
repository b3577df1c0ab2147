"""Appointments, contacts and tasks in memory: the twin of the SQLite store, for tests."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from reconcile.errors import Locked, PreconditionFailed
from reconcile.model import instant
from reconcile.model.activity_edit import EditResult
from reconcile.model.cursor import Cursor
from reconcile.model.feed import FeedAction, FeedKind
from reconcile.model.item import Appointment, Item, ItemKind, kind_of
from reconcile.model.item_aside import ItemAside
from reconcile.model.item_brake import ItemBrake
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_edit import (
    AddItem,
    ItemEdit,
    ItemEdited,
    ItemEditOutcome,
    ItemKeyTaken,
    RemoveItem,
    decided_item,
    digests,
    request_of,
)
from reconcile.model.item_link import Link, LinkState
from reconcile.model.item_purge import names_of, trace_name
from reconcile.model.item_record import MAILBOX_EDITOR, ItemState, Record
from reconcile.model.mail_address import kept_spellings
from reconcile.model.remote_id import RemoteId
from reconcile.ports.item_store import IntentKind, ItemIntent, ItemLook, ItemPlace, PairChange, RecordChange, RecordDeletion
from reconcile.store.memory.feed_log import FeedLog


class MemoryItemStore:
    """See `ItemStore`."""

    def __init__(self, log: FeedLog | None = None) -> None:
        self.log = log or FeedLog()
        self._guard = threading.RLock()
        self._records: dict[int, Record] = {}
        self._numbered = 0
        self._links: dict[tuple[str, int], Link] = {}
        self._places: dict[tuple[str, ItemKind], ItemPlace] = {}
        self._intents: dict[str, ItemIntent] = {}
        self._conflicts: list[ItemConflict] = []
        self._keys: dict[str, ItemKeyTaken] = {}
        self._blobs: dict[str, bytes] = {}
        self._held: set[str] = set()
        self._asides: dict[tuple[str, ItemKind, int, RemoteId | None], ItemAside] = {}
        self._purged: set[tuple[str, str]] = set()

    def items(
        self,
        *,
        kinds: Collection[ItemKind] = tuple(ItemKind),
        owner: str = "",
        state: ItemState | None = None,
        apart: bool = False,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[Record]:
        ids = {number for (_, number), link in self._links.items() if link.state is not LinkState.LINKED} if apart else None
        owners = kept_spellings(owner)
        chosen = (
            one
            for number, one in sorted(self._records.items())
            if number > after
            and (ids is None or number in ids)
            and one.kind in kinds
            and (not owner or one.owner in owners)
            and state in (None, one.state)
        )
        yield from islice(chosen, limit)

    def item(self, item_id: int) -> Record | None:
        return self._records.get(item_id)

    def links_of(self, item_id: int) -> Sequence[Link]:
        return [link for (_, number), link in sorted(self._links.items()) if number == item_id]

    def conflicts(self, *, item_id: int | None = None, resolved: bool = False) -> Sequence[ItemConflict]:
        return [one for one in self._conflicts if item_id in (None, one.record_id) and (resolved or not one.resolved_at)]

    def places(self) -> Mapping[tuple[str, ItemKind], ItemPlace]:
        return dict(self._places)

    def tally(self) -> Mapping[tuple[str, ItemKind], int]:
        found: dict[tuple[str, ItemKind], int] = {}
        for link in self._links.values():
            if link.state is LinkState.LINKED:
                key = (link.mailbox_id, kind_of(link.agreed.ours))
                found[key] = found.get(key, 0) + 1
        return found

    def blob(self, digest: str) -> bytes:
        return self._blobs[digest]

    def edit(self, edits: Sequence[ItemEdit], *, at: datetime, by: str) -> Sequence[ItemEditOutcome]:
        with self._guard:
            return [self._edit(each, at, by) for each in edits]

    def _edit(self, edit: ItemEdit, at: datetime, by: str) -> ItemEditOutcome:
        before = None if isinstance(edit, AddItem) else self._records.get(edit.item_id)
        taken = self._keys.get(edit.client_key) if edit.client_key else None
        decision = decided_item(edit, before, taken, at=at, by=by)
        outcome = decision.outcome
        if isinstance(outcome, ItemEdited) and decision.record is not None:
            if decision.removed:
                self._remove(decision.record.id, instant.text(at.replace(microsecond=0)), by)
            else:
                if not isinstance(edit, RemoveItem):
                    self._blobs.update((one, edit.files[one]) for one in digests(decision.record.item) & edit.files.keys())
                outcome = replace(outcome, id=self._keep(decision.record))
        if edit.client_key and isinstance(outcome, ItemEdited) and outcome.result is not EditResult.REPEATED:
            self._keys.setdefault(edit.client_key, ItemKeyTaken(request=request_of(edit), item_id=outcome.id, version=outcome.version))
        return outcome

    def _keep(self, record: Record) -> int:
        if not record.id:
            self._numbered += 1
            record = replace(record, id=self._numbered)
            action = FeedAction.CREATED
        else:
            action = FeedAction.CHANGED if record.edited_by.startswith(MAILBOX_EDITOR) else FeedAction.EDITED
        self._records[record.id] = record
        self.log.append(FeedKind(record.kind), action, record.id, record.edited_at, by=record.edited_by)
        return record.id

    def _remove(self, number: int, at: str, by: str) -> None:
        gone = self._records.pop(number)
        self.log.append(FeedKind(gone.kind), FeedAction.DELETED, number, at, by=by)

    def resolve(self, conflict_id: int, *, at: datetime, by: str) -> bool:
        with self._guard:
            for place, one in enumerate(self._conflicts):
                if one.id == conflict_id and not one.resolved_at:
                    moment = instant.text(at.replace(microsecond=0))
                    self._conflicts[place] = replace(one, resolved_at=moment, resolved_by=by)
                    self.log.append(FeedKind(one.kind), FeedAction.RESOLVED, one.record_id, moment, event=one.id, by=by)
                    return True
            return False

    def keep_blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self._blobs[digest] = content
        return digest

    def relink(self, item_id: int, *, anew: bool = False) -> int:
        with self._guard:
            parted = [key for key, link in self._links.items() if key[1] == item_id and link.state is not LinkState.LINKED]
            for key in parted:
                self._links[key] = replace(self._links[key], state=LinkState.LEFT, record_version=0, why="to be linked again", anew=anew)
            return len(parted)

    @contextmanager
    def hold(self, mailbox_id: str) -> Iterator[None]:
        with self._guard:
            if mailbox_id in self._held:
                raise Locked("this mailbox is being synchronised by another thread", hint="Wait for it.")
            self._held.add(mailbox_id)
        try:
            yield
        finally:
            self._held.discard(mailbox_id)

    def place(self, mailbox_id: str, kind: ItemKind) -> ItemPlace:
        return self._places.get((mailbox_id, kind), ItemPlace())

    def by_remote(self, mailbox_id: str, remote_ids: Collection[RemoteId]) -> Mapping[RemoteId, Link]:
        return {link.remote_id: link for link in self._of(mailbox_id) if link.remote_id in remote_ids}

    def by_token(self, mailbox_id: str, tokens: Collection[str]) -> Mapping[str, Link]:
        return {link.token: link for link in self._of(mailbox_id) if link.token in tokens}

    def by_trace(self, mailbox_id: str, traces: Collection[str]) -> Mapping[str, Sequence[Link]]:
        found: dict[str, list[Link]] = {}
        for link in sorted(self._of(mailbox_id), key=lambda one: one.record_id):
            if link.trace and link.trace in traces and not link.made_here:
                found.setdefault(link.trace, []).append(link)
        return found

    def by_record(self, mailbox_id: str, record_ids: Collection[int]) -> Mapping[int, Link]:
        return {link.record_id: link for link in self._of(mailbox_id) if link.record_id in record_ids}

    def saying(self, mailbox_id: str, kind: ItemKind, items: Collection[Item]) -> Sequence[Link]:
        came_in = (link for link in self.links(mailbox_id, kind) if not link.made_here and link.state is not LinkState.PARTED)
        return [link for link in came_in if link.agreed.theirs in items]

    def links(self, mailbox_id: str, kind: ItemKind) -> Iterator[Link]:
        yield from [link for link in self._of(mailbox_id) if kind_of(link.agreed.ours) is kind]

    def _of(self, mailbox_id: str) -> list[Link]:
        return [link for (of, _), link in self._links.items() if of == mailbox_id]

    def linked(self, mailbox_id: str, kind: ItemKind) -> int:
        return sum(link.state is LinkState.LINKED for link in self.links(mailbox_id, kind))

    def records(self, record_ids: Collection[int]) -> Mapping[int, Record]:
        return {number: self._records[number] for number in record_ids if number in self._records}

    def meetings(self, globalobjectids: Collection[str]) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for number, one in sorted(self._records.items()):
            if isinstance(one.item, Appointment) and one.item.globalobjectid and one.item.globalobjectid in globalobjectids:
                found.setdefault(one.item.globalobjectid, number)
        return found

    def organizer_linked(self, record_ids: Collection[int], *, but: str) -> Collection[int]:
        return {
            link.record_id
            for link in self._links.values()
            if link.record_id in record_ids and link.mailbox_id != but and link.state is LinkState.LINKED and link.organized_here
        }

    def due(self, mailbox_id: str, kind: ItemKind, *, owner: str | None, everything: bool) -> Sequence[int]:
        with self._guard:
            tied = {link.record_id: link for link in self.links(mailbox_id, kind)}
            versions = {number: one.version for number, one in self._records.items()}
            due = {
                number for number, link in tied.items() if everything or link.departed or versions.get(number, -1) != link.record_version
            }
            due |= {
                number
                for number, one in self._records.items()
                if one.kind is kind and (owner is None or one.owner in kept_spellings(owner)) and (mailbox_id, number) not in self._links
            }
            return sorted(due)

    def intents(
        self, mailbox_id: str, kind: ItemKind, *, after: ItemIntent | None = None, limit: int | None = None
    ) -> Sequence[ItemIntent]:
        past = (after.at, after.token) if after is not None else ("", "")
        mine = (one for one in self._intents.values() if (one.mailbox_id, one.kind) == (mailbox_id, kind) and (one.at, one.token) > past)
        return sorted(mine, key=lambda one: (one.at, one.token))[:limit]

    def begin(self, intents: Sequence[ItemIntent]) -> None:
        with self._guard:
            for one in intents:
                if one.action is IntentKind.CREATE:
                    found = self._records.get(one.record_id)
                    meant = found is not None and found.version == one.record_version
                else:
                    meant = (one.mailbox_id, one.record_id) in self._links
                if not meant:
                    raise PreconditionFailed(f"item {one.record_id} changed while it was decided")
            self._intents.update((one.token, one) for one in intents)

    def commit(
        self,
        mailbox_id: str,
        kind: ItemKind,
        changes: Sequence[PairChange],
        *,
        at: datetime,
        by: str,
        cursor: Cursor | None = None,
        rules: str | None = None,
        verify: bool | None = None,
        blobs: Mapping[str, bytes] | None = None,
    ) -> None:
        moment = instant.text(at.replace(microsecond=0))
        with self._guard:
            for change in changes:
                if change.record is not None and change.record.expected:
                    found = self._records.get(change.record_id)
                    if found is None or found.version != change.record.expected:
                        raise PreconditionFailed(f"item {change.record_id} is no longer at version {change.record.expected}")
            self._blobs.update(blobs or {})
            for change in changes:
                names = names_of(change.link.remote_id, change.link.token) if change.link is not None else ()
                if change.link is not None and change.link.trace and (change.record_id not in self._records or _is_new(change.record)):
                    names += (trace_name(change.link.trace),)
                if self.purged(mailbox_id, names):
                    self._links.pop((mailbox_id, change.record_id), None)
                    self._intents.pop(change.settled, None)
                else:
                    self._pair(mailbox_id, kind, change, moment, by)
            place = self.place(mailbox_id, kind)
            place = replace(place, cursor=cursor or place.cursor, rules=place.rules if rules is None else rules)
            place = place if verify is None else replace(place, verify=verify)
            self._places[mailbox_id, kind] = place

    def _pair(self, mailbox_id: str, kind: ItemKind, change: PairChange, at: str, by: str) -> None:
        number = change.record_id
        match change.record:
            case RecordChange(item=item, owner=owner, state=state, expected=expected):
                before = self._records.get(change.record_id) if expected else None
                made = Record(
                    id=before.id if before else 0,
                    item=item,
                    owner=owner,
                    state=state,
                    version=expected + 1,
                    created_at=before.created_at if before else at,
                    edited_at=at,
                    edited_by=by,
                )
                number = self._keep(made)
            case RecordDeletion():
                self._remove(change.record_id, at, by)
            case None:
                pass
        if change.unlink or number != change.record_id:
            self._links.pop((mailbox_id, change.record_id), None)
        if change.link is not None and not change.unlink:
            link = replace(change.link, record_id=number)
            for key in [key for key, other in self._links.items() if key[0] == mailbox_id and other.remote_id == link.remote_id]:
                del self._links[key]
            self._links[mailbox_id, number] = link
        for one in change.conflicts:
            self._conflicts.append(
                ItemConflict(
                    id=len(self._conflicts) + 1,
                    record_id=number,
                    kind=kind,
                    mailbox_id=mailbox_id,
                    field=one.field,
                    ours=one.ours,
                    theirs=one.theirs,
                    ours_wins=one.ours_wins,
                    at=at,
                )
            )
            self.log.append(FeedKind(kind), FeedAction.CONFLICT, number, at, event=len(self._conflicts))
        if change.settled:
            self._intents.pop(change.settled, None)

    def purge(self, mailbox_id: str, names: Collection[str]) -> None:
        """As a purge leaves its marks, for tests."""
        self._purged |= {(mailbox_id, name) for name in names}

    def purged(self, mailbox_id: str, names: Collection[str]) -> Collection[str]:
        return {name for name in names if {(mailbox_id, name), ("", name)} & self._purged}

    def ended(self, mailbox_id: str, kind: ItemKind, look: ItemLook) -> None:
        self._stands(mailbox_id, kind, look=look)

    def is_folder(self, mailbox_id: str, kind: ItemKind, folder: str) -> None:
        self._stands(mailbox_id, kind, folder=folder)

    def brake(self, mailbox_id: str, kind: ItemKind, brake: ItemBrake | None) -> None:
        self._stands(mailbox_id, kind, brake=brake, released=0)

    def release(self, mailbox_id: str, kind: ItemKind, brake: ItemBrake) -> bool:
        if self.place(mailbox_id, kind).brake != brake:
            return False
        self._stands(mailbox_id, kind, released=brake.count)
        return True

    def spend(self, mailbox_id: str, kind: ItemKind, *, left: int) -> None:
        self._stands(mailbox_id, kind, released=left)

    def _stands(self, mailbox_id: str, kind: ItemKind, **new: Any) -> None:
        with self._guard:
            self._places[mailbox_id, kind] = replace(self.place(mailbox_id, kind), **new)

    def asides(self) -> Sequence[ItemAside]:
        return sorted(self._asides.values(), key=lambda one: (one.since, one.mailbox_id, one.kind, one.record_id))

    def set_aside(self, asides: Sequence[ItemAside]) -> None:
        self._asides |= {one.key: one for one in asides}

    def taken_up(self, asides: Sequence[ItemAside]) -> None:
        for one in asides:
            self._asides.pop(one.key, None)


def _is_new(change: RecordChange | RecordDeletion | None) -> bool:
    return isinstance(change, RecordChange) and change.expected == 0
