"""What makes two messages the same: the bytes, and the content without what each delivery adds.

The same Message-ID alone proves nothing (anybody may send it first), so the content decides with it. Trace and delivery fields
differ between two copies of one message, hence they are left out of the content: Received, Return-Path, Delivered-To,
Envelope-To, X-*, Authentication-Results, Received-SPF, ARC-*, DKIM-Signature, DomainKey-Signature, Status, Lines.
"""

from __future__ import annotations

import hashlib
import re

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


def digests(raw: bytes, header_length: int) -> tuple[bytes, bytes]:
    """(SHA-256 of all bytes, SHA-256 of the content) of a message in memory."""
    content = hashlib.sha256(content_header(raw[:header_length]))
    content.update(memoryview(raw)[header_length:])
    return hashlib.sha256(raw).digest(), content.digest()
