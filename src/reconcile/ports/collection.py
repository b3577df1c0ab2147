"""The two-way side of a connector: one folder of appointments, contacts or tasks in one mailbox.

Reading is cheap first: `changes` names what changed, `read` fetches what is needed. Everything that changes the folder is safe to repeat
after a death or a lost answer: `create` by the token that the item bears from its first moment, the rest by the version it was made from.

    create     before it, whoever calls has written the token down; afterwards `find` says whether it was carried out, and whether as a
               whole: what is `unfinished` (files, exceptions of a series, the invitation) is done by `finish`
    update     } carried out, the version has moved, so that a second one is PreconditionFailed
    delete     } gone already: nothing happens, and that is no error
    categorise } as update

Nothing here tells anybody anything unless `invite` or `cancel` says so. Every call may raise TransientError (carried out or not) and
PermanentError (not carried out; Unsupported where the server cannot do it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.item import Item, ItemKind
from reconcile.model.remote_id import RemoteId

#: Gives the bytes of an attachment by its digest. Raises KeyError for what it does not have.
Contents: TypeAlias = Callable[[str], bytes]
#: Says of a file (its name, media type and octets) why it takes no part, "" when it does. What takes none is neither read nor touched.
Excluded: TypeAlias = Callable[[str, str, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedItem:
    """An item that is new or changed. `version` moves with each change of it; `token` is the one it was created with, "" for what we did
    not make. `trace` is what the server knows it by in whatever folder it lies (its copies, too), "" where it has no such thing.
    `categories` are their names as people see them."""

    remote_id: RemoteId
    version: str
    token: str = ""
    trace: str = ""
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteItem:
    """A whole item. `organized_here`: this mailbox is its organizer (or nobody but its owner takes part). `canceled`: its organizer called
    the meeting off. `modified` is the server's clock, UTC; None where it has none. `left_out` says which of its files take no part, and
    why. `unfinished`: a create of ours died before it was over."""

    listed: ListedItem
    item: Item
    organized_here: bool = True
    canceled: bool = False
    modified: datetime | None = None
    left_out: tuple[str, ...] = ()
    unfinished: bool = False


class Departure(StrEnum):
    """Why an item is no longer in the folder."""

    DELETED = "deleted"  # somebody deleted it: it is gone, or in the trash
    MOVED = "moved"  # it is in another folder of the same mailbox
    UNKNOWN = "unknown"  # the server does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An item that was in the folder."""

    remote_id: RemoteId
    departure: Departure


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """What an item bears wherever it lies: its token and its trace, "" for what it has not; one of them at least."""

    token: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """What changed, at most a few hundred items, and the cursor that is right once all of it is kept. An item is in `items` or in `gone`,
    once a page. `last`: nothing more behind it now."""

    items: tuple[ListedItem, ...]
    gone: tuple[Gone, ...]
    cursor: Cursor
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An item as it stands after a change of ours."""

    remote_id: RemoteId
    version: str


class Collection(Protocol):
    """One folder over one connection."""

    @property
    def kind(self) -> ItemKind:
        """What it holds."""
        ...

    def identity(self) -> str:
        """What its server calls this folder, for as long as there is this mailbox: another name is another mailbox behind the address."""
        ...

    def changes(self, cursor: Cursor | None) -> Iterator[ChangePage]:
        """What changed since, page by page, at least one page; None begins with everything that is there. Pages are asked for as they are
        taken. Our own changes come back as well. An item may be listed again unchanged, but none is left out.

        Raises CursorInvalid where the server no longer knows the place: begin with None. What is not named then is gone (`read` says how).
        """
        ...

    def read(self, remote_ids: Sequence[RemoteId]) -> Sequence[RemoteItem | Gone]:
        """These items as they are now, in this order, by as few questions as possible. One that cannot be read raises PermanentError only
        when it was asked for alone; among others it ends the call."""
        ...

    def find(self, token: str) -> RemoteItem | None:
        """The item that was created with this token, wherever it lies in the mailbox but for the trash. None is certain: no create with it
        was carried out before this call, or it was deleted since. Of copies the one in this folder counts, of several there the oldest."""
        ...

    def whereabouts(self, bearings: Sequence[Bearing]) -> Sequence[Departure]:
        """Where items lie that are no longer where they were, in this order, by as few questions as possible. MOVED: one that bears this
        is in a folder of the mailbox, this one included. DELETED: it is in none of them, but in the trash, or among what can be recovered.
        UNKNOWN: it is nowhere."""
        ...

    def attachment(self, remote_id: RemoteId, digest: str) -> bytes:
        """The bytes of one of its attachments."""
        ...

    def create(self, token: str, item: Item, *, invite: bool, categories: frozenset[str] = frozenset(), contents: Contents) -> Stored:
        """Add an item that bears the token. `invite` sends invitations to its attendees once everything is there; without it nobody hears
        of it. Where it fails for good, nothing is left of it; where the account is refused halfway, it stays unfinished."""
        ...

    def finish(self, remote_id: RemoteId, item: Item, *, invite: bool, contents: Contents) -> Stored:
        """What a create that died left out of `item`: nothing that is there is done twice, and nobody is invited twice. Where it fails for
        good, the item goes to the trash; where the account is refused, it stays unfinished. Raises PreconditionFailed when it is gone."""
        ...

    def update(self, remote_id: RemoteId, version: str, item: Item, columns: frozenset[str], *, invite: bool, contents: Contents) -> Stored:
        """Set these columns to what they are in `item` (recurrence None: no series any more) and leave the others alone. `invite` tells the
        attendees, those who are no longer among them too. Raises PreconditionFailed when it is not at this version, or gone."""
        ...

    def delete(self, remote_id: RemoteId, version: str, *, cancel: bool) -> None:
        """To the trash, where there is one. `cancel` calls the meeting off for its attendees. Raises PreconditionFailed when it is at
        another version; what is gone already is no error."""
        ...

    def categorise(self, remote_id: RemoteId, version: str, *, add: frozenset[str], remove: frozenset[str]) -> Stored:
        """Change its categories and nothing else. Raises as `update`. Nobody is told."""
        ...

    def close(self) -> None:
        """Raises nothing."""
        ...
