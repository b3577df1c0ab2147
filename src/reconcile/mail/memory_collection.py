"""The memory twin of a collection: calendar, contacts and tasks that a test edits and breaks; it keeps what attendees were told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Final

from reconcile.errors import CursorInvalid, PermanentError, PreconditionFailed, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.item import Appointment, Attachment, Item, ItemKind, value
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Bearing, ChangePage, Contents, Departure, Excluded, Gone, ListedItem, RemoteItem, Stored

PROTOCOL: Final = "memory"
_PAGE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What attendees were told: `what` is "invitation", "update" or "cancellation"."""

    what: str
    item: str
    subject: str
    to: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class MemoryItem:
    """An item as the server holds it. `folder` "" is the collection's own."""

    kind: ItemKind
    item: Item
    version: int
    token: str = ""
    trace: str = ""
    categories: frozenset[str] = frozenset()
    folder: str = ""
    canceled: bool = False
    unfinished: bool = False


@dataclass(slots=True)
class MemoryItems:
    """The server's side of one mailbox. `history` is told to whoever holds a cursor of it; `forget` makes all of them invalid.

    `faults` are raised one after another at each call (None lets a call pass); a fault in `lost` is raised after the call was carried out:
    the answer got lost. `step` is called with the name of each call, before and after it, for a test that wants to end it there. `tells` is
    what the server can say of what left a folder. `lossy` is what it makes of an item when it keeps it. `broken` items cannot be read.
    `mailbox` is another one once somebody replaced it. What is `refused` cannot be written. A server that `traces` knows items again by
    what each bears. What was deleted lies in the `trash`, and what was `moved` has another number.
    """

    address: str = "user@contoso.example"
    mailbox: str = "mailbox 1"
    epoch: int = 1
    changed: int = 0
    items: dict[int, MemoryItem] = field(default_factory=dict)
    moments: dict[int, int] = field(default_factory=dict)
    born: dict[int, int] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    trash: dict[int, MemoryItem] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    traces: bool = True
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: list[Exception | None] = field(default_factory=list)
    lost: list[Exception | None] = field(default_factory=list)
    step: Callable[[str], None] = lambda _: None
    tells: bool = True
    lossy: Callable[[Item], Item] = lambda item: item
    broken: set[int] = field(default_factory=set)
    refused: Callable[[Item], bool] = lambda _: False

    def put(
        self,
        kind: ItemKind,
        item: Item,
        *,
        token: str = "",
        categories: frozenset[str] = frozenset(),
        unfinished: bool = False,
        trace: str = "",
    ) -> int:
        """An item appears; returns its number."""
        self.changed += 1
        number = self.changed
        self.items[number] = MemoryItem(
            kind=kind,
            item=item,
            version=self.changed,
            token=token,
            trace=trace or (f"trace-{number}" if self.traces else ""),
            categories=categories,
            unfinished=unfinished,
        )
        self.moments[number] = self.born[number] = self.changed
        return number

    def touch(self, number: int, item: Item | None = None, **changes: object) -> None:
        """Somebody edits it."""
        self.changed += 1
        found = self.items[number]
        if item is not None:
            found.item = item
        for name, new in changes.items():
            setattr(found, name, new)
        found.version = self.moments[number] = self.changed

    def copy(self, number: int) -> int:
        """Somebody copies it, token and all."""
        return self._again(self.items[number])

    def _again(self, found: MemoryItem) -> int:
        return self.put(found.kind, found.item, token=found.token, categories=found.categories, trace=found.trace)

    def move(self, number: int, folder: str) -> int:
        """Somebody moves it, and it gets another number, as at Exchange."""
        found = self.items.pop(number)
        self.changed += 1
        self.moments[number] = self.changed
        after = self.moved[number] = self._again(found)
        self.items[after].folder = folder
        return after

    def drop(self, number: int, *, for_good: bool = False) -> None:
        """Somebody deletes it."""
        self.changed += 1
        found = self.items.pop(number)
        if not for_good:
            self.trash[number] = found
        self.moments[number] = self.changed

    def restore(self, number: int) -> int:
        """Somebody takes it out of the trash."""
        return self._again(self.trash.pop(number))

    def lies(self, number: int) -> bool:
        """Whether it lies in another folder, under whatever number."""
        while number in self.moved:
            number = self.moved[number]
        return number in self.items

    def forget(self) -> None:
        """The server loses its history: every cursor is invalid from here on."""
        self.epoch += 1

    def at(self, remote_id: RemoteId) -> MemoryItem | None:
        """The item behind an id, wherever it lies."""
        return self.items.get(int(remote_id.value))


