"""The change feed: what happened to tracked and outgoing mail, appointments, contacts and tasks, in the order in which it became true."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from enum import StrEnum
from typing import TypeAlias

from reconcile.errors import CursorInvalid, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity import Activity
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_record import Record
from reconcile.model.outgoing import OutboxEntry, OutboxEvent

_FORM = struct.Struct(">B16sQ8s")
_VERSION = 1
_AGAIN = "Read the feed from its beginning (leave the cursor out) and replace what you keep of the old history."


class FeedKind(StrEnum):
    """What the feed tells about."""

    EMAIL = "email"
    OUTBOX = "outbox"
    APPOINTMENT = "appointment"
    CONTACT = "contact"
    TASK = "task"


class FeedAction(StrEnum):
    """`changed` is done by reconcile (a further mailbox holds an e-mail, a mail is sent, a mailbox brings another version of an item),
    `edited` by whoever edits activities and items. `conflict`: both sides changed an item; `resolved`: somebody saw to that."""

    CREATED = "created"
    CHANGED = "changed"
    EDITED = "edited"
    DELETED = "deleted"
    CONFLICT = "conflict"
    RESOLVED = "resolved"


def mark(sequence: int, kind: str, action: str, item: int, at: str) -> bytes:
    """Eight octets that tell one entry from what another history has at the same place."""
    return hashlib.sha256(f"{sequence} {kind} {action} {item} {at}".encode()).digest()[:8]


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """A place in one history of one store: behind entry `sequence` (0: before the first). `epoch` is 32 hexadecimal digits.

    Opaque to whoever keeps it. A store that was restored, or replaced by an older copy, knows by `epoch`, `sequence` and `mark` that
    the cursor is not of its history.
    """

    epoch: str
    sequence: int = 0
    mark: bytes = bytes(8)

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(_FORM.pack(_VERSION, bytes.fromhex(self.epoch), self.sequence, self.mark)).decode("ascii")

    @classmethod
    def parse(cls, text: str) -> FeedCursor:
        """Raises UserError for what is no cursor of a feed."""
        try:
            data = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
            version, epoch, sequence, entry = _FORM.unpack(data)
        except (UnicodeEncodeError, binascii.Error, ValueError, struct.error):
            version = -1
        if version != _VERSION or sequence >= 1 << 63:
            shown = text if len(text) <= 60 else f"{text[:60]}…"
            raise UserError(f"{shown!r} is no cursor of a change feed", hint="Pass a `cursor` exactly as a line of the feed gave it.")
        return cls(epoch.hex(), sequence, entry)


FeedRow: TypeAlias = Activity | OutboxEntry | Record | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """`cursor` stands behind this entry. `id` is the activity's, the mail's or the item's. `row` is as it stands when the feed is read,
    None when it is deleted by now. `transition` is set for outgoing mail that was not deleted, `conflict` where it is about one. `by` is
    who did it, "" where that is not kept."""

    cursor: FeedCursor
    kind: FeedKind
    action: FeedAction
    id: int
    at: str
    row: FeedRow
    transition: OutboxEvent | None = None
    conflict: ItemConflict | None = None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """`end` stands behind the last entry that was looked at, of whatever kind; `more` says whether there is anything behind it."""

    entries: tuple[FeedEntry, ...]
    end: FeedCursor
    more: bool


def check_cursor(cursor: FeedCursor, *, epoch: str, newest: int, found: bytes | None) -> None:
    """`newest` is the store's last sequence, `found` the mark of its entry at the cursor's sequence (None where it has none).

    Raises CursorInvalid naming why the cursor is not of this history.
    """
    if cursor.epoch != epoch:
        raise CursorInvalid("the cursor is of another store, or of this one before it was restored from a backup", hint=_AGAIN)
    if cursor.sequence > newest:
        raise CursorInvalid(
            f"the cursor lies ahead of this store: it stands at change {cursor.sequence}, the newest is {newest}, so an older copy of the "
            "store was put back",
            hint=_AGAIN,
        )
    if cursor.sequence and found != cursor.mark:
        raise CursorInvalid(
            f"the cursor is of another history: change {cursor.sequence} of this store is not the one it was given for, so an older copy "
            "of the store was put back and went on",
            hint=_AGAIN,
        )
