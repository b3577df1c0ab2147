"""What must survive of appointments, contacts and tasks: records, their ties to mailboxes, what is about to be done there, conflicts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.item import Item, ItemKind
from reconcile.model.item_aside import ItemAside
from reconcile.model.item_brake import ItemBrake
from reconcile.model.item_conflict import ItemConflict, NewConflict
from reconcile.model.item_edit import ItemEdit, ItemEditOutcome
from reconcile.model.item_link import Link
from reconcile.model.item_record import ItemState, Record
from reconcile.model.remote_id import RemoteId


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLook:
    """How a look ended. `at` is UTC RFC 3339, "" for never; `error` is "" for well, and `kind` then, too: the class of the error.
    `permanent`: a person must act; `about` says whom it concerns; `failures` in a row count toward ten, and rose last at `counted_at`;
    `fingerprint` is of configuration and credential, so that a change of them ends a stall."""

    at: str = ""
    error: str = ""
    hint: str = ""
    kind: str = ""
    permanent: bool = False
    about: str = ""
    failures: int = 0
    counted_at: str = ""
    retry_after: float = 0.0
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlace:
    """Where a mailbox stands with one kind. `rules` is the fingerprint of the rules by which all links were last decided. `verify`: the
    history began anew, and what it did not name has to be looked for. `folder` is what the server calls it, "" while nobody asked. `brake`
    stands until it no longer has a reason; `released` is the number of its deletions that somebody let go. `look` tells how the last one
    ended."""

    cursor: Cursor | None = None
    rules: str = ""
    verify: bool = False
    folder: str = ""
    brake: ItemBrake | None = None
    released: int = 0
    look: ItemLook = ItemLook()


class IntentKind(StrEnum):
    """What is about to be done in a mailbox."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIntent:
    """Written down before it is done. A new item bears the `token` and begins as `content`. `version` is the item's, `record_version` the
    record's from which it was decided."""

    mailbox_id: str
    kind: ItemKind
    record_id: int
    action: IntentKind
    token: str
    at: str
    version: str = ""
    record_version: int = 0
    invite: bool = False
    content: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChange:
    """The record becomes this. `expected` is the version it must stand at; 0 makes a new one."""

    item: Item
    owner: str
    state: ItemState
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeletion:
    """The record goes."""

    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChange:
    """What one commit makes true of one pair: the record (id 0: a new one), the link (None: as it is; `unlink`: it goes; of a new record
    its `record_id` is filled in, and the link of the one that was before it goes), and conflicts. `settled` is the token of an intent that
    is over."""

    record_id: int
    record: RecordChange | RecordDeletion | None = None
    link: Link | None = None
    unlink: bool = False
    conflicts: tuple[NewConflict, ...] = ()
    settled: str = ""


class ItemReader(Protocol):
    """A missing store reads as empty."""

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
        """By id, those behind `after`. `apart`: only those that are tied to a mailbox where they are not kept in step now."""
        ...

    def item(self, item_id: int) -> Record | None: ...

    def links_of(self, item_id: int) -> Sequence[Link]:
        """Its ties to mailboxes, also those that are parted."""
        ...

    def conflicts(self, *, item_id: int | None = None, resolved: bool = False) -> Sequence[ItemConflict]:
        """Oldest first; with `resolved` also those that somebody saw to."""
        ...

    def places(self) -> Mapping[tuple[str, ItemKind], ItemPlace]:
        """Where each mailbox stands."""
        ...

    def tally(self) -> Mapping[tuple[str, ItemKind], int]:
        """How many items each mailbox is linked with."""
        ...

    def asides(self) -> Sequence[ItemAside]:
        """Single items that could not be dealt with, of all mailboxes."""
        ...

    def blob(self, digest: str) -> bytes:
        """The bytes of an attachment. Raises KeyError."""
        ...


class ItemEdits(Protocol):
    """How records are edited by everybody but a mailbox."""

    def edit(self, edits: Sequence[ItemEdit], *, at: datetime, by: str) -> Sequence[ItemEditOutcome]:
        """Decide (`model/item_edit.py`) and write each, in the order given, in one transaction; durable when it returns.

        One that is refused takes nothing else with it; one whose key was taken in before changes nothing.
        """
        ...

    def resolve(self, conflict_id: int, *, at: datetime, by: str) -> bool:
        """`by` saw to it. False where there is no open one of this number."""
        ...

    def keep_blob(self, content: bytes) -> str:
        """Keep the bytes of an attachment; its digest."""
        ...

    def relink(self, item_id: int, *, anew: bool = False) -> int:
        """Ties that were parted come together again with the next pass; how many. `anew`: where the item was deleted, another is made."""
        ...


