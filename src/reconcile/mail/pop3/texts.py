"""Headers and whole messages, asked for some ahead where the server takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from reconcile.mail.pop3.faults import Refused
from reconcile.mail.pop3.session import Session

#: Longer headers are cut: nothing that decides stands so far behind.
HEADER_BYTES = 256 << 10
#: Commands sent before the first is answered. Small enough for any server's input buffer.
WINDOW = 48


def tops(session: Session, numbers: Sequence[int]) -> Iterator[bytes | None]:
    """The header of each, with the empty line, cut after `HEADER_BYTES`; None where the server does not give it."""
    for answer in answers(session, [b"TOP %d 0" % number for number in numbers]):
        pieces = answer()
        yield None if pieces is None else _header(pieces)


def answers(session: Session, commands: Iterable[bytes], *, window: int = WINDOW) -> Iterator[Callable[[], Iterator[bytes] | None]]:
    """For each command a call that reads its text: None for a refusal. Each must be called, and read to its end, before the next."""
    waiting = iter(commands)
    flying: deque[bytes] = deque()
    most = window if session.pipelines else 1

    def answer() -> Iterator[bytes] | None:
        try:
            return session.wire.body()
        except Refused:
            return None

    while True:
        if len(flying) <= most // 2:
            more = [*islice(waiting, most - len(flying))]
            if more:
                session.wire.send(more)
                flying.extend(more)
        if not flying:
            return
        flying.popleft()
        yield answer


def _header(pieces: Iterator[bytes]) -> bytes:
    head = b""
    for piece in pieces:
        if len(head) < HEADER_BYTES:
            head += piece
    return header_of(head)


def header_of(head: bytes) -> bytes:
    """What stands before the body, with the empty line."""
    end = 2 if head.startswith(b"\r\n") else head.find(b"\r\n\r\n") + 4
    return (head if end < 4 and end != 2 else head[:end])[:HEADER_BYTES]
