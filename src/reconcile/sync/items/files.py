"""Files of appointments: their bytes on the way in and out, and what is said of those that take no part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reconcile.errors import PermanentError
from reconcile.model.item import Appointment, Attachment, Item, ItemKind
from reconcile.model.item_edit import digests
from reconcile.model.item_field import Direction, by_name
from reconcile.model.item_link import Link
from reconcile.ports.collection import Collection, Contents, RemoteItem
from reconcile.ports.item_store import PairChange, RecordChange
from reconcile.sync.decide.two_way_rules import TwoWayRules
from reconcile.sync.items.mailbox import ItemMailbox, ItemTools

#: How a link's `why` begins that is about them.
_LEFT_OUT: Final = "left in the mailbox: "
_LONGEST: Final = 400
_KIND: Final = ItemKind.APPOINTMENT


def contents_of(tools: ItemTools) -> Contents:
    """Bytes from our store."""

    def read(digest: str) -> bytes:
        try:
            return tools.store.blob(digest)
        except KeyError:
            raise PermanentError(
                "the bytes of an attachment are missing in the store", hint="Attach the file again, or restore a backup."
            ) from None

    return read


def fetched(collection: Collection, changes: Sequence[PairChange], tools: ItemTools, mailbox: ItemMailbox) -> dict[str, bytes]:
    """Bytes of attachments that these changes bring and that we do not have yet."""
    found: dict[str, bytes] = {}
    if not mailbox.rules.attachments:
        return found
    for change in changes:
        for one in files_of(change.record.item) if isinstance(change.record, RecordChange) else ():
            if one.digest in found or change.link is None:
                continue
            try:
                tools.store.blob(one.digest)
            except KeyError:
                found[one.digest] = collection.attachment(change.link.remote_id, one.digest)
    return found


def files_of(item: Item) -> tuple[Attachment, ...]:
    """Only appointments have any."""
    return item.attachments if isinstance(item, Appointment) else ()


def are_carried(item: Item, rules: TwoWayRules) -> bool:
    """Whether files of this item go both ways: not those of a series."""
    if not isinstance(item, Appointment) or item.recurrence is not None:
        return False
    return rules.direction(_KIND, by_name(_KIND)["attachments"]) is not Direction.NONE


def with_agreed_files(theirs: Item, agreed: Item, wrote: Item, rules: TwoWayRules) -> Item:
    """`theirs` as it is after it was written to. Of its files those are agreed that were, or that were written; while none are carried,
    what was agreed stays so. A file that nobody looked at before has not been taken in yet."""
    if not (isinstance(theirs, Appointment) and isinstance(agreed, Appointment) and isinstance(wrote, Appointment)):
        return theirs
    if not are_carried(theirs, rules):
        return replace(theirs, attachments=agreed.attachments)
    known = digests(agreed) | digests(wrote)
    return replace(theirs, attachments=tuple(one for one in theirs.attachments if one.digest in known))


def without_series_files(theirs: Item, before: Item | None) -> Item:
    """`theirs` as it is agreed. Nobody takes in the files of a series: only those that were agreed before are, so that the others come in
    once it is a single appointment."""
    if not isinstance(theirs, Appointment) or theirs.recurrence is None:
        return theirs
    return replace(theirs, attachments=before.attachments if isinstance(before, Appointment) else ())


def told(link: Link, remote: RemoteItem | None) -> Link:
    """With what is left out said, or no longer. What holds a pair up weighs more."""
    if remote is None or (link.why and not link.why.startswith(_LEFT_OUT)):
        return link
    words = _LEFT_OUT + "; ".join(remote.left_out) if remote.left_out else ""
    return replace(link, why=words[:_LONGEST])
