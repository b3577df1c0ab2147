"""The outbox: mails entrusted to us, each transition durable and written down."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias

from reconcile.errors import ReconcileError, Throttled, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.mail_clues import MailClues
from reconcile.model.outbox_step import Step
from reconcile.model.outgoing import OutboxEntry, OutboxEvent, OutgoingState
from reconcile.model.sending_limits import Exhausted

#: A lease that ends later than this from now was taken before the clock was set back: whoever took it is not believed to live.
LONGEST_LEASE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """`existed` when the client's key named an entry that was already there."""

    entry: OutboxEntry
    existed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMail:
    """One of several mails that are handed in together. `clues` are by what an answer to it is recognised."""

    entry: OutboxEntry
    content: bytes
    clues: MailClues | None = None


#: One of several mails that were handed in together; the error is what `add` would have raised for it.
AddOutcome: TypeAlias = Added | UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Steps of one mail. `known` is the mail as the caller wrote or read it last: where it still is that, nothing needs to be read."""

    known: OutboxEntry
    steps: tuple[Step, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenNumbers:
    """For tracking tokens: the mailbox's place among those that send with tokens (from 1, never changed), and the first of the numbers that
    its messages get now, in a row."""

    ordinal: int
    first: int


def refuse_exhausted(found: Exhausted | None, now: datetime) -> None:
    """Raises Throttled where a limit is reached: nothing is handed over."""
    if found is not None:
        raise Throttled(f"the limit of {found.limit} is reached", retry_after=(found.until - now).total_seconds())


class OutboxReader(Protocol):
    """Looking at it. A missing store reads as empty."""

    def entries(
        self, *, states: Collection[OutgoingState] = (), mailbox_id: str = "", limit: int = 0, next_after: datetime | None = None
    ) -> Sequence[OutboxEntry]:
        """In the order they were added; no states = all, no mailbox = all, limit 0 = all. `next_after`: those alone that are next
        tried after it."""
        ...

    def entry(self, entry_id: int) -> OutboxEntry | None: ...

    def keyed(self, client_keys: Collection[str]) -> Mapping[str, OutboxEntry]:
        """The mails that were added under these keys, by key."""
        ...

    def events(self, entry_id: int) -> Sequence[OutboxEvent]:
        """Oldest first."""
        ...

    def content(self, entry_id: int) -> bytes:
        """The bytes that are sent, exactly. Raises UserError when there is no such entry."""
        ...

    def contents(self, entry_ids: Sequence[int], *, octets: int) -> Mapping[int, bytes]:
        """As `content`, of the first of these until there are so many octets: the first one at least. Those that are gone are left out."""
        ...


class OutboxStore(OutboxReader, Protocol):
    """Writing. Every method is durable when it returns."""

    def add(self, entry: OutboxEntry, content: bytes, clues: MailClues | None = None) -> Added:
        """Keep a new mail and by what it is found; `entry.id` is ignored, the store numbers. With a `client_key` that is known: the
        entry it named.

        Raises UserError when the key was used for another request, or when the Message-ID is already in the outbox.
        """
        ...

    def add_all(self, mails: Sequence[NewMail]) -> Sequence[AddOutcome]:
        """As `add`, each by itself and all of them in few transactions: what became of each, in the order given."""
        ...

    def due(self, *, at: datetime) -> Sequence[OutboxEntry]:
        """Pending entries whose time has come and which no live owner holds, in the order they were added."""
        ...

    def advance(self, entry_id: int, step: Step, *more: Step, at: datetime) -> OutboxEntry:
        """Take one step (model/outbox_step.py), or several of which all count or none, and append them to the history, in one
        transaction.

        Raises PreconditionFailed when the entry is no longer where the step starts from, UserError as `advanced` does, Throttled when
        a `Begin` would exceed its limits.
        """
        ...

    def follow(self, moves: Sequence[Move]) -> list[OutboxEntry | ReconcileError]:
        """As `advance` for each, in this order and in one commit: durable when this returns. Each counts or fails by itself; what
        `advance` would have raised for it stands in its place."""
        ...

    def count_tokens(self, wanted: Mapping[str, int]) -> Mapping[str, TokenNumbers]:
        """Numbers for so many tokens of each mailbox (by id). None of them is given out again, also after a crash."""
        ...

    def handed_over(self, account: str, number: int) -> datetime | None:
        """When the account began to hand over its `number`-th newest message of the last day, None when there were fewer."""
        ...

    def copies_due(self, *, at: datetime) -> Sequence[OutboxEntry]:
        """Mails whose copy in the folder for sent mail is owed and due."""
        ...

    def hold_lease(self, owner: str, *, until: datetime) -> None:
        """`owner` is alive until then, at most LONGEST_LEASE ahead. Called again to renew."""
        ...

    def end_lease(self, owner: str) -> None:
        """`owner` is done; what it still holds is free from now on."""
        ...

    def orphans(self, *, at: datetime) -> Sequence[OutboxEntry]:
        """Entries in `sending` whose owner's lease has run out."""
        ...
