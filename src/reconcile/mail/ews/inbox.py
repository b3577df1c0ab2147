"""The receiving half over Exchange Web Services: SyncFolderItems page by page, the state behind each page in the cursor of its batch.

First the inbox, then each tracked folder below it. If the process dies anywhere, the states that are stored are those of the last pages
that were kept, and the next look goes on from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from reconcile.errors import CursorInvalid, Unavailable
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import T, id_of, items_of
from reconcile.mail.ews.changes import Page, listed_of, page_of
from reconcile.mail.ews.codes import GONE, Kind, kind_of
from reconcile.mail.ews.contents import AT_ONCE
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.folder import opened
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.page_reading import Accept, PageReading, Wanted
from reconcile.mail.ews.place import PROTOCOL, EwsPlace
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.ews.tracked import TrackedFolders
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch, Examine, Foresee, Foretell, Listed, Look

_INBOX: Final = "inbox"


class EwsInbox:
    """One thread at a time. A look at an inbox with nothing new is one request; tracked folders (`folders`, by their paths below the inbox)
    cost one more, and one each."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions, folders: Sequence[str] = ()) -> None:
        self._link = Link(account, sessions)
        #: The first page behind a state, as the look found it.
        self._held: tuple[str, Page] | None = None
        self._here = EwsPlace(folder="")
        self._tracked = TrackedFolders(self._link, folders)

    def look(self, cursor: Cursor | None) -> Look:
        before = EwsPlace.of(cursor)
        self._held, news = None, True
        if before is not None:
            try:
                page = page_of(self._link, self._link.requests.folder(_INBOX), before.state, AT_ONCE)
            except CursorInvalid:
                # Too old, or of another mailbox: everything is listed again.
                before = None
            else:
                self._held = (before.state, page)
                arrived = len(page.listed) + page.others - page.gone
                self._here = EwsPlace(folder=before.folder, state=before.state, messages=max(0, before.messages + arrived))
                news = page.changed or not page.last
        if before is None:
            self._here = self._counted("")
        tracked, moved, lacking = self._tracked.look(() if before is None else before.tracked)
        self._here = replace(self._here, tracked=tracked)
        return Look(messages=self._here.count, news=news or moved, restarted=before is None, lacking=lacking)

    def _counted(self, state: str) -> EwsPlace:
        folder, messages = opened(self._link, _INBOX)
        return EwsPlace(folder=folder, state=state, messages=messages, tracked=self._here.tracked)

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
        before, most = EwsPlace.of(cursor), 1 if careful else AT_ONCE
        reading = PageReading(self._link, wanted, accept, examine, foresee, foretell, careful=careful)
        state, last = before.state if before else "", False
        if before is None:
            # Until a folder's turn comes, nothing of it is read.
            self._here = replace(self._here, tracked=tuple(replace(one, state="") for one in self._here.tracked))
        while not last:
            page, last = self._page(state, most), False
            if page.last and (page.changed or not self._here.folder):
                # Counted behind what was listed: what came meanwhile shows as a change with the next look.
                self._here = self._counted(page.state)
            here = replace(self._here, state=page.state)
            yield reading.batch(page.listed, page.others, (), here, last=page.last and not here.tracked and not retry)
            state, last = page.state, page.last
            self._here = here
        yield from self._of_tracked(reading, most)
        if retry:
            listed, vanished = self._asked_again(retry)
            yield reading.batch(listed, 0, vanished, self._here)

    def _of_tracked(self, reading: PageReading, most: int) -> Iterator[Batch]:
        for number, place in enumerate(self._here.tracked):
            for behind, page in self._tracked.pages(place, most):
                places = (*self._here.tracked[:number], behind, *self._here.tracked[number + 1 :])
                here = replace(self._here, tracked=places)
                if page.changed or not place.state:
                    yield reading.batch(page.listed, page.others, (), here)
                self._here = here

    def _page(self, state: str, most: int) -> Page:
        held, self._held = self._held, None
        if held is not None and held[0] == state and len(held[1].listed) <= most:
            return held[1]
        try:
            return page_of(self._link, self._link.requests.folder(_INBOX), state, most)
        except CursorInvalid as error:
            raise Unavailable(error.message, hint="It is listed again with the next look.") from None

    def _asked_again(self, retry: Sequence[RemoteId]) -> tuple[list[Listed], tuple[RemoteId, ...]]:
        """Those that are still in the inbox or in a tracked folder, and those that are not."""
        paths = {self._here.folder: "", **{one.folder: one.path for one in self._here.tracked}}
        ours = [remote for remote in retry if remote.protocol == PROTOCOL]
        listed, vanished = list[Listed](), [remote for remote in retry if remote.protocol != PROTOCOL]
        fields = ("item:DateTimeReceived", "item:Size", "item:ParentFolderId")
        for start in range(0, len(ours), AT_ONCE):
            part = ours[start : start + AT_ONCE]
            found = self._link.ask(self._link.requests.get_items((one.value for one in part), fields=fields))
            if len(found) != len(part):
                raise Unavailable(f"{self._link.where} gives {len(found)} answers about {len(part)} messages")
            for remote, answer in zip(part, found, strict=True):
                item = next(items_of(answer), None) if answer.done else None
                if item is not None and id_of(item)[0] == remote.value:
                    parent = item.find(f"{T}ParentFolderId")
                    place = "" if parent is None or not self._here.folder else parent.get("Id")
                    path = paths.get(place) if place else ""
                    one = None if path is None else listed_of(item, path)
                    if one is None:
                        vanished.append(remote)
                    else:
                        listed.append(one)
                elif answer.code in GONE or kind_of(answer.code) is Kind.ITEM:
                    vanished.append(remote)
                else:
                    raise refusal(answer, self._link.where)
        return listed, tuple(vanished)

    def close(self) -> None:
        self._held = None
        self._tracked.forget()
        self._link.close()
