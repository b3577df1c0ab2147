"""The receiving half over POP3. Nothing at the server changes: no DELE is ever sent here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from reconcile.errors import Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.pop3.bodies import Bodies, Round
from reconcile.mail.pop3.faults import translated
from reconcile.mail.pop3.listing import Item, Listing, list_all
from reconcile.mail.pop3.place import Pop3Place
from reconcile.mail.pop3.session import Session, open_session
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch, Examine, Foresee, Foretell, Listed, Look
from reconcile.ports.sign_in import SignIn

Wanted = Callable[[Listed], bool]
Accept = Callable[[Listed, Iterator[bytes]], None]


class Pop3Inbox:
    """Connects with `look`. The server keeps the mailbox locked until `close`. One thread only.

    The port's `look` is to be cheap; here it lists, because POP3 has nothing else that tells of a change.
    """

    def __init__(self, endpoint: Endpoint, sign_in: SignIn) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._account = f"{endpoint.host.lower()}/{sign_in.username}"
        self._session: Session | None = None
        self._listing = Listing(b"", b"")

    def look(self, cursor: Cursor | None) -> Look:
        # A session shows what was there when it began (RFC 1939, 3), so another look needs another one.
        self.close()
        self._session = open_session(self._endpoint, self._sign_in)
        with translated(str(self._endpoint)):
            self._listing = list_all(self._session)
            before = Pop3Place.of(cursor)
            if before is not None and (before.account, before.listing) == (self._account, self._listing.digest):
                return Look(messages=before.messages, news=False, restarted=False)
            restarted = before is None or before.account != self._account or self._listing.is_renumbered(before)
            return Look(messages=len(self._listing.items), news=True, restarted=restarted)

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
        session = self._session
        if session is None:
            raise Unavailable(f"{self._endpoint}: the connection is closed")
        bodies = Bodies(
            session,
            wanted=wanted,
            foretell=foretell,
            accept=accept,
            examine=examine,
            headers_first=since is not None,
            careful=careful,
        )
        with translated(str(self._endpoint)):
            yield from self._read(bodies, Pop3Place.of(cursor), {remote.value for remote in retry})

    def _read(self, bodies: Bodies, before: Pop3Place | None, retry: set[str]) -> Iterator[Batch]:
        known = before.keys if before is not None else set()
        # What stood in an earlier history, or under another account, says nothing here.
        place = before if before is not None and before.account == self._account else Pop3Place(account=self._account)
        new = [item for item in self._listing.items if item.key not in known and item.name not in retry]
        end = self._settled()
        left = len(new)
        for part in bodies.rounds(new):
            left -= len(part.items)
            place = place.with_decided(item.key for item in part.items)
            yield self._batch(part, (), place if left else end)
        if not new:
            yield self._batch(Round(), (), end)
        if retry:
            there = [self._listing.by_name[name] for name in sorted(retry) if name in self._listing.by_name]
            gone = [name for name in sorted(retry) if name not in self._listing.by_name]
            yield self._again(bodies, there, gone, end)

    def _settled(self) -> Pop3Place:
        """The place after everything listed was decided. What is no longer listed is forgotten."""
        listing = self._listing
        keys = b"".join(item.key for item in listing.items)
        return Pop3Place(account=self._account, listing=listing.digest, messages=len(listing.items), decided=keys, sizes=listing.sizes())

    def _again(self, bodies: Bodies, there: Sequence[Item], gone: Sequence[str], end: Pop3Place) -> Batch:
        whole = Round()
        for part in bodies.rounds(there, one_by_one=True):
            whole.add(part)
        return self._batch(whole, tuple(RemoteId("pop3", name) for name in gone), end)

    def _batch(self, part: Round, vanished: tuple[RemoteId, ...], place: Pop3Place) -> Batch:
        return Batch(
            read=tuple(part.read),
            declined=part.declined,
            missing=tuple(part.missing),
            vanished=vanished,
            cursor=place.cursor(),
            messages=len(self._listing.items),
        )

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.wire.close()
