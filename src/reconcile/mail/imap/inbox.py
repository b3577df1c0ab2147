"""The receiving half over IMAP: EXAMINE and BODY.PEEK, so nothing at the server changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconcile.errors import TimedOut, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.faults import translated
from reconcile.mail.imap.login import open_stream, open_with_status
from reconcile.mail.imap.place import PROTOCOL, ImapPlace
from reconcile.mail.imap.stream import Stream
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch, Examine, Foresee, Foretell, Listed, Look
from reconcile.ports.sign_in import SignIn

if TYPE_CHECKING:
    # What reads mail is loaded where there is some: most looks find none.
    from reconcile.mail.imap.bodies import Accept, Flight
    from reconcile.mail.imap.groups import Group, Judged
    from reconcile.mail.imap.headers import HeaderRule
    from reconcile.mail.imap.listing import Listing

#: Batches asked for before the first is answered.
_WINDOW = 3
#: So long a kept connection may take to answer before another one is made: a router may have forgotten it without a word.
_KEPT_SECONDS = 10.0

Wanted = Callable[[Listed], bool]


class ImapInbox:
    """Connects with `look`, and keeps the connection until `close`. One thread at a time."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._account = f"{endpoint.host.lower()}/{sign_in.username}"
        self._stream: Stream | None = None
        #: Whether the inbox is open over it, and what was said when it was opened.
        self._selected = False
        self._here = ImapPlace(account=self._account, validity=0)

    def look(self, cursor: Cursor | None) -> Look:
        before = ImapPlace.of(cursor)
        known = before if before is not None and before.account == self._account and before.next_uid else None
        stream = self._kept(known) or self._connected(known)
        if known is not None and not self._selected:
            told = stream.told
            if (told.get(b"UIDVALIDITY"), told.get(b"UIDNEXT"), told.get(b"MESSAGES")) == known.told:
                self._here = known
                return Look(messages=known.messages, news=False, restarted=False)
        if not self._selected:
            with translated(str(self._endpoint)):
                self._examine(stream)
        here = self._here
        restarted = before is None or (before.account, before.validity) != (self._account, here.validity)
        if before is not None and 0 < here.next_uid < before.next_uid:
            # UIDNEXT never goes back within one UIDVALIDITY (RFC 3501 2.3.1.1): a restored mailbox whose server did not say so.
            restarted = True
        # Where the server gives no UIDNEXT, a deletion and an arrival leave the count as it was: only a listing tells.
        news = restarted or before is None or not here.next_uid or before.told != here.told
        return Look(messages=here.messages, news=news, restarted=restarted)

    def _connected(self, known: ImapPlace | None) -> Stream:
        """Its STATUS was asked when there is a place to compare with."""
        stream = self._stream = (open_with_status if known else open_stream)(self._endpoint, self._sign_in)
        self._selected = False
        return stream

    def _kept(self, known: ImapPlace | None) -> Stream | None:
        """The connection of an earlier look, asked as a new one would be; None when there is none, or when it ended."""
        stream = self._stream
        if stream is None:
            return None
        sock = stream.link.sock
        try:
            with translated(str(self._endpoint)):
                sock.settimeout(min(_KEPT_SECONDS, self._endpoint.silence_timeout))
                if not self._selected:
                    stream.finish(stream.ask_status() if known else stream.ask(b"NOOP"))
                elif b"UNSELECT" not in stream.capabilities():
                    # CLOSE would do, but a server that gets EXAMINE wrong would expunge.
                    stream.link.narrow()
                    self._examine(stream)
                else:
                    stream.link.narrow()
                    left, status = stream.ask_both(b"UNSELECT", stream.status_command())
                    stream.finish(left)
                    stream.finish(status)
                    self._selected = False
                sock.settimeout(self._endpoint.silence_timeout)
        except (Unavailable, TimedOut):
            # Servers end connections that wait; whether this one still answers shows with the next.
            self._stream = None
            stream.drop()
            return None
        return stream

    def _examine(self, stream: Stream) -> None:
        stream.examine()
        self._selected = True
        # RFC 3501 2.3.1.1 wants both numbers; servers that leave one out, or say 0, exist.
        self._here = ImapPlace(
            account=self._account,
            validity=stream.told.get(b"UIDVALIDITY", 0),
            next_uid=stream.told.get(b"UIDNEXT", 0),
            messages=stream.exists,
        )

    def read(
        self,
        cursor: Cursor | None,
        *,
        since: datetime | None,
        retry: Sequence[RemoteId],
        wanted: Wanted,
        accept: Accept,
        examine: Examine | None = None,
        foresee: Foresee | None = None,
        foretell: Foretell | None = None,
        careful: bool = False,
    ) -> Iterator[Batch]:
        stream = self._stream
        if stream is None:
            raise Unavailable(f"{self._endpoint}: the connection is closed")
        from reconcile.mail.imap.headers import HeaderRule

        header_rule = None if examine is None else HeaderRule(examine, foresee)
        with translated(str(self._endpoint)):
            if not self._selected:
                looked_at = self._here.validity
                self._examine(stream)
                if self._here.validity != looked_at:
                    # Made anew since: the next look begins a new history with it.
                    raise Unavailable(f"{self._endpoint} gives its messages other numbers now", hint="It is looked at again by itself.")
            stream.link.widen()
            yield from self._read(stream, ImapPlace.of(cursor), since, retry, wanted, accept, header_rule, foretell, careful)

    def _read(
        self,
        stream: Stream,
        before: ImapPlace | None,
        since: datetime | None,
        retry: Sequence[RemoteId],
        wanted: Wanted,
        accept: Accept,
        rule: HeaderRule | None,
        foretell: Foretell | None,
        careful: bool,
    ) -> Iterator[Batch]:
        from reconcile.mail.imap.bodies import Flight
        from reconcile.mail.imap.groups import grouped, judged
        from reconcile.mail.imap.headers import examined
        from reconcile.mail.imap.listing import Listing

        place = ImapPlace(account=self._account, validity=self._here.validity, uid=before.uid if before else 0)
        listing = Listing(stream, after=place.uid, next_uid=self._here.next_uid, since=since - timedelta(days=1) if since else None)
        waiting: deque[tuple[Group, Flight]] = deque()
        windows: Iterator[Iterable[Judged]] = judged(listing.windows(), wanted, foretell)
        if rule is not None:
            windows = examined(stream, windows, rule, one_by_one=careful)
        groups = grouped(windows, one_by_one=careful)
        exhausted = False
        while True:
            while not exhausted and len(waiting) < _WINDOW:
                group = next(groups, None)
                if group is None:
                    exhausted = True
                else:
                    waiting.append((group, Flight(stream, group.wanted, accept)))
            if not waiting:
                break
            group, flight = waiting.popleft()
            missing = flight.land()
            place = replace(place, uid=max(place.uid, group.last))
            last = exhausted and not waiting
            end = self._settled(place, listing, stream) if last else place
            yield Batch(
                read=tuple(message for message in group.wanted if message not in missing),
                declined=group.declined,
                missing=(*group.empty, *missing),
                vanished=(),
                cursor=end.cursor(),
                messages=stream.exists,
                unlisted=listing.unlisted(stream.exists) if last else 0,
                last=last and not retry,
            )
            place = end
        if not listing.found_any:
            place = self._settled(place, listing, stream)
            yield Batch(
                read=(),
                declined=0,
                missing=(),
                vanished=(),
                cursor=place.cursor(),
                messages=stream.exists,
                unlisted=listing.unlisted(stream.exists),
                last=not retry,
            )
        if retry:
            yield self._again(stream, place, retry, wanted, accept, rule)

    def _settled(self, place: ImapPlace, listing: Listing, stream: Stream) -> ImapPlace:
        """The place after everything that is listed was decided.

        Only when the listing reached the last message the server counts is its UIDNEXT taken as passed: a server may announce a
        message before it lists it.
        """
        if listing.unlisted(stream.exists):
            return place
        uid = max(place.uid, self._here.next_uid - 1)
        # A message that arrived meanwhile makes EXISTS larger than at EXAMINE: the next look sees the difference.
        return replace(place, uid=uid, next_uid=self._here.next_uid, messages=self._here.messages)

    def _again(
        self, stream: Stream, place: ImapPlace, retry: Sequence[RemoteId], wanted: Wanted, accept: Accept, rule: HeaderRule | None
    ) -> Batch:
        from reconcile.mail.imap.bodies import Flight
        from reconcile.mail.imap.groups import Verdict, judged
        from reconcile.mail.imap.headers import examined
        from reconcile.mail.imap.listing import Found, uid_set

        uids = sorted({int(remote.value) for remote in retry if remote.protocol == PROTOCOL and remote.value.isdigit()})
        found = Found()
        there: set[int] = set()
        if uids:
            search = stream.ask_search(b"UID " + uid_set(uids))
            stream.finish(stream.ask(b"UID FETCH %s (UID INTERNALDATE RFC822.SIZE)" % uid_set(uids), found.taking(set(uids))))
            there = {*stream.found(search), *found.listed}
        listed = [found.listed.get(uid) or Listed(RemoteId(PROTOCOL, str(uid)), None, 0) for uid in uids if uid in there]
        windows: Iterator[Iterable[Judged]] = judged([listed], wanted, None)
        if rule is not None:
            windows = examined(stream, windows, rule, one_by_one=True)
        verdicts = [one for window in windows for one in window]
        missing = [message for message, verdict in verdicts if verdict is Verdict.EMPTY]
        asked = [message for message, verdict in verdicts if verdict is Verdict.WANTED]
        for message in asked:
            missing += Flight(stream, (message,), accept).land()
        return Batch(
            read=tuple(message for message in asked if message not in missing),
            declined=sum(verdict is Verdict.DECLINED for _, verdict in verdicts),
            missing=tuple(missing),
            vanished=tuple(RemoteId(PROTOCOL, str(uid)) for uid in uids if uid not in there),
            cursor=place.cursor(),
            messages=stream.exists,
            last=True,
        )

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
