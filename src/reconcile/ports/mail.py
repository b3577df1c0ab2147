"""Connectors to mail servers: the receiving half (Inbox)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId


@dataclass(frozen=True, slots=True)
class Listed:
    """A message the server names. `received` is the server's clock (aware, UTC), None where it gives none; `size` in bytes as the
    server claims (it may be wrong). `folder` is the tracked folder it lies in, as it is declared; "" for the inbox."""

    remote_id: RemoteId
    received: datetime | None
    size: int
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a first look tells. `messages` is the server's count, `news` whether `read` may find anything, `restarted` whether the
    cursor belongs to another history (or there was none): then everything is listed again, under a new generation. `lacking` says of
    tracked folders, one each, why they are not read."""

    messages: int
    news: bool
    restarted: bool
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages that were decided together, and the cursor that is right once all of them are kept.

    `read` were given to `accept` in this order, `declined` were not wanted, `missing` are listed by the server but without content,
    `vanished` were asked for again (see `retry`) but are no longer listed. `messages` is the server's count now, `unlisted` how many it
    counts behind the last one it lists: it is asked again for those, and while it stays above 0 nobody may call the inbox read.
    `last`: nothing is read after it, as far as is known, so nothing is won by keeping it beside the reading.
    """

    read: tuple[Listed, ...]
    declined: int
    missing: tuple[Listed, ...]
    vanished: tuple[RemoteId, ...]
    cursor: Cursor
    messages: int
    unlisted: int = 0
    last: bool = False


#: Asked with a message and its header (everything up to and with the empty line, cut after 256 KB, never empty), before its body is
#: fetched: whether the body is wanted.
Examine: TypeAlias = Callable[[Listed, bytes], bool]
#: Told of several messages and their headers before `examine` is asked for each of them, so that what it looks up is looked up at once.
Foresee: TypeAlias = Callable[[Sequence[tuple[Listed, bytes]]], None]


#: Told of several messages before `wanted` is asked for each of them, for the same reason.
Foretell: TypeAlias = Callable[[Sequence[Listed]], None]


class Inbox(Protocol):
    """One mailbox's inbox over one connection, and tracked folders below it where the server has such, read-only: nothing at the server
    changes, no flag either."""

    def look(self, cursor: Cursor | None) -> Look:
        """Open the inbox. Cheap: no search, no listing.

        An inbox that is not closed may be looked at again, which costs one question and its answer; a connection that ended meanwhile
        is replaced, without an error unless that fails, too.
        """
        ...

    def read(
        self,
        cursor: Cursor | None,
        *,
        since: datetime | None,
        retry: Sequence[RemoteId],
        wanted: Callable[[Listed], bool],
        accept: Callable[[Listed, Iterator[bytes]], None],
        examine: Examine | None = None,
        foresee: Foresee | None = None,
        foretell: Foretell | None = None,
        careful: bool = False,
    ) -> Iterator[Batch]:
        """List what lies behind the cursor (everything for None), ask `wanted` for each message, hand the bytes of each wanted one
        to `accept` in chunks of at most a few megabytes, in order; after each batch, yield it.

        With `examine` the header of each wanted message is fetched first, in order, and only those it takes are read as a whole; the
        others count as `declined`, those that come without a header as `missing`. Without it no header is fetched by
        itself. `foresee` goes with `examine`; where headers come one by one it is not told. `foretell`
        goes with `wanted`, and is told of all messages that are not asked for again.

        A server that tells no dates (POP3) is asked for the header first: then `wanted` is asked twice, with `received` None before
        anything is fetched, and with the date once it is known.

        `since` may be used to let the server leave out what is more than a day older; the decision stays with `wanted`. `retry`
        names messages of this history that came without content before; they are asked for again, last. `accept` must consume
        the chunks; an error of its own passes through. `careful` reads one message at a time, after a connection broke more than
        once at the same place. Messages of one batch that was not yielded count as not read.

        Raises TransientError, PermanentError. After an error the connection is useless: close it.
        """
        ...

    def close(self) -> None:
        """Leave politely where that still works. Raises nothing."""
        ...


class Watcher(Protocol):
    """Tells when it is worth to look, over one connection of its own. A hint only: who looks decides by the cursor, as ever."""

    def wait(self, timeout: float) -> bool:
        """Wait until something arrives, `timeout` seconds at most; True when the inbox should be looked at.

        True at once after each new connection: what came before it nobody tells. Raises TransientError, PermanentError (Unsupported
        where the server cannot do it); the next call connects again.
        """
        ...

    def close(self) -> None:
        """Ends a `wait` in another thread, too, with Unavailable. Raises nothing."""
        ...


class MessageCounter(Protocol):
    """Looks how much mail an inbox, and what is read beside it, holds; nothing at the server changes."""

    def count(self, since: datetime | None, before: datetime | None) -> int:
        """Messages received from `since` (included) to `before` (excluded), by the server's clock; None leaves an end open.

        Raises TransientError, PermanentError.
        """
        ...


class MessageFinder(Protocol):
    """Looks where an account has a message, in all of its folders; nothing at the server changes."""

    def folders_of(self, message_id: str) -> Sequence[str]:
        """Names of the folders that hold a message of this Message-ID (with its angle brackets). Raises TransientError, PermanentError."""
        ...
