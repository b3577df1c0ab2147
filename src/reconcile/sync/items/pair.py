"""What became of the two sides of a pair, in the words of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from reconcile.errors import AuthenticationRejected, BlockedByTenant, MailboxRefused, PermanentError, PermissionDenied
from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import ItemKind
from reconcile.model.item_bounds import beyond_bounds
from reconcile.model.item_link import Link, LinkState
from reconcile.model.item_normal import normal
from reconcile.model.item_record import Record
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Collection, Departure, Gone, ListedItem, RemoteItem
from reconcile.sync.decide.two_way import Case, Ours, Theirs
from reconcile.sync.decide.two_way_merge import as_ours
from reconcile.sync.decide.two_way_scope import in_scope, is_marked
from reconcile.sync.items.files import are_carried, files_of
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox

#: So many items are read with one question.
READ = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`remote` where it was read, `gone` where it left the folder, neither where nothing is known but the link. `returned`: it came back
    under another id than the one that is kept, and `link` has the new one already."""

    link: Link | None
    record: Record | None
    listed: ListedItem | None = None
    remote: RemoteItem | None = None
    gone: Gone | None = None
    returned: bool = False
    organizer_linked: bool = False


def case_of(pair: Pair, mailbox: ItemMailbox, kind: ItemKind) -> Case:
    """The pair as the table asks for it."""
    return Case(
        kind=kind,
        link=pair.link,
        record=pair.record,
        ours=ours_of(pair, mailbox),
        theirs=theirs_of(pair, mailbox, kind),
        remote=pair.remote,
        address=mailbox.address,
        organizer_linked=pair.organizer_linked,
    )


def ours_of(pair: Pair, mailbox: ItemMailbox) -> Ours:
    """What became of the record."""
    link, record = pair.link, pair.record
    if record is None:
        return Ours.NEVER if link is None else Ours.DELETED
    linked = link is not None and link.state is LinkState.LINKED
    wanted = in_scope(record, mailbox.address, mailbox.rules, linked=linked)
    # What came in by its mark was never wanted by a filter, and does not leave one.
    if not wanted and (link is None or link.in_scope or link.state is not LinkState.LINKED):
        return Ours.OUTSIDE
    if link is None or record.version != link.record_version:
        return Ours.CHANGED
    # Files that waited for a setting go now, although nobody edits the record.
    return Ours.CHANGED if files_differ(pair, mailbox) else Ours.SAME


def files_differ(pair: Pair, mailbox: ItemMailbox) -> bool:
    """Whether files of the record are to be carried over."""
    if pair.link is None or pair.record is None or pair.link.state is not LinkState.LINKED:
        return False
    return are_carried(pair.record.item, mailbox.rules) and files_of(pair.record.item) != files_of(pair.link.agreed.ours)


def theirs_of(pair: Pair, mailbox: ItemMailbox, kind: ItemKind) -> Theirs:
    """What became of the item."""
    if pair.gone is not None:
        return {Departure.DELETED: Theirs.DELETED, Departure.MOVED: Theirs.MOVED, Departure.UNKNOWN: Theirs.LOST}[pair.gone.departure]
    if pair.listed is None:
        return Theirs.NEVER if pair.link is None else Theirs.SAME
    marked = is_marked(pair.listed, kind, mailbox.rules)
    if pair.link is None:
        return Theirs.CHANGED if marked else Theirs.UNMARKED
    if pair.link.state is LinkState.PARTED:
        return Theirs.CHANGED if marked and not pair.link.categorised else Theirs.SAME
    if pair.link.categorised and not marked and mailbox.rules.tracks_by_category(kind):
        return Theirs.UNMARKED
    # A version moves for more than we keep in step: a flag, a reminder, what a server does by itself.
    if pair.remote is not None and not pair.remote.canceled and as_ours(pair.remote.item) == as_ours(pair.link.agreed.theirs):
        return Theirs.SAME
    return Theirs.CHANGED


def is_about_one(error: PermanentError) -> bool:
    """Whether the other items can be dealt with all the same."""
    of_all = (AuthenticationRejected, BlockedByTenant, PermissionDenied, MailboxRefused)
    return error.about == "mailbox" and not isinstance(error, of_all)


def normalised(remote: RemoteItem, now: datetime) -> RemoteItem:
    """In the form in which it can be compared."""
    return replace(remote, item=normal(remote.item, today=now.date()))


def read_all(
    collection: Collection, remote_ids: Sequence[RemoteId], now: datetime, counts: ItemCounts
) -> dict[RemoteId, RemoteItem | Gone]:
    """Many at a time; one that cannot be read keeps nobody else from it, and is missing from the answer."""
    found: dict[RemoteId, RemoteItem | Gone] = {}
    for start in range(0, len(remote_ids), READ):
        part = list(remote_ids[start : start + READ])
        try:
            answers = list(zip(part, collection.read(part), strict=True))
        except PermanentError as several:
            if not is_about_one(several):
                raise
            answers = []
            for one in part:
                try:
                    answers += zip([one], collection.read([one]), strict=True)
                except PermanentError as error:
                    if not is_about_one(error):
                        raise
                    counts.failed.append((0, error.message))
                    counts.unread.append((one, error.message))
        for one, answer in answers:
            if isinstance(answer, Gone):
                found[one] = answer
            elif (beyond := beyond_bounds(answer.item)) is not None:
                words = f"{beyond[0]}: {beyond[1]}"
                counts.failed.append((0, words))
                counts.unread.append((one, words))
            else:
                found[one] = normalised(answer, now)
    return found
