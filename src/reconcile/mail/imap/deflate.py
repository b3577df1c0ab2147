"""COMPRESS=DEFLATE (RFC 4978) over an open connection, and an end to what unpacks beyond all measure.

Never more than one buffer is unpacked at a time, so memory stays bounded whatever comes. Time and disk do not: a few megabytes on the
wire can become gigabytes. A connection that unpacks so is given up, and the server is asked without compression for an hour,
so that real mail of this kind (an attached image of an empty disk) still arrives, at the price of what it weighs.
"""

from __future__ import annotations

import contextlib
import io
import time
import zlib

from reconcile.mail.imap.faults import Broken, Refused
from reconcile.mail.imap.link import Link
from reconcile.mail.imap.stream import Stream

#: Bytes unpacked before the ratio counts, and the ratio: mail with its attachments rarely passes 10, DEFLATE cannot pass 1,032.
FREE_BYTES = 64 << 20
HIGHEST_RATIO = 200
_BUFFER = 1 << 16
_PLAIN_SECONDS = 3600.0
#: Servers that unpacked beyond measure, and until when (monotonic) they are asked without compression.
_plain: dict[str, float] = {}


def compress(stream: Stream, where: str) -> None:
    """Ask for it where it is offered; `where` names the server. A refusal leaves the connection as it is (RFC 4978, 3)."""
    if b"COMPRESS=DEFLATE" not in stream.capabilities() or _plain.get(where, 0.0) > time.monotonic():
        return
    with contextlib.suppress(Refused):
        stream.finish(stream.ask(b"COMPRESS DEFLATE"))
        stream.switch(_Deflated(stream.link, where))


class _Inflating(io.RawIOBase):
    """Reads packed bytes from a buffered file, gives plain ones."""

    def __init__(self, link: Link, where: str) -> None:
        self._link = link
        self._where = where
        self._unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        self._more = False
        self._packed = self._plain = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int | None:  # type: ignore[override]
        room = len(buffer)
        try:
            # What was unpacked but did not fit comes first; it may need no further input at all.
            plain = self._unpack.decompress(self._unpack.unconsumed_tail, room) if self._more else b""
            while not plain:
                packed = self._link.file.read1(_BUFFER)
                if not packed:
                    return None if self._link.sock.gettimeout() == 0 else 0
                self._packed += len(packed)
                plain = self._unpack.decompress(packed, room)
                if self._unpack.eof and not plain:
                    return 0
        except zlib.error:
            raise Broken("what the server sent is not compressed as it should be") from None
        self._more = len(plain) == room
        self._plain += len(plain)
        if self._plain > FREE_BYTES and self._plain > HIGHEST_RATIO * self._packed:
            _plain[self._where] = time.monotonic() + _PLAIN_SECONDS
            raise Broken(f"{self._packed} compressed bytes unpack to more than {self._plain}: given up, tried again without compression")
        buffer[: len(plain)] = plain
        return len(plain)


class _Deflated(Link):
    __slots__ = ("_pack", "_wire")

    def __init__(self, link: Link, where: str) -> None:
        self._wire = link
        self.sock = link.sock
        self._pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self.file = io.BufferedReader(_Inflating(link, where), _BUFFER)

    def send(self, data: bytes) -> None:
        self._wire.send(self._pack.compress(data) + self._pack.flush(zlib.Z_SYNC_FLUSH))

    def widen(self) -> None:
        self._wire.widen()

    def narrow(self) -> None:
        self._wire.narrow()

    def close(self) -> None:
        super().close()
        self._wire.close()
