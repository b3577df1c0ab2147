"""What lies behind the cursor: numbers, dates and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.mail.imap.place import PROTOCOL
from reconcile.mail.imap.replies import internal_date, number
from reconcile.mail.imap.stream import Request, Stream
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Listed

#: Messages whose dates and sizes are held at a time.
WINDOW = 2000
#: So many of the last UIDs are listed without a search.
END = 200
#: As dates on the wire name them.
MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def uid_set(uids: Sequence[int]) -> bytes:
    """Ascending UIDs as a set with ranges; servers limit the length of a command."""
    parts: list[str] = []
    start = previous = uids[0]
    for uid in [*uids[1:], 0]:
        if uid != previous + 1:
            parts.append(str(start) if start == previous else f"{start}:{previous}")
            start = uid
        previous = uid
    return ",".join(parts).encode("ascii")


def search_day(moment: datetime) -> bytes:
    """A date for SEARCH (RFC 3501, 9: date)."""
    return b"%d-%s-%04d" % (moment.day, MONTHS[moment.month - 1], moment.year)


@dataclass(slots=True)
class Found:
    """Answers to one question for dates and sizes."""

    listed: dict[int, Listed] = field(default_factory=dict)
    highest_sequence: int = 0

    def taking(self, uids: set[int] | None) -> Callable[[int, int, dict[bytes, object]], bool]:
        """Takes what was asked for (`uids`, or everything)."""

        def take(sequence: int, uid: int, found: dict[bytes, object]) -> bool:
            if b"RFC822.SIZE" not in found and b"INTERNALDATE" not in found:
                return False
            if uids is not None and uid not in uids:
                return False
            self.highest_sequence = max(self.highest_sequence, sequence)
            self.listed[uid] = Listed(
                RemoteId(PROTOCOL, str(uid)), internal_date(found.get(b"INTERNALDATE")), number(found.get(b"RFC822.SIZE")) or 0
            )
            return True

        return take


def _listed(uids: Sequence[int], found: Found) -> list[Listed]:
    """Searched but not listed: deleted meanwhile, or not shown for a while. Asking for the content tells."""
    return [found.listed.get(uid) or Listed(RemoteId(PROTOCOL, str(uid)), None, 0) for uid in uids]


class Listing:
    """Messages with a UID above `after`. Of many the server may leave out what is older than `since` (SEARCH SINCE, RFC 3501 6.4.4)."""

    def __init__(self, stream: Stream, *, after: int, next_uid: int, since: datetime | None) -> None:
        self._stream = stream
        self._after = after
        self._next_uid = next_uid
        self._since = since
        self._highest_sequence = 0
        self.found_any = False

    def unlisted(self, exists: int) -> int:
        """Messages the server counts behind the last one that was listed."""
        return max(0, exists - self._highest_sequence)

    def windows(self) -> Iterator[list[Listed]]:
        """Stretches in ascending order, their dates and sizes held at a time."""
        for window in self._stretches():
            self.found_any = self.found_any or bool(window)
            yield window

    def _stretches(self) -> Iterator[list[Listed]]:
        if 0 < self._next_uid <= self._after + WINDOW:
            yield self._few()
        else:
            yield from self._many()

    def _few(self) -> list[Listed]:
        """The dates of all, whatever `since`: an index that a search by date uses may lag behind. Both questions in one go.

        "*" always names the last message, so its sequence number tells whether the listing is complete.
        """
        first = self._after + 1
        search = self._stream.ask_search(b"UID %d:*" % first)
        found = Found()
        request = self._ask(b"%d:*" % first, found, None)
        uids = {uid for uid in self._stream.found(search) if uid > self._after}
        self._finish(request, found)
        return _listed(sorted(uids | {uid for uid in found.listed if uid > self._after}), found)

    def _many(self) -> Iterator[list[Listed]]:
        """Searched by date; the end is listed without a search as well: what just came may be announced, but not found yet."""
        first, end = self._after + 1, Found()
        since = b" SINCE " + search_day(self._since) if self._since else b""
        search = self._stream.ask_search(b"UID %d:*%s" % (first, since))
        from_here = max(first, self._next_uid - END)
        request = self._ask(b"%d:*" % from_here if self._next_uid else b"*", end, None)
        uids = [uid for uid in self._stream.found(search) if uid > self._after]
        self._finish(request, end)
        last = {uid for uid in end.listed if uid > self._after}
        if self._next_uid:
            last |= {uid for uid in uids if uid >= from_here}
        before = [uid for uid in uids if uid not in last]
        following: tuple[Request, Found, list[int]] | None = None
        for start in range(0, len(before), WINDOW):
            part = before[start : start + WINDOW]
            found = Found()
            asked = (self._ask(uid_set(part), found, set(part)), found, part)
            if following is not None:
                yield self._answer(*following)
            following = asked
        if following is not None:
            yield self._answer(*following)
        yield _listed(sorted(last), end)

    def _ask(self, uids: bytes, found: Found, only: set[int] | None) -> Request:
        return self._stream.ask(b"UID FETCH %s (UID INTERNALDATE RFC822.SIZE)" % uids, found.taking(only))

    def _finish(self, request: Request, found: Found) -> None:
        self._stream.finish(request)
        self._highest_sequence = max(self._highest_sequence, found.highest_sequence)

    def _answer(self, request: Request, found: Found, uids: list[int]) -> list[Listed]:
        self._finish(request, found)
        return _listed(uids, found)
