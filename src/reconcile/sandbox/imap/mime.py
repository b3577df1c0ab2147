"""Parts of a message as slices of its octets, so that what a client fetches is exactly what was stored.

The standard library's parser forgets where a part began, and re-serialising changes malformed mail.
"""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from reconcile.lazy_dataclass import dataclass

#: Deeper nesting is shown as one opaque part.
MAXIMUM_DEPTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`header` includes the empty line that ends it; `body` is what follows; `fields` are the parsed headers."""

    header: bytes
    body: bytes
    fields: Message
    children: tuple[Part, ...] = ()
    embedded: Part | None = None

    @property
    def type(self) -> tuple[str, str]:
        """Media type and subtype in lower case."""
        main, _, sub = self.fields.get_content_type().partition("/")
        return main, sub


def split_header(raw: bytes) -> tuple[bytes, bytes]:
    """Header with its empty line, and body. A message of headers alone has an empty body."""
    if raw.startswith(b"\r\n"):
        return raw[:2], raw[2:]
    end = raw.find(b"\r\n\r\n")
    return (raw, b"") if end < 0 else (raw[: end + 4], raw[end + 4 :])


def header_fields(header: bytes, names: frozenset[str], *, keep: bool) -> bytes:
    """The named fields (or all others) with their folded lines, then an empty line (RFC 3501, section 6.4.5)."""
    kept = bytearray()
    taking = False
    for line in header.split(b"\r\n"):
        if not line:
            continue
        if line[:1] not in (b" ", b"\t"):
            name = line.partition(b":")[0].strip().lower().decode("latin-1")
            taking = (name in names) == keep
        if taking:
            kept += line + b"\r\n"
    return bytes(kept) + b"\r\n"


def parse(raw: bytes, *, default: str = "text/plain", depth: int = 0) -> Part:
    """The tree of parts. Never raises for malformed mail: what cannot be divided is one part."""
    header, body = split_header(raw)
    fields = BytesHeaderParser(policy=compat32).parsebytes(header)
    if "content-type" not in fields:
        fields.set_default_type(default)
    children: tuple[Part, ...] = ()
    embedded = None
    if depth < MAXIMUM_DEPTH:
        if fields.get_content_maintype() == "multipart":
            inner = "message/rfc822" if fields.get_content_subtype() == "digest" else "text/plain"
            children = tuple(parse(piece, default=inner, depth=depth + 1) for piece in _pieces(body, fields))
        elif fields.get_content_type() == "message/rfc822":
            embedded = parse(body, depth=depth + 1)
    return Part(header=header, body=body, fields=fields, children=children, embedded=embedded)


def _pieces(body: bytes, fields: Message) -> list[bytes]:
    boundary = fields.get_boundary()
    if not boundary:
        return []
    mark = b"--" + boundary.encode("latin-1", "replace")
    pieces: list[bytes] = []
    current: list[bytes] | None = None
    for line in body.splitlines(keepends=True):
        bare = line.rstrip(b" \t\r\n")
        if bare in (mark, mark + b"--"):
            if current is not None:
                pieces.append(_without_last_newline(b"".join(current)))
            current = []
            if bare != mark:
                return pieces
        elif current is not None:
            current.append(line)
    if current:
        pieces.append(b"".join(current))  # the closing boundary is missing
    return pieces


def _without_last_newline(piece: bytes) -> bytes:
    """The line break before a boundary belongs to the boundary (RFC 2046, section 5.1.1)."""
    if piece.endswith(b"\r\n"):
        return piece[:-2]
    return piece.removesuffix(b"\n")


def numbered(part: Part, path: tuple[int, ...]) -> Part | None:
    """The part that a section such as `2.1` names (RFC 3501, section 6.4.5), or None."""
    for number in path:
        inside = part.embedded or part
        if inside.children:
            if number > len(inside.children):
                return None
            part = inside.children[number - 1]
        elif number == 1 and (inside is part or not inside.children):
            part = inside
        else:
            return None
    return part
