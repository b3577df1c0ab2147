"""What may change at an IMAP server. Each change names its messages, and what became of them is read back from the server.

UIDs mean nothing without UIDVALIDITY, so it is compared with the cursor's after each SELECT, in the session that writes; a server that
gives none is not written to. `EXPUNGE` without UIDs would also remove what somebody else has marked as deleted, so a server without
UIDPLUS (RFC 4315) is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime

from reconcile.errors import PermissionDenied, Unavailable, Unsupported
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.faults import Refused, translated
from reconcile.mail.imap.folders import beside_inbox, create, sent_folder
from reconcile.mail.imap.headers import HEADER_BYTES
from reconcile.mail.imap.listing import MONTHS, uid_set
from reconcile.mail.imap.login import open_stream, quoted
from reconcile.mail.imap.place import PROTOCOL, ImapPlace
from reconcile.mail.imap.stream import Stream
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.sign_in import SignIn

#: UIDs a command.
_CHUNK = 500
_INBOX = b"INBOX"
_ATOM = re.compile(r"[A-Za-z0-9$_.+-]{1,64}")
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S.*?)[ \t]*\r?$(?![\r\n]+[ \t])", re.IGNORECASE | re.MULTILINE)

Change = Callable[[Stream, list[int]], None]


class ImapMarks:
    """See `MailMarks`. Connects with its first call. One thread only."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._account = f"{endpoint.host.lower()}/{sign_in.username}"
        self._stream: Stream | None = None
        self._writing = False
        self._closed = False

    def delete(self, remote_ids: Sequence[RemoteId], *, cursor: Cursor) -> Collection[RemoteId]:
        with translated(str(self._endpoint)):
            return self._each(remote_ids, cursor, self._delete, lambda _: False)

    def mark(self, remote_ids: Sequence[RemoteId], keyword: str, *, cursor: Cursor) -> Collection[RemoteId]:
        if not _ATOM.fullmatch(keyword):
            raise Unsupported(f"{keyword!r} is no keyword", field="incoming.keywords", hint="Use letters, digits and $ _ . + - only.")
        flag = keyword.encode("ascii")

        def store(stream: Stream, uids: list[int]) -> None:
            # RFC 3501, 7.1: without the answer every flag may be set; with it only those in it, or any where \* stands.
            if stream.flags and not stream.flags & {b"\\*", flag.lower()}:
                raise Unsupported(f"{self._endpoint} takes no keywords of ours", field="incoming.keywords", hint="Declare no keywords.")
            stream.finish(stream.ask(b"UID STORE %s +FLAGS.SILENT (%s)" % (uid_set(uids), flag)))

        with translated(str(self._endpoint)):
            return self._each(remote_ids, cursor, store, lambda flags: flag.lower() in flags)

    def move(self, remote_ids: Sequence[RemoteId], folder: str, *, cursor: Cursor) -> Collection[RemoteId]:
        def move(stream: Stream, uids: list[int]) -> None:
            name = beside_inbox(stream, folder)
            if b"MOVE" in stream.capabilities():
                _into(stream, name, b"UID MOVE %s %s" % (uid_set(uids), name))
            else:
                self._need_uidplus(stream)
                self._copy(stream, uids, name, cursor)
                self._delete(stream, uids)

        with translated(str(self._endpoint)):
            return self._each(remote_ids, cursor, move, lambda _: False)

    def sent(self, message_id: str) -> Sequence[bytes] | None:
        with translated(str(self._endpoint)):
            stream = self._opened()
            folder = sent_folder(stream)
            if folder is None:
                return None
            return self._held(stream, folder[0], message_id) if folder[1] else []

    def keep_sent(self, content: bytes, *, message_id: str, at: datetime) -> bool:
        with translated(str(self._endpoint)):
            stream = self._opened()
            folder = sent_folder(stream)
            if folder is None:
                return False
            name, exists = folder
            if not exists:
                create(stream, name)
            elif self._held(stream, name, message_id):
                return True
            at = at.astimezone(UTC)
            moment = b"%02d-%s-%04d %02d:%02d:%02d +0000" % (at.day, MONTHS[at.month - 1], at.year, at.hour, at.minute, at.second)
            waiting = [content + b"\r\n"]
            command = b'APPEND %s (\\Seen) "%s" {%d}' % (name, moment, len(content))
            stream.finish(stream.ask(command, answer=lambda _: waiting.pop() if waiting else b""))
            return True

    def close(self) -> None:
        self._closed = True
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _opened(self) -> Stream:
        if self._closed:
            raise Unavailable(f"{self._endpoint}: the connection is closed")
        if self._stream is None:
            self._stream = open_stream(self._endpoint, self._sign_in)
        return self._stream

    def _select(self, stream: Stream, validity: int) -> bool:
        """Open the inbox for writing; False where its numbers mean something else than the cursor says."""
        if not self._writing:
            if stream.open(_INBOX, writing=True):
                raise PermissionDenied(
                    f"{self._endpoint} opens the inbox for reading only", hint="Give the account the right to change it."
                )
            self._writing = True
        return 0 < validity == stream.told.get(b"UIDVALIDITY", 0)

    def _each(
        self, remote_ids: Sequence[RemoteId], cursor: Cursor, change: Change, done: Callable[[frozenset[bytes]], bool]
    ) -> list[RemoteId]:
        """Change what is there and not `done` by its flags; those that are gone or done afterwards."""
        place = ImapPlace.of(cursor)
        asked = {int(remote.value): remote for remote in remote_ids if remote.protocol == PROTOCOL and remote.value.isdigit()}
        if place is None or place.account != self._account or not asked:
            return []
        stream = self._opened()
        if not self._select(stream, place.validity):
            return []
        ended: list[RemoteId] = []
        for chunk in _chunks(sorted(asked)):
            open_ones = sorted(uid for uid, flags in _flags(stream, chunk).items() if not done(flags))
            if open_ones:
                change(stream, open_ones)
                there = _flags(stream, chunk)
                open_ones = [uid for uid, flags in there.items() if not done(flags)]
            ended += [asked[uid] for uid in chunk if uid not in open_ones]
        return ended

    def _need_uidplus(self, stream: Stream) -> None:
        if b"UIDPLUS" not in stream.capabilities():
            raise Unsupported(
                f"{self._endpoint} cannot delete single messages (no UIDPLUS): others' mail that is marked as deleted would go, too",
                field="deleteAfterProcessing",
                hint="Leave mail at this server: take deleteAfterProcessing away.",
            )

    def _delete(self, stream: Stream, uids: list[int]) -> None:
        self._need_uidplus(stream)
        if stream.flags and b"\\deleted" not in stream.flags:
            raise PermissionDenied(f"{self._endpoint} lets nothing be deleted", hint="Give the account the right to delete in its inbox.")
        stream.finish(stream.ask(b"UID STORE %s +FLAGS.SILENT (\\Deleted)" % uid_set(uids)))
        stream.finish(stream.ask(b"UID EXPUNGE " + uid_set(uids)))

    def _copy(self, stream: Stream, uids: list[int], name: bytes, cursor: Cursor) -> None:
        """COPY, but what an earlier try has copied already: the same header, date and size stand in the folder then."""
        wanted = _keys(stream, uid_set(uids))
        self._writing = False
        try:
            stream.open(name)
            sizes = {size for _, size, _ in wanted.values()}
            there = {key for size in sizes for key in _keys(stream, _of_size(stream, size)).values()}
        except Refused:
            there = set()  # there is no such folder yet
        place = ImapPlace.of(cursor)
        assert place is not None
        if not self._select(stream, place.validity):
            raise Unavailable(f"{self._endpoint} gives its messages other numbers now")
        lacking = sorted(uid for uid, key in wanted.items() if key not in there)
        if lacking:
            _into(stream, name, b"UID COPY %s %s" % (uid_set(lacking), name))

    def _held(self, stream: Stream, name: bytes, message_id: str) -> list[bytes]:
        """SEARCH HEADER finds parts of a value, so what it finds is compared."""
        if not (message_id.isascii() and message_id.isprintable()):
            return []
        self._writing = False
        try:
            stream.open(name)
        except Refused as refused:
            if "[NONEXISTENT]" in refused.text.upper():
                return []
            raise
        uids = stream.found(stream.ask_search(b"HEADER Message-ID " + quoted(message_id)))
        held: list[bytes] = []

        def take(_: int, __: int, found: dict[bytes, object]) -> bool:
            fields = [value for key, value in found.items() if key.startswith(b"BODY[HEADER.FIELDS") and isinstance(value, bytes)]
            held.extend(field for field in fields if (match := _MESSAGE_ID.search(field)) is not None and match[1] == wanted)
            return bool(fields)

        wanted = message_id.encode("ascii")
        for chunk in _chunks(uids):
            stream.finish(stream.ask(b"UID FETCH %s (UID BODY.PEEK[HEADER.FIELDS (Message-ID From Date To Cc)])" % uid_set(chunk), take))
        return held


