"""A large message in parts (partial FETCH, RFC 3501 6.4.5), so that memory stays bounded whatever its size."""

from __future__ import annotations

from collections.abc import Iterator

from reconcile.mail.imap.faults import Broken, Refused
from reconcile.mail.imap.stream import Request, Stream

PART_BYTES = 2 << 20
#: A message may be twice what its server claims and this much more; a server that claims nothing gives a message of this much at most.
_BEYOND_CLAIM = 64 << 20
_UNCLAIMED = 2 << 30


def in_parts(stream: Stream, uid: int, size: int) -> tuple[bytes | None, Iterator[bytes]]:
    """The first part (None when there is no content) and all parts, the first included.

    The `size` a server claims may be wrong, so the end is where a part comes shorter than asked for, within reason: a message without
    end would fill the disk. One part is always in flight.
    """
    most = 2 * size + _BEYOND_CLAIM if size else _UNCLAIMED
    parts: dict[int, bytes | None] = {}

    def ask(offset: int) -> Request:
        def take(_: int, found_uid: int, found: dict[bytes, object]) -> bool:
            if found_uid != uid or b"BODY[]" not in found or offset in parts:
                return False
            body = found[b"BODY[]"]
            parts[offset] = body if isinstance(body, bytes) else None
            return True

        return stream.ask(b"UID FETCH %d (UID BODY.PEEK[]<%d.%d>)" % (uid, offset, PART_BYTES), take)

    def answer(request: Request, offset: int) -> bytes | None:
        try:
            stream.finish(request)
        except Refused:
            if offset == 0:
                return None
            raise
        return parts.pop(offset, None)

    first_request = ask(0)
    first = answer(first_request, 0)

    def rest() -> Iterator[bytes]:
        part, offset = first or b"", 0
        while len(part) >= PART_BYTES:
            offset += PART_BYTES
            if offset > most:
                raise Broken(f"a message goes on behind {offset} bytes, where the server claims {size}")
            following = ask(offset)
            yield part
            # Past the end servers answer with an empty string or NIL.
            part = answer(following, offset) or b""
        if len(part) > PART_BYTES:
            raise Broken("the server sent more than was asked for")
        if part:
            yield part

    return first, rest()
