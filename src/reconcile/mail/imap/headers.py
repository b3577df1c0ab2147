"""Headers first: where rules may refuse a message, its header alone is fetched, and its body only when they take it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from reconcile.lazy_dataclass import dataclass
from reconcile.mail.imap.faults import Refused
from reconcile.mail.imap.groups import Judged, Verdict
from reconcile.mail.imap.listing import uid_set
from reconcile.mail.imap.stream import Request, Stream
from reconcile.ports.mail import Examine, Foresee, Listed

#: Longer headers are cut: nothing that decides stands so far behind.
HEADER_BYTES = 256 << 10
#: Headers asked for with one command: together no more than so many bytes, each counted as what it can be at most.
_BATCH_BYTES = 8 << 20
_BATCH_MESSAGES = 500
#: Batches asked for before the first is answered.
_WINDOW = 2


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """See `Examine` and `Foresee`."""

    examine: Examine
    foresee: Foresee | None


def examined(
    stream: Stream, windows: Iterable[Iterable[Judged]], rule: HeaderRule, *, one_by_one: bool = False
) -> Iterator[Sequence[Judged]]:
    """Judged again by their headers, in the same order; what comes without a header is EMPTY (RFC 3501, 6.4.5: partial fetch)."""
    waiting: deque[_Headers] = deque()
    for window in windows:
        for stretch in _stretches(window, one_by_one):
            waiting.append(_Headers(stream, stretch))
            if len(waiting) > _WINDOW:
                yield waiting.popleft().land(rule)
    while waiting:
        yield waiting.popleft().land(rule)


def _stretches(window: Iterable[Judged], one_by_one: bool) -> Iterator[list[Judged]]:
    stretch: list[Judged] = []
    size = 0
    for message, verdict in window:
        if verdict is Verdict.WANTED:
            # A size of 0 is no size.
            weight = min(message.size or HEADER_BYTES, HEADER_BYTES)
            if stretch and (one_by_one or size + weight > _BATCH_BYTES):
                yield stretch
                stretch, size = [], 0
            size += weight
        stretch.append((message, verdict))
        if len(stretch) >= _BATCH_MESSAGES:
            yield stretch
            stretch, size = [], 0
    if stretch:
        yield stretch


class _Headers:
    """One batch: asked for when made, examined when landed."""

    def __init__(self, stream: Stream, stretch: list[Judged]) -> None:
        self._stream = stream
        self._stretch = stretch
        self._open = {int(message.remote_id.value) for message, verdict in stretch if verdict is Verdict.WANTED}
        self._asked = len(self._open)
        self._found: dict[int, bytes] = {}
        self._request: Request | None = None
        if self._open:
            uids = uid_set(sorted(self._open))
            self._request = stream.ask(b"UID FETCH %s (UID BODY.PEEK[HEADER]<0.%d>)" % (uids, HEADER_BYTES), self._take)

    def _take(self, _: int, uid: int, found: dict[bytes, object]) -> bool:
        if b"BODY[HEADER]" not in found or uid not in self._open:
            return False
        header = found[b"BODY[HEADER]"]
        self._open.discard(uid)
        # What was read past because it is too long for any header counts as none.
        if isinstance(header, bytes):
            self._found[uid] = header[:HEADER_BYTES]
        return True

    def land(self, rule: HeaderRule) -> list[Judged]:
        """Read the answer and judge."""
        if self._request is not None:
            try:
                self._stream.finish(self._request)
            except Refused as refused:
                # As with bodies: Exchange answers NO after the others when one message cannot be rendered; BAD is about us.
                if refused.kind != "NO" or len(self._open) == self._asked > 1:
                    raise
        headers = {message.remote_id: self._header(message) for message, verdict in self._stretch if verdict is Verdict.WANTED}
        if rule.foresee is not None:
            rule.foresee([(message, header) for message, _ in self._stretch if (header := headers.get(message.remote_id)) is not None])
        given = headers.get
        return [(message, self._judge(message, verdict, given(message.remote_id), rule.examine)) for message, verdict in self._stretch]

    def _header(self, message: Listed) -> bytes | None:
        header = self._found.pop(int(message.remote_id.value), None)
        # A message of no bytes at all, which the server gives as such, has but the empty line; of any other the header is missing.
        return b"\r\n" if header == b"" and message.size == 0 else header or None

    def _judge(self, message: Listed, verdict: Verdict, header: bytes | None, examine: Examine) -> Verdict:
        if verdict is not Verdict.WANTED:
            return verdict
        if header is None:
            return Verdict.EMPTY
        return Verdict.WANTED if examine(message, header) else Verdict.DECLINED