def _chunks(uids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(uids), _CHUNK):
        yield uids[start : start + _CHUNK]


def _flags(stream: Stream, uids: list[int]) -> dict[int, frozenset[bytes]]:
    """Flags (lower case) of those that are there."""
    there: dict[int, frozenset[bytes]] = {}
    among = set(uids)

    def take(_: int, uid: int, found: dict[bytes, object]) -> bool:
        flags = found.get(b"FLAGS")
        if uid in among and isinstance(flags, list):
            there[uid] = frozenset(flag.lower() for flag in flags if isinstance(flag, bytes))
        return uid in among

    stream.finish(stream.ask(b"UID FETCH %s (UID FLAGS)" % uid_set(uids), take))
    return there


def _into(stream: Stream, name: bytes, command: bytes) -> None:
    """UID MOVE or UID COPY; a folder that lacks is made, and it is done once more (TRYCREATE, RFC 3501 6.4.7)."""
    try:
        stream.finish(stream.ask(command))
    except Refused as refused:
        if refused.kind != "NO":
            raise
        create(stream, name)
        stream.finish(stream.ask(command))


def _of_size(stream: Stream, size: int) -> bytes:
    uids = stream.found(stream.ask_search(b"LARGER %d SMALLER %d" % (max(0, size - 1), size + 1)))
    return uid_set(uids) if uids else b""


def _keys(stream: Stream, uids: bytes) -> dict[int, tuple[object, int, bytes]]:
    """UID to (date, size, digest of the header): what COPY keeps (RFC 3501, 6.4.7)."""
    keys: dict[int, tuple[object, int, bytes]] = {}

    def take(_: int, uid: int, found: dict[bytes, object]) -> bool:
        header, size = found.get(b"BODY[HEADER]"), found.get(b"RFC822.SIZE")
        if isinstance(header, bytes) and isinstance(size, bytes) and size.isdigit():
            keys[uid] = (found.get(b"INTERNALDATE"), int(size), hashlib.sha256(header[:HEADER_BYTES]).digest())
        return b"BODY[HEADER]" in found

    if uids:
        stream.finish(stream.ask(b"UID FETCH %s (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]<0.%d>)" % (uids, HEADER_BYTES), take))
    return keys