class MemoryCollection:
    """See `Collection`. `excluded` None: files play no part."""

    def __init__(self, server: MemoryItems, kind: ItemKind, excluded: Excluded | None = None) -> None:
        self._server = server
        self._kind = kind
        self._excluded = excluded
        self._closed = False

    @property
    def kind(self) -> ItemKind:
        return self._kind

    def identity(self) -> str:
        self._begin("identity")
        return f"{self._server.mailbox} {self._kind}"

    def changes(self, cursor: Cursor | None) -> Iterator[ChangePage]:
        server = self._server
        since = 0
        if cursor is not None:
            epoch, since = json.loads(cursor.value) if cursor.protocol == PROTOCOL else (0, 0)
            if epoch != server.epoch:
                raise CursorInvalid("the server no longer knows this place")
        asked = since
        while True:
            self._begin("changes")
            news = sorted((moment, number) for number, moment in server.moments.items() if moment > since)
            part, last = news[:_PAGE], len(news) <= _PAGE
            since = part[-1][0] if part else since
            named = [(RemoteId(PROTOCOL, str(number)), server.items.get(number)) for _, number in part]
            # As Exchange does: what came and went since then is not told at all.
            mine = [
                (remote_id, found)
                for remote_id, found in named
                if (found is None or found.kind is self._kind)
                and (server.born[int(remote_id.value)] <= asked or (found is not None and not found.folder))
            ]
            page = ChangePage(
                items=tuple(self._listed(remote_id, found) for remote_id, found in mine if found is not None and not found.folder),
                gone=tuple(self._gone(remote_id, found) for remote_id, found in mine if found is None or found.folder)
                if cursor is not None
                else (),
                cursor=Cursor(PROTOCOL, json.dumps([server.epoch, since])),
                last=last,
            )
            self._end("changes")
            yield page
            if last:
                return

    def read(self, remote_ids: Sequence[RemoteId]) -> Sequence[RemoteItem | Gone]:
        self._begin("read")
        if self._server.broken & {int(one.value) for one in remote_ids}:
            raise PermanentError("the server cannot show this item")
        return [self._found(remote_id) for remote_id in remote_ids]

    def find(self, token: str) -> RemoteItem | None:
        self._begin("find")
        mine = [(number, one) for number, one in self._server.items.items() if one.token == token and one.kind is self._kind]
        bearing = [(bool(one.folder), number) for number, one in mine]
        return self._whole(RemoteId(PROTOCOL, str(min(bearing)[1]))) if bearing else None

    def whereabouts(self, bearings: Sequence[Bearing]) -> Sequence[Departure]:
        self._begin("whereabouts")
        kept, gone = ([*some.values()] for some in (self._server.items, self._server.trash))
        return [Departure.MOVED if _bears(one, kept) else Departure.DELETED if _bears(one, gone) else Departure.UNKNOWN for one in bearings]

    def attachment(self, remote_id: RemoteId, digest: str) -> bytes:
        self._begin("attachment")
        return self._server.blobs[digest]

    def create(self, token: str, item: Item, *, invite: bool, categories: frozenset[str] = frozenset(), contents: Contents) -> Stored:
        self._begin("create")
        server = self._server
        if server.refused(item):
            raise PermanentError("the server will not have this item")
        kept = self._kept(item, contents)
        if isinstance(kept, Appointment):
            # As calendars do: who makes a meeting is its organizer, and it gets an id that is the same for everybody.
            kept = replace(kept, organizer=server.address, globalobjectid=kept.globalobjectid or f"goid-{token}")
        later = isinstance(kept, Appointment) and bool(kept.attachments)
        begun = replace(kept, attachments=()) if isinstance(kept, Appointment) else kept
        number = server.put(self._kind, begun, token=token, categories=categories, unfinished=later)
        if later:
            begun_at = server.items[number].version
            server.step("between")
            if server.items[number].version != begun_at:
                raise Unavailable("somebody changed a new item while it was made")
        return self._finished(number, kept, "create", invite=invite)

    def finish(self, remote_id: RemoteId, item: Item, *, invite: bool, contents: Contents) -> Stored:
        self._begin("finish")
        number = int(remote_id.value)
        if number not in self._server.items:
            raise PreconditionFailed(f"item {number} is gone")
        if not self._server.items[number].unfinished:
            return self._stored(number)
        return self._finished(number, self._kept(item, contents), "finish", invite=invite)

    def _finished(self, number: int, kept: Item, call: str, *, invite: bool) -> Stored:
        found = self._server.items[number]
        if found.unfinished and isinstance(kept, Appointment) and isinstance(found.item, Appointment):
            self._server.touch(number, replace(found.item, attachments=kept.attachments), unfinished=False)
        if invite:
            self._post("invitation", number, _attendees(kept))
        stored = self._stored(number)
        self._end(call)
        return stored

    def update(self, remote_id: RemoteId, version: str, item: Item, columns: frozenset[str], *, invite: bool, contents: Contents) -> Stored:
        self._begin("update")
        number, found = self._at_version(remote_id, version)
        before = found.item
        if self._server.refused(item):
            raise PermanentError("the server will not have this item")
        kept = self._kept(item, contents)
        new = {column: value(kept, column) for column in columns - {"organizer", "globalobjectid", "responses"}}
        after = replace(before, **new)  # type: ignore[arg-type]
        if isinstance(after, Appointment) and isinstance(before, Appointment) and "attachments" in columns:
            # What takes no part is not touched.
            kept_there = tuple(one for one in before.attachments if self._why(one))
            after = replace(after, attachments=tuple(sorted({*after.attachments, *kept_there})))
        self._server.touch(number, after)
        if invite:
            self._post("update", number, tuple(dict.fromkeys((*_attendees(before), *_attendees(after)))))
        stored = self._stored(number)
        self._end("update")
        return stored

    def delete(self, remote_id: RemoteId, version: str, *, cancel: bool) -> None:
        self._begin("delete")
        if int(remote_id.value) in self._server.items:
            number, before = self._at_version(remote_id, version)
            if cancel:
                self._post("cancellation", number, _attendees(before.item))
            self._server.drop(number)
        self._end("delete")

    def categorise(self, remote_id: RemoteId, version: str, *, add: frozenset[str], remove: frozenset[str]) -> Stored:
        self._begin("categorise")
        number, before = self._at_version(remote_id, version)
        self._server.touch(number, categories=(before.categories | add) - remove)
        stored = self._stored(number)
        self._end("categorise")
        return stored

    def close(self) -> None:
        self._closed = True

    def _begin(self, call: str) -> None:
        if self._closed:
            raise Unavailable("the connection is closed")
        server = self._server
        server.requests.append(call)
        server.step(f"before {call}")
        if server.faults and (error := server.faults.pop(0)) is not None:
            raise error

    def _end(self, call: str) -> None:
        server = self._server
        server.step(f"after {call}")
        if server.lost and (error := server.lost.pop(0)) is not None:
            raise error

    def _kept(self, item: Item, contents: Contents) -> Item:
        if isinstance(item, Appointment):
            item = replace(item, attachments=tuple(one for one in item.attachments if not self._why(one)))
            for one in item.attachments:
                if one.digest not in self._server.blobs:
                    self._server.blobs[one.digest] = contents(one.digest)
        return self._server.lossy(item)

    def _why(self, one: Attachment) -> str:
        return "files play no part" if self._excluded is None else self._excluded(one.filename, one.mimetype, one.filesize)

    def _post(self, what: str, number: int, to: tuple[str, ...]) -> None:
        found = self._server.items[number].item
        subject = found.subject if isinstance(found, Appointment) else ""
        self._server.posted.append(Posted(what=what, item=str(number), subject=subject, to=to))

    def _at_version(self, remote_id: RemoteId, version: str) -> tuple[int, MemoryItem]:
        number = int(remote_id.value)
        found = self._server.items.get(number)
        if found is None or str(found.version) != version:
            raise PreconditionFailed(f"item {number} is no longer at version {version}")
        return number, found

    def _found(self, remote_id: RemoteId) -> RemoteItem | Gone:
        found = self._server.at(remote_id)
        return self._gone(remote_id, found) if found is None or found.folder else self._whole(remote_id)

    def _gone(self, remote_id: RemoteId, found: MemoryItem | None) -> Gone:
        there = found is not None or self._server.lies(int(remote_id.value))
        departure = Departure.UNKNOWN if not self._server.tells else Departure.MOVED if there else Departure.DELETED
        return Gone(remote_id=remote_id, departure=departure)

    def _listed(self, remote_id: RemoteId, found: MemoryItem) -> ListedItem:
        return ListedItem(
            remote_id=remote_id, version=str(found.version), token=found.token, trace=found.trace, categories=found.categories
        )

    def _whole(self, remote_id: RemoteId) -> RemoteItem:
        found = self._server.items[int(remote_id.value)]
        item, organizer, left_out = found.item, "", tuple[str, ...]()
        if isinstance(item, Appointment):
            why = {one: self._why(one) for one in item.attachments}
            if self._excluded is not None:
                left_out = tuple(f"{one.filename!a} {words}" for one, words in why.items() if words)
            item, organizer = replace(item, attachments=tuple(one for one in why if not why[one])), item.organizer
        return RemoteItem(
            listed=self._listed(remote_id, found),
            item=item,
            organized_here=organizer in ("", self._server.address),
            canceled=found.canceled,
            modified=datetime.fromtimestamp(found.version, UTC),
            left_out=left_out,
            unfinished=found.unfinished,
        )

    def _stored(self, number: int) -> Stored:
        return Stored(remote_id=RemoteId(PROTOCOL, str(number)), version=str(self._server.items[number].version))


def _bears(wanted: Bearing, items: Sequence[MemoryItem]) -> bool:
    names = {wanted.token, wanted.trace} - {""}
    return any(not names.isdisjoint((one.token, one.trace)) for one in items)


def _attendees(item: Item) -> tuple[str, ...]:
    if not isinstance(item, Appointment):
        return ()
    return tuple(one.address for one in (*item.requiredattendees, *item.optionalattendees))
