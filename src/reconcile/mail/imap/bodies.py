"""Bodies: one batch in one command, read in order, large ones in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reconcile.mail.imap.faults import Refused
from reconcile.mail.imap.groups import LARGE_BYTES
from reconcile.mail.imap.listing import uid_set
from reconcile.mail.imap.parts import in_parts
from reconcile.mail.imap.replies import TOO_LONG
from reconcile.mail.imap.stream import Request, Stream
from reconcile.ports.mail import Listed

Accept = Callable[[Listed, Iterator[bytes]], None]


class Flight:
    """One batch of bodies: asked for when made, read when landed. What comes before that (the server answers in order, but an
    earlier batch may still be asking for parts of a large message) waits in memory, a batch at most."""

    def __init__(self, stream: Stream, asked: Sequence[Listed], accept: Accept) -> None:
        self.asked = tuple(asked)
        self._stream = stream
        self._accept = accept
        self._left = {int(message.remote_id.value): message for message in asked}
        self._too_long: list[Listed] = []
        self._early: list[tuple[Listed, bytes]] = []
        self._landing = False
        self._request: Request | None = None
        self._in_parts = len(self.asked) == 1 and self.asked[0].size > LARGE_BYTES
        if self.asked and not self._in_parts:
            self._request = stream.ask(b"UID FETCH %s (UID BODY.PEEK[])" % uid_set(list(self._left)), self._take)

    def _take(self, _: int, uid: int, found: dict[bytes, object]) -> bool:
        if b"BODY[]" not in found:
            return False
        message = self._left.get(uid)
        if message is None:
            return False
        body = found[b"BODY[]"]
        if body is TOO_LONG:
            # The claimed size was wrong: once more, in parts.
            del self._left[uid]
            self._too_long.append(message)
        elif isinstance(body, bytes):
            del self._left[uid]
            if self._landing:
                self._accept(message, iter((body,)))
            else:
                self._early.append((message, body))
        return True

    def land(self) -> tuple[Listed, ...]:
        """Read the answer; returns what came without content."""
        self._landing = True
        for message, body in self._early:
            self._accept(message, iter((body,)))
        self._early.clear()
        if self._request is not None:
            try:
                self._stream.finish(self._request)
            except Refused as refused:
                # Exchange answers NO after the others when one message cannot be rendered; BAD is about us.
                if refused.kind != "NO" or len(self._left) == len(self.asked) > 1:
                    raise
        large = list(self.asked) if self._in_parts else self._too_long
        missing = [] if self._in_parts else list(self._left.values())
        for message in large:
            first, rest = in_parts(self._stream, int(message.remote_id.value), message.size)
            if first is None:
                missing.append(message)
            else:
                self._accept(message, rest)
        return tuple(missing)
