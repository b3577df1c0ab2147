"""ENVELOPE and BODYSTRUCTURE (RFC 3501, section 7.4.2)."""

from __future__ import annotations

from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses

from reconcile.sandbox.imap.grammar import string
from reconcile.sandbox.imap.mime import Part


def envelope(fields: Message) -> bytes:
    """Date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id."""
    sender = _addresses(fields, "from")
    return b"(%s)" % b" ".join(
        [
            string(_field(fields, "date")),
            string(_field(fields, "subject")),
            sender,
            _addresses(fields, "sender", sender),
            _addresses(fields, "reply-to", sender),
            _addresses(fields, "to"),
            _addresses(fields, "cc"),
            _addresses(fields, "bcc"),
            string(_field(fields, "in-reply-to")),
            string(_field(fields, "message-id")),
        ]
    )


def body_structure(part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE, or BODY without the extension data."""
    main, sub = part.type
    if part.children:
        inside = b"".join(body_structure(child, extended=extended) for child in part.children) + b" " + string(sub.upper().encode())
        if extended:
            inside += b" %s %s NIL NIL" % (_parameters(part.fields, "content-type"), _disposition(part.fields))
        return b"(%s)" % inside
    if main == "multipart":
        main, sub = "text", "plain"  # claims parts and has none: shown as what it is
    items = [
        string(main.upper().encode()),
        string(sub.upper().encode()),
        _parameters(part.fields, "content-type"),
        string(_field(part.fields, "content-id")),
        string(_field(part.fields, "content-description")),
        string((_field(part.fields, "content-transfer-encoding") or b"7BIT").strip().upper()),
        b"%d" % len(part.body),
    ]
    if part.embedded is not None:
        items += [envelope(part.embedded.fields), body_structure(part.embedded, extended=extended)]
    if main == "text" or part.embedded is not None:
        items.append(b"%d" % part.body.count(b"\n"))
    if extended:
        items += [string(_field(part.fields, "content-md5")), _disposition(part.fields), b"NIL", b"NIL"]
    return b"(%s)" % b" ".join(items)


def _field(fields: Message, name: str) -> bytes | None:
    return next(iter(_all(fields, name)), None)


def _all(fields: Message, name: str) -> list[bytes]:
    """Values on one line each, with the octets they were read from (`get` would replace raw 8-bit ones)."""
    return [
        " ".join(str(value).splitlines()).encode("utf-8", "surrogateescape") for key, value in fields.raw_items() if key.lower() == name
    ]


def _addresses(fields: Message, name: str, instead: bytes = b"NIL") -> bytes:
    found = []
    for display, address in getaddresses([value.decode("utf-8", "surrogateescape") for value in _all(fields, name)]):
        local, at, domain = address.rpartition("@")
        if not address:
            continue
        parts = (display or None, None, local if at else address, domain if at else "")
        found.append(b"(%s)" % b" ".join(string(None if each is None else each.encode("utf-8", "surrogateescape")) for each in parts))
    return b"(%s)" % b"".join(found) if found else instead


def _parameters(fields: Message, header: str) -> bytes:
    pairs = []
    for name, value in (fields.get_params(failobj=[], header=header) or [])[1:]:
        text = collapse_rfc2231_value(value)
        pairs.append(string(name.upper().encode("utf-8", "surrogateescape")) + b" " + string(text.encode("utf-8", "surrogateescape")))
    return b"(%s)" % b" ".join(pairs) if pairs else b"NIL"


def _disposition(fields: Message) -> bytes:
    kind = fields.get_content_disposition()
    if not kind:
        return b"NIL"
    return b"(%s %s)" % (string(kind.upper().encode("utf-8", "surrogateescape")), _parameters(fields, "content-disposition"))
