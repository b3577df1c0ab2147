"""The one thing POP3 can change: messages are deleted, in a connection of its own, after what they said is kept.

DELE only marks; the server deletes at QUIT and only there (RFC 1939, section 6). So nothing counts before QUIT is answered, and whatever
goes wrong before ends with RSET or without QUIT: then nothing was deleted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime

from reconcile.errors import Unavailable, Unsupported
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.pop3.faults import Refused, translated
from reconcile.mail.pop3.listing import Item, list_all
from reconcile.mail.pop3.place import PROTOCOL, Pop3Place
from reconcile.mail.pop3.session import Session, open_session
from reconcile.mail.pop3.texts import WINDOW
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.sign_in import SignIn

#: With so many a session: the server holds the mailbox locked meanwhile, and a connection that breaks repeats little.
_MOST = 500


class Pop3Marks:
    """See `MailMarks`. Each call connects, and ends its connection: QUIT is what deletes."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._account = f"{endpoint.host.lower()}/{sign_in.username}"
        self._closed = False

    def delete(self, remote_ids: Sequence[RemoteId], *, cursor: Cursor) -> Collection[RemoteId]:
        """See `MailMarks.delete`. Messages are found again by size and unique-id; where that fits another one too that shall
        stay, neither is deleted."""
        self._open()
        place = Pop3Place.of(cursor)
        if place is None or place.account != self._account:
            return ()
        gone: set[RemoteId] = set()
        mine = [remote for remote in remote_ids if remote.protocol == PROTOCOL]
        for start in range(0, len(mine), _MOST):
            gone |= self._deleted(mine[start : start + _MOST], place)
        return gone

    def _deleted(self, remote_ids: Sequence[RemoteId], place: Pop3Place) -> set[RemoteId]:
        session = open_session(self._endpoint, self._sign_in)
        try:
            with translated(str(self._endpoint)):
                listing = list_all(session)
                if listing.is_renumbered(place):
                    return set()
                asked = {remote.value for remote in remote_ids}
                # Copies under one name are told apart by counting, and move up when one is gone: all of them, or none.
                unsure = {_base(item) for item in listing.items if item.name not in asked}
                sure = [item for item in listing.items if item.name in asked and _base(item) not in unsure]
                gone = {remote for remote in remote_ids if remote.value not in listing.by_name}
                if not sure:
                    return gone
                marked = _marked(session, sure)
                session.wire.send([b"QUIT"])
                # -ERR: some or none were removed (RFC 1939, section 6); the next call looks again.
                session.wire.status()
                return gone | {item.remote_id for item in marked}
        finally:
            session.wire.drop()

    def mark(self, remote_ids: Sequence[RemoteId], keyword: str, *, cursor: Cursor) -> Collection[RemoteId]:
        """Raises Unsupported."""
        self._open()
        if not remote_ids:
            return ()
        raise Unsupported("POP3 knows no keywords", field="incoming.keywords", hint="Use IMAP for this.")

    def move(self, remote_ids: Sequence[RemoteId], folder: str, *, cursor: Cursor) -> Collection[RemoteId]:
        """Raises Unsupported."""
        self._open()
        if not remote_ids:
            return ()
        raise Unsupported("POP3 knows no folders", field="moveUndeliveredEmails", hint="Use IMAP for this.")

    def sent(self, message_id: str) -> Sequence[bytes] | None:
        """POP3 knows no folder for sent mail."""
        return None

    def keep_sent(self, content: bytes, *, message_id: str, at: datetime) -> bool:
        """POP3 knows no folder for sent mail."""
        return False

    def close(self) -> None:
        """Nothing is open between two calls."""
        self._closed = True

    def _open(self) -> None:
        if self._closed:
            raise Unavailable(f"{self._endpoint}: the connection is closed")


def _base(item: Item) -> str:
    return item.name.partition(" ")[0]


def _marked(session: Session, items: Sequence[Item]) -> list[Item]:
    """Marked for deletion. Anything but an answer to each ends without a mark: RSET, else the connection is dropped without QUIT."""
    wire = session.wire
    window = WINDOW if session.pipelines else 1
    marked = []
    try:
        for start in range(0, len(items), window):
            part = items[start : start + window]
            wire.send([b"DELE %d" % item.number for item in part])
            for item in part:
                try:
                    wire.status()
                except Refused:
                    continue  # it stays, and is asked for again by the next call
                marked.append(item)
    except BaseException:
        with contextlib.suppress(Exception):
            wire.send([b"RSET"])
        raise
    return marked
