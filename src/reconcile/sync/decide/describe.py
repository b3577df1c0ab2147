"""A message while it streams by: header, digests, length, with memory bounded by the header's limit."""

from __future__ import annotations

import hashlib

from reconcile.lazy_dataclass import dataclass
from reconcile.model.content_digest import LONGEST_HEADER, content_header
from reconcile.model.message import MessageHeader
from reconcile.sync.decide.header import header_end, scan


@dataclass(frozen=True, slots=True)
class Description:
    """`raw` and `content` are SHA-256 digests, `header_length` counts the empty line that ends the header. `content` is empty where nobody
    asked yet."""

    header: MessageHeader
    header_length: int
    size: int
    raw: bytes
    content: bytes


def describe(message: bytes) -> Description:
    """A message that is in memory as a whole. The same result as `Describer` gives, whatever the chunks, but for the content, which can be
    digested later."""
    end = header_end(message, LONGEST_HEADER + 1)
    length = end if 0 <= end <= LONGEST_HEADER else min(len(message), LONGEST_HEADER)
    header = scan(message[:length], complete=0 <= end <= LONGEST_HEADER)
    return Description(header, length, len(message), hashlib.sha256(message).digest(), b"")


class Describer:
    """The same for a message in chunks."""

    def __init__(self) -> None:
        self._raw = hashlib.sha256()
        self._content = hashlib.sha256()
        self._head = b""
        self._header: MessageHeader | None = None
        self._header_length = 0
        self._size = 0

    def take(self, chunk: bytes) -> None:
        """The next chunk."""
        self._raw.update(chunk)
        self._size += len(chunk)
        if self._header is not None:
            self._content.update(chunk)
            return
        self._head += chunk
        # A header may end at the very limit; what comes after tells.
        if len(self._head) > LONGEST_HEADER or header_end(self._head, LONGEST_HEADER + 1) >= 0:
            self._close()

    def _close(self) -> None:
        end = header_end(self._head, LONGEST_HEADER + 1)
        complete = 0 <= end <= LONGEST_HEADER
        self._header_length = end if complete else min(len(self._head), LONGEST_HEADER)
        self._header = scan(self._head[: self._header_length], complete=complete)
        self._content.update(content_header(self._head[: self._header_length]))
        self._content.update(self._head[self._header_length :])
        self._head = b""

    def finish(self) -> Description:
        """After the last chunk."""
        if self._header is None:
            self._close()
        assert self._header is not None
        return Description(self._header, self._header_length, self._size, self._raw.digest(), self._content.digest())
