"""The receiving half over IMAP: EXAMINE and BODY.PEEK, so nothing at the server changes."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from reconcile.errors import Unavailable
from reconcile.mail.imap.connection import Endpoint, connect
from reconcile.mail.imap.faults import Refused, translated
from reconcile.mail.imap.listing import LARGE_BYTES, Found, Listing, uid_set
from reconcile.mail.imap.parts import in_parts
from reconcile.mail.imap.place import PROTOCOL, ImapPlace
from reconcile.mail.imap.replies import TOO_LONG
from reconcile.mail.imap.stream import Request, Stream
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.model.secret import Secret
from reconcile.ports.mail import Batch, Listed, Look

#: Batches asked for before the first is answered.
_WINDOW = 3
_STATUS = re.compile(rb"(UIDVALIDITY|UIDNEXT|MESSAGES) (\d{1,20})")

Wanted = Callable[[Listed], bool]
Accept = Callable[[Listed, Iterator[bytes]], None]


class ImapInbox:
    """Connects with `look`. One thread only."""

    def __init__(self, endpoint: Endpoint, username: str, password: Secret) -> None:
        self._endpoint = endpoint
        self._username = username
        self._password = password
        self._account = f"{endpoint.host.lower()}/{username}"
        self._client: Any = None
        self._stream: Stream | None = None
        self._here = ImapPlace(account=self._account, validity=0)

    def look(self, cursor: Cursor | None) -> Look:
        self._client = connect(self._endpoint, self._username, self._password)
        before = ImapPlace.of(cursor)
        with translated(str(self._endpoint)):
            if before is not None and before.account == self._account and before.next_uid and self._status() == before.told:
                return Look(messages=before.messages, news=False, restarted=False)
            self._examine()
        restarted = before is None or (before.account, before.validity) != (self._account, self._here.validity)
        if before is not None and 0 < self._here.next_uid < before.next_uid:
            # UIDNEXT never goes back within one UIDVALIDITY (RFC 3501 2.3.1.1): a restored mailbox whose server did not say so.
            restarted = True
        return Look(messages=self._here.messages, news=restarted or before is None or before.told != self._here.told, restarted=restarted)

    def _status(self) -> tuple[int, int, int]:
        """One line where EXAMINE answers with eight; (-1, …) where it cannot be understood, which is never what was told before."""
        kind, lines = self._client._imap.status("INBOX", "(UIDVALIDITY UIDNEXT MESSAGES)")
        if kind != "OK":
            raise Refused(kind, str(lines))
        found = dict(_STATUS.findall(lines[-1].upper())) if isinstance(lines[-1], bytes) else {}
        validity, next_uid, messages = (int(found.get(name, b"-1")) for name in (b"UIDVALIDITY", b"UIDNEXT", b"MESSAGES"))
        return validity, next_uid, messages

    def _examine(self) -> None:
        answer = self._client.select_folder("INBOX", readonly=True)
        # RFC 3501 2.3.1.1 wants both; servers that leave one out, or say 0, exist.
        self._here = ImapPlace(
            account=self._account,
            validity=_number(answer.get(b"UIDVALIDITY")),
            next_uid=_number(answer.get(b"UIDNEXT")),
            messages=_number(answer.get(b"EXISTS")),
        )

    def read(
        self,
        cursor: Cursor | None,
        *,
        since: datetime | None,
        retry: Sequence[RemoteId],
        wanted: Wanted,
        accept: Accept,
        careful: bool = False,
    ) -> Iterator[Batch]:
        with translated(str(self._endpoint)):
            if self._here.messages < 0:
                self._examine()
            yield from self._read(ImapPlace.of(cursor), since, retry, wanted, accept, careful)

    def _read(
        self, before: ImapPlace | None, since: datetime | None, retry: Sequence[RemoteId], wanted: Wanted, accept: Accept, careful: bool
    ) -> Iterator[Batch]:
        stream = self._stream = Stream(self._client, self._here.messages)
        place = ImapPlace(account=self._account, validity=self._here.validity, uid=before.uid if before else 0)
        listing = Listing(stream, after=place.uid, next_uid=self._here.next_uid, since=since - timedelta(days=1) if since else None)
        waiting: deque[_Flight] = deque()
        groups = listing.groups(wanted, one_by_one=careful)
        exhausted = False
        while True:
            while not exhausted and len(waiting) < _WINDOW:
                group = next(groups, None)
                if group is None:
                    exhausted = True
                else:
                    waiting.append(_Flight(stream, group.wanted, group.declined, group.last, accept))
            if not waiting:
                break
            flight = waiting.popleft()
            missing = flight.land()
            place = replace(place, uid=max(place.uid, flight.last))
            end = self._settled(place, listing, stream) if exhausted and not waiting else place
            yield Batch(
                read=tuple(message for message in flight.asked if message not in missing),
                declined=flight.declined,
                missing=missing,
                vanished=(),
                cursor=end.cursor(),
                messages=stream.exists,
            )
            place = end
        if not listing.found_any:
            place = self._settled(place, listing, stream)
            yield Batch(read=(), declined=0, missing=(), vanished=(), cursor=place.cursor(), messages=stream.exists)
        if retry:
            yield self._again(stream, place, retry, wanted, accept)

    def _settled(self, place: ImapPlace, listing: Listing, stream: Stream) -> ImapPlace:
        """The place after everything that is listed was decided.

        Only when the listing reached the last message the server counts is its UIDNEXT taken as passed: a server may announce a
        message before it lists it.
        """
        if not listing.complete(stream.exists):
            return place
        uid = max(place.uid, self._here.next_uid - 1)
        # A message that arrived meanwhile makes EXISTS larger than at EXAMINE: the next look sees the difference.
        return replace(place, uid=uid, next_uid=self._here.next_uid, messages=self._here.messages)

    def _again(self, stream: Stream, place: ImapPlace, retry: Sequence[RemoteId], wanted: Wanted, accept: Accept) -> Batch:
        uids = sorted({int(remote.value) for remote in retry if remote.protocol == PROTOCOL and remote.value.isdigit()})
        found = Found()
        there: set[int] = set()
        if uids:
            search = stream.ask_search(b"UID " + uid_set(uids))
            stream.finish(stream.ask(b"UID FETCH %s (UID INTERNALDATE RFC822.SIZE)" % uid_set(uids), found.taking(set(uids))))
            there = {*stream.found(search), *found.listed}
        listed = [found.listed.get(uid) or Listed(RemoteId(PROTOCOL, str(uid)), None, 0) for uid in uids if uid in there]
        asked = [message for message in listed if wanted(message)]
        missing: list[Listed] = []
        for message in asked:
            missing += _Flight(stream, (message,), 0, 0, accept).land()
        return Batch(
            read=tuple(message for message in asked if message not in missing),
            declined=len(listed) - len(asked),
            missing=tuple(missing),
            vanished=tuple(RemoteId(PROTOCOL, str(uid)) for uid in uids if uid not in there),
            cursor=place.cursor(),
            messages=stream.exists,
        )

    def close(self) -> None:
        client, self._client = self._client, None
        stream, self._stream = self._stream, None
        if client is None:
            return
        with contextlib.suppress(Exception):
            client._imap.send(b"z LOGOUT\r\n")
        if stream is not None:
            stream.close()
        with contextlib.suppress(Exception):
            client.shutdown()


class _Flight:
    """One batch of bodies: asked for when made, read when landed. What comes before that (the server answers in order, but an
    earlier batch may still be asking for parts of a large message) waits in memory, a batch at most."""

    def __init__(self, stream: Stream, asked: Sequence[Listed], declined: int, last: int, accept: Accept) -> None:
        self.asked = tuple(asked)
        self.declined = declined
        self.last = last
        self._stream = stream
        self._accept = accept
        self._left = {int(message.remote_id.value): message for message in asked}
        self._too_long: list[Listed] = []
        self._early: list[tuple[Listed, bytes]] = []
        self._landing = False
        self._request: Request | None = None
        self._in_parts = len(self.asked) == 1 and self.asked[0].size > LARGE_BYTES
        if self.asked and not self._in_parts:
            self._request = stream.ask(b"UID FETCH %s (UID BODY.PEEK[])" % uid_set(list(self._left)), self._take)

    def _take(self, _: int, uid: int, found: dict[bytes, object]) -> bool:
        if b"BODY[]" not in found:
            return False
        message = self._left.get(uid)
        if message is None:
            return False
        body = found[b"BODY[]"]
        if body is TOO_LONG:
            # The claimed size was wrong: once more, in parts.
            del self._left[uid]
            self._too_long.append(message)
        elif isinstance(body, bytes):
            del self._left[uid]
            if self._landing:
                self._accept(message, iter((body,)))
            else:
                self._early.append((message, body))
        return True

    def land(self) -> tuple[Listed, ...]:
        """Read the answer; returns what came without content."""
        self._landing = True
        for message, body in self._early:
            self._accept(message, iter((body,)))
        self._early.clear()
        if self._request is not None:
            try:
                self._stream.finish(self._request)
            except Refused as refused:
                # Exchange answers NO after the others when one message cannot be rendered; BAD is about us.
                if refused.kind != "NO" or len(self._left) == len(self.asked) > 1:
                    raise
        large = list(self.asked) if self._in_parts else self._too_long
        missing = [] if self._in_parts else list(self._left.values())
        for message in large:
            first, rest = in_parts(self._stream, int(message.remote_id.value))
            if first is None:
                missing.append(message)
            else:
                self._accept(message, rest)
        return tuple(missing)


def _number(value: object) -> int:
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    if isinstance(value, bytes):
        value = int(value) if value.isdigit() else 0
    if not isinstance(value, int):
        return 0
    if value < 0:
        raise Unavailable("the server counts below zero")
    return value
