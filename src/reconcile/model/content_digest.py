"""What makes two messages the same: the bytes, and the content without what each delivery adds.

The same Message-ID alone proves nothing (anybody may send it first), so the content decides with it. Trace and delivery fields
differ between two copies of one message, hence they are left out of the content: Received, Return-Path, Delivered-To,
Envelope-To, X-*, Authentication-Results, Received-SPF, ARC-*, DKIM-Signature, DomainKey-Signature, Status, Lines.

Most Message-IDs are met once. So the content is digested when one is met again, of both messages: each digest is read through all bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_TRACE = re.compile(
    rb"^(?:received|return-path|delivered-to|envelope-to|x-[^:\r\n]*|authentication-results|received-spf|arc-[^:\r\n]*"
    rb"|dkim-signature|domainkey-signature|status|lines)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
#: A header longer than this is treated as body from there on, so that memory stays bounded.
LONGEST_HEADER = 1 << 20


def content_header(block: bytes) -> bytes:
    """The header block without trace fields."""
    return _TRACE.sub(b"", block)


def content_digest(chunks: Iterable[bytes], header_length: int) -> bytes:
    """SHA-256 of the content of a message that comes in chunks. `header_length` is LONGEST_HEADER at most, which bounds the memory."""
    digest, head = hashlib.sha256(), b""
    # An empty header is one, too: nothing of it is left.
    is_open = True
    for chunk in chunks:
        if not is_open:
            digest.update(chunk)
            continue
        head += chunk
        if len(head) >= header_length:
            digest.update(content_header(head[:header_length]))
            digest.update(memoryview(head)[header_length:])
            is_open, head = False, b""
    if is_open:
        digest.update(content_header(head))
    return digest.digest()
