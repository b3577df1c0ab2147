"""Content of messages out of an answer to GetItem, without building a tree of it: base64 is most of what comes.

Only answers that hold nothing else of strangers are read so (IdOnly and MimeContent): "<" cannot stand in base64, so the next one ends it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

from reconcile.errors import Unavailable

#: As it opens, with attributes and any prefix; group 1 is "/" where it is empty.
_OPEN: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]{0,30}:)?MimeContent(?:\s[^<>]{0,200}?)?(/?)>")
_BLANK: Final = re.compile(rb"\s+|&#(?:13|10|x[dD]|x[aA]);")
#: The longest tag that may be cut by the end of a piece.
_TAG: Final = 512
#: Decoded octets are handed on in pieces of at most this.
_CHUNK: Final = 1 << 20


def split(document: bytes, where: str) -> tuple[bytes, list[bytes]]:
    """The document with every MimeContent emptied, and their decoded contents in order. Raises Unavailable when one is no base64."""
    rest, contents, at = list[bytes](), list[bytes](), 0
    while (found := _OPEN.search(document, at)) is not None:
        rest.append(document[at : found.end()])
        at = found.end()
        if found[1]:
            contents.append(b"")
            continue
        end = document.find(b"<", at)
        if end < 0:
            raise Unavailable(f"{where}: an answer ends within a message")
        contents.append(decoded(document[at:end], where))
        at = end
    rest.append(document[at:])
    return b"".join(rest), contents


def decoded(text: bytes, where: str) -> bytes:
    """Of base64, with line ends in it or not."""
    if b"&" in text or b"\r" in text or b"\n" in text or b" " in text:
        text = _BLANK.sub(b"", text)
    try:
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except binascii.Error:
        raise Unavailable(f"{where}: the content of a message is no base64") from None


class StreamedContent:
    """One message's content while it arrives; afterwards `rest` is the document without it, None content where there was none."""

    def __init__(self, pieces: Iterator[bytes], where: str, *, largest_rest: int = 1 << 20) -> None:
        self._pieces = pieces
        self._where = where
        self._largest = largest_rest
        self._buffer = b""
        self._rest = bytearray()
        #: Whether the content was read to its end.
        self.ended = False
        self.has_content = self._find()

    def _find(self) -> bool:
        """Reads to the content. False when the document has none."""
        while True:
            found = _OPEN.search(self._buffer)
            if found is not None:
                self._keep(self._buffer[: found.end()])
                self._buffer = self._buffer[found.end() :]
                return not found[1]
            if len(self._buffer) > _TAG:
                self._keep(self._buffer[:-_TAG])
                self._buffer = self._buffer[-_TAG:]
            piece = next(self._pieces, None)
            if piece is None:
                self._keep(self._buffer)
                self._buffer = b""
                return False
            self._buffer += piece

    def _keep(self, part: bytes) -> None:
        self._rest += part
        if len(self._rest) > self._largest:
            raise Unavailable(f"{self._where} answers with more than was asked for")

    def chunks(self) -> Iterator[bytes]:
        """Decoded, to the end of the content. Raises Unavailable when it is cut or no base64."""
        text = self._buffer
        while True:
            end = text.find(b"<")
            part = text if end < 0 else text[:end]
            if b"&" in part and end < 0:
                # A reference may be cut here.
                cut = part.rfind(b"&")
                part, carried = part[:cut], part[cut:]
            else:
                carried = b""
            part = _BLANK.sub(b"", part)
            whole = len(part) if end >= 0 else len(part) - len(part) % 4
            out = decoded(part[:whole], self._where)
            for start in range(0, len(out), _CHUNK):
                yield out[start : start + _CHUNK]
            if end >= 0:
                self._buffer, self.ended = text[end:], True
                return
            piece = next(self._pieces, None)
            if piece is None:
                raise Unavailable(f"{self._where}: an answer ends within a message")
            text = part[whole:] + carried + piece

    @property
    def rest(self) -> bytes:
        """What is not content; reads to the end."""
        self._keep(self._buffer)
        self._buffer = b""
        for piece in self._pieces:
            self._keep(piece)
        return bytes(self._rest)
