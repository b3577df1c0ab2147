"""What must survive of received mail: raw bytes, activities, and where we stand in each mailbox."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity import Activity
from reconcile.model.activity_details import ActivityState, Regarding
from reconcile.model.cursor import Cursor
from reconcile.model.mail_clues import MailClues
from reconcile.model.mailbox_state import Attempt, MailboxState
from reconcile.model.message import MessageHeader, MessageText
from reconcile.model.party import PartyRow
from reconcile.model.queue_item import NewQueueItem
from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction
from reconcile.model.tracking import Decision, Tracking


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie in the store of bodies; opaque outside the store."""

    pack: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message, read and described. `raw` and `content` are SHA-256 digests: of all bytes, and of what trace headers leave. `content`
    may be empty where `Receiving.met` did not ask for it; the store digests it once it is needed.

    `place` is None when `Receiving.known` said that the same content is already kept. `decision` and `tracking` are None where there is
    nothing to say beyond "this mailbox takes all mail". `queue_items` are written where it
    becomes an activity, `more_queue_items` where it is one already. By `clues` it is found later. `contact` is made for its unknown
    sender, unless there is such a row. `held_for` is a mailbox that it came for by way of this one ("" for none).

    `folder` is the tracked folder it lies in ("" for the inbox). A message without Message-ID that was kept from another folder of the same
    mailbox is that one. The first time that a folder holds an activity last held by no tracked folder or by another one of the mailbox,
    `regarding` is set on it as an edit; what is edited afterwards stays.
    """

    remote_id: RemoteId
    received: str
    size: int
    raw: bytes
    content: bytes
    header: MessageHeader
    header_length: int
    place: Place | None
    decision: Decision | None = None
    tracking: Tracking | None = None
    clues: MailClues | None = None
    queue_items: Sequence[NewQueueItem] = ()
    more_queue_items: Sequence[NewQueueItem] = ()
    contact: PartyRow | None = None
    held_for: str = ""
    folder: str = ""
    regarding: Regarding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A message whose bytes came, but that could not be kept: `words` say why. It is tried again at `next_at`, UTC RFC 3339."""

    remote_id: RemoteId
    words: str
    next_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprocessed:
    """A message that is given up: its decision, the SHA-256 of its bytes, and where they lie (None where they are kept already)."""

    decision: Decision
    raw: bytes
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedBatch:
    """What one commit makes true. `restart` opens a new generation: older remote ids mean nothing from here on.

    `missing` are counted one attempt further and remembered; an arrival is no longer missing, nor is a vanished one (deleted at the
    server), nor one in `settled` (older than the floor by now); `at` is UTC RFC 3339. A missing message counts as reported from
    `report_after` attempts on.

    `floor` is the one that decided this batch, UTC RFC 3339 ("" for none); `recount` starts the counts of the listing anew, because
    everything is listed again; `kept_before` says how many of the `declined` are declined because they are kept already.

    `decisions` are those on messages that are not kept. `failed` are remembered as missing ones are, with their reason; one that is
    missing already was counted before it was tried. `given_up` are no longer missing. An arrival that the store itself cannot take becomes
    a failure with `next_try`, or is given up where it was tried `report_after` times; the rest of the batch is kept.

    `unused` are bytes that were written and are named by nothing. `marks` are to be done at the server to what is kept or given
    up: that is journalled with it. `released` leave the quarantine with this batch. With `lift_purged` arrivals that were purged are
    kept all the same, and it is forgotten that they were. `latest` is the date that the mailbox has reached, once everything was read ("":
    as before).
    """

    cursor: Cursor
    messages: int
    at: str
    arrivals: Sequence[Arrival] = ()
    restart: bool = False
    declined: int = 0
    floor: str = ""
    recount: bool = False
    kept_before: int = 0
    missing: Sequence[RemoteId] = ()
    vanished: Sequence[RemoteId] = ()
    settled: Sequence[RemoteId] = ()
    report_after: int = 5
    decisions: Sequence[Decision] = ()
    failed: Sequence[Failure] = ()
    given_up: Sequence[Unprocessed] = ()
    next_try: str = ""
    unused: Sequence[Place] = ()
    marks: frozenset[MarkAction] = frozenset()
    released: Sequence[int] = ()
    lift_purged: bool = False
    latest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a batch's arrivals."""

    tracked: int = 0
    duplicates: int = 0
    conflicting: int = 0
    failed: int = 0
    given_up: int = 0


class Receiving(Protocol):
    """The exclusive right to receive into one mailbox."""

    #: Whether mail that was purged is wanted again; false at first.
    lift_purged: bool

    @property
    def state(self) -> MailboxState:
        """As of the last commit."""
        ...

    def met(self, message_ids: Collection[str]) -> Set[str]:
        """Those of which an activity is kept or mail may have been purged, so that `known` has to be asked about their content."""
        ...

    def known(self, messages: Sequence[tuple[str, bytes]]) -> Set[tuple[str, bytes]]:
        """Those (Message-ID, content) of which an activity is kept, so that their bytes need not be kept again; never one without a
        Message-ID. What another process or mailbox kept within the last moment may be missed: the commit asks again."""
        ...

    def kept(self, remote_ids: Collection[RemoteId]) -> Set[RemoteId]:
        """Which of these messages of this history are kept already."""
        ...

    def begin(self) -> None:
        """Start the body of one message."""
        ...

    def write(self, chunk: bytes) -> None: ...

    def end(self) -> Place:
        """The body is complete; it becomes durable with the commit that names it."""
        ...

    def discard(self) -> None:
        """Forget the body that was begun (or just ended)."""
        ...

    def commit(self, batch: ReceivedBatch) -> Kept:
        """Bodies first, then in one transaction: activities, remote ids, missing ones, cursor, counts. Durable when it returns."""
        ...


class ActivityReader(Protocol):
    """Reading what is tracked. A missing store reads as empty."""

    def activities(
        self,
        *,
        mailbox_id: str | None,
        since: datetime | None,
        limit: int | None,
        state: ActivityState | None = None,
        regarding: tuple[str, str] | None = None,
        before: tuple[str, int] | None = None,
        queue: str | None = None,
    ) -> Iterator[Activity]:
        """Newest received first. `regarding` is the type and id of the record they are about, `queue` the id or name of a queue that
        they wait in, `before` the `received` and `id` of an
        activity, behind which the list goes on."""
        ...

    def activity(self, activity_id: int) -> Activity | None: ...

    def raw(self, activity_id: int) -> Iterator[bytes]:
        """The bytes as received, in chunks. Raises PermanentError when they are damaged."""
        ...

    def text(self, activity_id: int) -> MessageText | None:
        """What `keep_text` kept."""
        ...

    def states(self) -> Mapping[str, MailboxState]:
        """By mailbox id."""
        ...

    def holders(self, mailbox_ids: Iterable[str]) -> Mapping[str, str]:
        """Who is receiving into these mailboxes now, in words."""
        ...


class MailStore(ActivityReader, Protocol):
    """Everything incoming mail writes."""

    def receive(self, mailbox_id: str) -> AbstractContextManager[Receiving]:
        """Raises Locked with the holder's words when another process receives into this mailbox. Dies with the process."""
        ...

    def record(self, attempts: Sequence[Attempt]) -> None:
        """How looks at mailboxes ended, many in one transaction."""
        ...

    def keep_text(self, activity_id: int, text: MessageText) -> None:
        """Keep what was parsed from the raw bytes."""
        ...
