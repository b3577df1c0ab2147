"""Folders beside the inbox: their names on the wire, where they begin, and which one the server declares for sent mail."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

from reconcile.errors import PermanentError
from reconcile.mail.imap.faults import Refused
from reconcile.mail.imap.stream import Stream

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def wire_name(name: bytes) -> bytes | None:
    """A name as the server gave it, to be sent back; None for one that no quoted string holds."""
    if re.search(rb"[\x00\r\n]", name):
        return None
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", name) + b'"'


def beside_inbox(stream: Stream, folder: str) -> bytes:
    """A folder of the account's own namespace (RFC 2342), ready for the wire: in modified UTF-7 (RFC 3501, 5.1.3), quoted."""
    from imapclient.imap_utf7 import encode

    if not folder or not folder.isprintable():
        raise PermanentError("the name of the folder is empty or holds control characters", hint="Declare a plain name.")
    name = wire_name(_prefix(stream) + encode(folder))
    assert name is not None, "modified UTF-7 has no control characters"
    return name


def _prefix(stream: Stream) -> bytes:
    """What names of the account's own folders begin with: nothing, or INBOX and the delimiter."""
    if b"NAMESPACE" not in stream.capabilities():
        return b""
    for answer in stream.gathered(b"NAMESPACE", b"NAMESPACE"):
        personal = [token for token in answer[0] if token not in (b"(", b")")] if answer and isinstance(answer[0], list) else []
        if personal and personal[0].startswith(b'"'):
            return _ESCAPED.sub(rb"\1", personal[0][1:-1])
    return b""


def create(stream: Stream, name: bytes) -> None:
    """Make it and let mail programs show it. Nothing happens when it is there. Raises Refused."""
    try:
        stream.finish(stream.ask(b"CREATE " + name))
    except Refused as refused:
        # Servers say that it exists with or without the code of RFC 5530; asking is sure.
        if "[ALREADYEXISTS]" not in refused.text.upper() and not stream.gathered(b'LIST "" ' + name, b"LIST"):
            raise
        return
    with contextlib.suppress(Refused):  # it is there all the same
        stream.finish(stream.ask(b"SUBSCRIBE " + name))


def sent_folder(stream: Stream) -> tuple[bytes, bool] | None:
    """(name ready for the wire, whether it exists), as the server declares it: SPECIAL-USE (RFC 6154), or XLIST, its forerunner. A folder
    that only looks like it by its name is not taken: mail would end up in what may be somebody's own folder."""
    offered = stream.capabilities()
    if b"SPECIAL-USE" in offered:
        # RFC 6154, 5.1: servers without the option answer BAD; then the plain LIST shows the attributes.
        try:
            found = stream.gathered(b'LIST (SPECIAL-USE) "" "*"', b"LIST")
        except Refused:
            found = stream.gathered(b'LIST "" "*"', b"LIST")
    elif b"XLIST" in offered:
        found = stream.gathered(b'XLIST "" "*"', b"XLIST")
    else:
        return None
    for entry in found:
        if (declared := _sent(entry)) is not None:
            return declared
    return None


def _sent(entry: Sequence[object]) -> tuple[bytes, bool] | None:
    if len(entry) < 3 or not isinstance(entry[0], list):
        return None
    attributes = {attribute.lower() for attribute in entry[0] if isinstance(attribute, bytes)}
    raw = entry[2] if isinstance(entry[2], bytes) else b"NIL" if entry[2] is None else b""
    name = wire_name(raw) if raw else None
    if b"\\sent" not in attributes or b"\\noselect" in attributes or name is None:
        return None
    return name, b"\\nonexistent" not in attributes