class ItemStore(ItemReader, ItemEdits, Protocol):
    """Everything a pass over a mailbox's items needs."""

    def hold(self, mailbox_id: str) -> AbstractContextManager[None]:
        """Raises Locked while somebody else works on this mailbox's items. Dies with the process."""
        ...

    def place(self, mailbox_id: str, kind: ItemKind) -> ItemPlace: ...

    def by_remote(self, mailbox_id: str, remote_ids: Collection[RemoteId]) -> Mapping[RemoteId, Link]: ...

    def by_token(self, mailbox_id: str, tokens: Collection[str]) -> Mapping[str, Link]: ...

    def by_trace(self, mailbox_id: str, traces: Collection[str]) -> Mapping[str, Sequence[Link]]:
        """Of what came in: a trace may be that of copies, too."""
        ...

    def by_record(self, mailbox_id: str, record_ids: Collection[int]) -> Mapping[int, Link]: ...

    def saying(self, mailbox_id: str, kind: ItemKind, items: Collection[Item]) -> Sequence[Link]:
        """Of what came in from the mailbox and is not parted: where both sides last agreed that its item says one of these."""
        ...

    def links(self, mailbox_id: str, kind: ItemKind) -> Iterator[Link]:
        """All of a mailbox and kind."""
        ...

    def linked(self, mailbox_id: str, kind: ItemKind) -> int:
        """How many pairs are kept in step."""
        ...

    def records(self, record_ids: Collection[int]) -> Mapping[int, Record]: ...

    def meetings(self, globalobjectids: Collection[str]) -> Mapping[str, int]:
        """Records of meetings by their id for everybody."""
        ...

    def organizer_linked(self, record_ids: Collection[int], *, but: str) -> Collection[int]:
        """Those that are linked with their organizer's mailbox, and that is not `but`."""
        ...

    def due(self, mailbox_id: str, kind: ItemKind, *, owner: str | None, everything: bool) -> Sequence[int]:
        """Ids of records to be decided: tied ones whose record changed or went, or whose item departed, and records of `owner`
        (None: of anybody) that were never tied to this mailbox. With `everything` also all that are tied to it."""
        ...

    def intents(
        self, mailbox_id: str, kind: ItemKind, *, after: ItemIntent | None = None, limit: int | None = None
    ) -> Sequence[ItemIntent]:
        """Those that are not over, oldest first: those behind `after`, at most `limit`."""
        ...

    def begin(self, intents: Sequence[ItemIntent]) -> None:
        """All of them or none; durable when it returns. Raises PreconditionFailed where a record that an item is to be made from is no
        longer at its version, or a pair that is to change is no longer tied: decide again."""
        ...

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
        """All of it or nothing. Raises PreconditionFailed when a record is not at the version that is expected. A pair whose record was
        purged meanwhile is let go instead: nothing of it comes back."""
        ...

    def purged(self, mailbox_id: str, names: Collection[str]) -> Collection[str]:
        """Of these names of items (`model/item_purge.py`) those whose record was purged, so that they do not come in again."""
        ...

    def ended(self, mailbox_id: str, kind: ItemKind, look: ItemLook) -> None:
        """How a look ended."""
        ...

    def is_folder(self, mailbox_id: str, kind: ItemKind, folder: str) -> None:
        """What the server calls it from here on."""
        ...

    def brake(self, mailbox_id: str, kind: ItemKind, brake: ItemBrake | None) -> None:
        """It stands; None: it stands no longer. Either way what was released is used up."""
        ...

    def release(self, mailbox_id: str, kind: ItemKind, brake: ItemBrake) -> bool:
        """Somebody lets go what this brake holds, with the next look. False where it no longer stands like that: nothing is released."""
        ...

    def spend(self, mailbox_id: str, kind: ItemKind, *, left: int) -> None:
        """Of what was released so many may still go: those that are gone are not let go a second time."""
        ...

    def set_aside(self, asides: Sequence[ItemAside]) -> None:
        """These could not be dealt with; they replace what was known of the same ones."""
        ...

    def taken_up(self, asides: Sequence[ItemAside]) -> None:
        """These could."""
        ...
