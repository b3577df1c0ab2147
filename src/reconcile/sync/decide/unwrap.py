"""Taking the mail out of a mail that forwards it as an attachment (message/rfc822, RFC 2046, 5.2.1), octet for octet.

A forward mailbox gets such mail from a rule at the mail server. Only what a rule makes is understood: an attachment at the top, or one or
two multiparts deep. Whatever else somebody nests is no forwarded mail, so depth and number of parts are bounded.
"""

from __future__ import annotations

import binascii
import quopri
import re
from typing import Final

from reconcile.sync.decide.header import header_end

#: A forwarded mail that is larger is not taken out: it is in memory as a whole, twice.
LARGEST: Final = 64 << 20
_DEEPEST: Final = 3
_MOST_PARTS: Final = 50
LONGEST_HEADER: Final = 64 * 1024
_FIELD = re.compile(
    rb"^(content-type|content-transfer-encoding)[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_BOUNDARY = re.compile(rb';\s*boundary\s*=\s*(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)


def unwrapped(message: bytes) -> bytes | None:
    """The attached mail as it was attached; None where there is none, and where there are several: one message can stand for one mail only,
    and the others would be lost with it."""
    found = _from(memoryview(message), _DEEPEST)
    return found[0] if len(found) == 1 else None


def _from(entity: memoryview, depth: int) -> list[bytes | None]:
    head = bytes(entity[:LONGEST_HEADER])
    end = header_end(head, len(head))
    if end < 0:
        return []
    fields = {name.lower(): b" ".join(value.split()) for name, value in reversed(_FIELD.findall(head[:end]))}
    kind = fields.get(b"content-type", b"text/plain")
    essence = kind.partition(b";")[0].strip().lower()
    if essence in (b"message/rfc822", b"message/global"):
        # One that cannot be decoded is attached all the same.
        return [_decoded(bytes(entity[end:]), fields.get(b"content-transfer-encoding", b"").lower())]
    found = _BOUNDARY.search(kind)
    if not essence.startswith(b"multipart/") or found is None or depth == 0:
        return []
    boundary = re.sub(rb"\\(.)", rb"\1", found[1]) if found[1] is not None else found[2]
    attached: list[bytes | None] = []
    for part in _parts(entity[end:], boundary):
        attached += _from(part, depth - 1)
        if len(attached) > 1:
            break
    return attached


def _parts(body: memoryview, boundary: bytes) -> list[memoryview]:
    """Between the delimiter lines (RFC 2046, 5.1.1); the line break before a delimiter belongs to it."""
    if not boundary or len(boundary) > 70:
        return []
    lines = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    found, start, position = list[memoryview](), None, 0
    while len(found) < _MOST_PARTS:
        # A delimiter may share its line break with the one before (an empty part).
        match = lines.search(body, position)
        if match is None:
            break
        if start is not None:
            found.append(body[start : match.start()])
        if match[1]:
            return found
        start = match.end()
        position = max(start - 1, match.start() + 1)
        if position >= len(body):
            break
    if start is not None and len(found) < _MOST_PARTS:
        # The last delimiter is missing: what is there counts.
        found.append(body[start:])
    return found


def _decoded(body: bytes, encoding: bytes) -> bytes | None:
    """RFC 2046 allows no encoding here; some programs use one all the same."""
    try:
        if encoding == b"base64":
            return binascii.a2b_base64(body) or None
        return quopri.decodestring(body) if encoding == b"quoted-printable" else body
    except binascii.Error:
        return None
