"""In which folders of an account a message lies: EXAMINE and SEARCH only, so nothing at the server changes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconcile.errors import Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.faults import Refused, translated
from reconcile.mail.imap.folders import wire_name
from reconcile.mail.imap.listing import uid_set
from reconcile.mail.imap.login import open_stream, quoted
from reconcile.mail.imap.stream import Stream
from reconcile.ports.sign_in import SignIn

#: Folders that are looked into; more than anybody who is asked about one mail has.
_MOST_FOLDERS = 500
#: Candidates whose header is compared, of one folder.
_MOST_CANDIDATES = 100
_MESSAGE_ID = re.compile(rb"^message-id:\s*(.*?)\s*\Z", re.IGNORECASE | re.DOTALL)


class ImapFinder:
    """See `MessageFinder`. One connection for one question."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in

    def folders_of(self, message_id: str) -> Sequence[str]:
        if not (message_id.isascii() and message_id.isprintable()):
            return ()
        stream = open_stream(self._endpoint, self._sign_in)
        try:
            with translated(str(self._endpoint)):
                return [_shown(name) for name in _selectable(stream) if _holds(stream, name, message_id)]
        finally:
            stream.close()


def _selectable(stream: Stream) -> list[bytes]:
    found = []
    for entry in stream.gathered(b'LIST "" "*"', b"LIST")[:_MOST_FOLDERS]:
        if len(entry) < 3 or not isinstance(entry[0], list):
            continue
        attributes = {attribute.lower() for attribute in entry[0] if isinstance(attribute, bytes)}
        raw = entry[2] if isinstance(entry[2], bytes) else b"NIL" if entry[2] is None else b""
        if raw and not attributes & {b"\\noselect", b"\\nonexistent"}:
            found.append(raw)
    return found


def _holds(stream: Stream, folder: bytes, message_id: str) -> bool:
    """SEARCH HEADER finds parts of a value, so what it finds is compared."""
    name = wire_name(folder)
    if name is None:
        return False
    try:
        stream.open(name)
        uids = stream.found(stream.ask_search(b"HEADER Message-ID " + quoted(message_id)))[:_MOST_CANDIDATES]
    except (Refused, Unavailable) as error:
        if isinstance(error, Unavailable):
            raise
        # A folder of somebody else, or one that went in between.
        return False
    if not uids:
        return False
    held: list[bytes] = []

    def take(_: int, __: int, found: dict[bytes, object]) -> bool:
        fields = [value for key, value in found.items() if key.startswith(b"BODY[HEADER.FIELDS") and isinstance(value, bytes)]
        held.extend(match[1] for field in fields if (match := _MESSAGE_ID.match(field)) is not None)
        return bool(fields)

    stream.finish(stream.ask(b"UID FETCH %s (UID BODY.PEEK[HEADER.FIELDS (Message-ID)])" % uid_set(uids), take))
    return message_id.encode("ascii") in held


def _shown(name: bytes) -> str:
    from imapclient.imap_utf7 import decode

    try:
        return str(decode(name))
    except (UnicodeError, ValueError):
        return name.decode("utf-8", "replace")
