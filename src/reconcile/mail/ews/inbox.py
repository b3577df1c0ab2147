"""The receiving half over Exchange Web Services: SyncFolderItems page by page, the state behind each page in the cursor of its batch.

If the process dies anywhere, the state that is stored is that of the last page which was kept, and the next look goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from reconcile.errors import CursorInvalid, Unavailable
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import T, id_of, items_of
from reconcile.mail.ews.changes import Page, listed_of, page_of
from reconcile.mail.ews.codes import GONE, Kind, kind_of
from reconcile.mail.ews.contents import (
    AT_ONCE,
    Missing,
    beginning_of,
    chunks_of,
    contents_of,
    groups,
    header_of,
    headers_of,
    is_large,
    streamed,
)
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.folder import opened
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.place import PROTOCOL, EwsPlace
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch, Examine, Foresee, Listed, Look

Wanted = Callable[[Listed], bool]
Accept = Callable[[Listed, Iterator[bytes]], None]
_INBOX: Final = "inbox"


class EwsInbox:
    """One thread at a time. A look at an inbox with nothing new is one request."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions) -> None:
        self._link = Link(account, sessions)
        #: The first page behind a state, as the look found it.
        self._held: tuple[str, Page] | None = None
        self._here = EwsPlace(folder="")

    def look(self, cursor: Cursor | None) -> Look:
        before = EwsPlace.of(cursor)
        self._held = None
        if before is not None:
            try:
                page = page_of(self._link, _INBOX, before.state, AT_ONCE)
            except CursorInvalid:
                # Too old, or of another mailbox: everything is listed again.
                before = None
            else:
                self._held = (before.state, page)
                arrived = len(page.listed) + page.others - page.gone
                self._here = EwsPlace(folder=before.folder, state=before.state, messages=max(0, before.messages + arrived))
                return Look(messages=self._here.messages, news=page.changed or not page.last, restarted=False)
        self._here = self._counted("")
        return Look(messages=self._here.messages, news=True, restarted=True)

    def _counted(self, state: str) -> EwsPlace:
        folder, messages = opened(self._link, _INBOX)
        return EwsPlace(folder=folder, state=state, messages=messages)

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
        careful: bool = False,
    ) -> Iterator[Batch]:
        before = EwsPlace.of(cursor)
        reading = _Reading(self._link, wanted, accept, examine, foresee, careful=careful)
        state, last = before.state if before else "", False
        while not last:
            page, last = self._page(state, 1 if careful else AT_ONCE), False
            if page.last and (page.changed or not self._here.folder):
                # Counted behind what was listed: what came meanwhile shows as a change with the next look.
                self._here = self._counted(page.state)
            here = EwsPlace(folder=self._here.folder, state=page.state, messages=self._here.messages)
            yield reading.batch(page.listed, page.others, (), here)
            state, last = page.state, page.last
            self._here = here
        if retry:
            listed, vanished = self._asked_again(retry)
            yield reading.batch(listed, 0, vanished, self._here)

    def _page(self, state: str, most: int) -> Page:
        held, self._held = self._held, None
        if held is not None and held[0] == state and len(held[1].listed) <= most:
            return held[1]
        try:
            return page_of(self._link, _INBOX, state, most)
        except CursorInvalid as error:
            raise Unavailable(error.message, hint="It is listed again with the next look.") from None

    def _asked_again(self, retry: Sequence[RemoteId]) -> tuple[list[Listed], tuple[RemoteId, ...]]:
        """Those that are still in the inbox, and those that are not."""
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
                    elsewhere = parent is not None and self._here.folder and parent.get("Id") != self._here.folder
                    one = None if elsewhere else listed_of(item)
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
        self._link.close()


class _Reading:
    """What is done with each message that is listed."""

    def __init__(
        self, link: Link, wanted: Wanted, accept: Accept, examine: Examine | None, foresee: Foresee | None, *, careful: bool
    ) -> None:
        self._link = link
        self._wanted = wanted
        self._accept = accept
        self._examine = examine
        self._foresee = foresee
        self._careful = careful

    def batch(self, listed: Sequence[Listed], others: int, vanished: tuple[RemoteId, ...], here: EwsPlace) -> Batch:
        """Everything about one page."""
        chosen = [message for message in listed if self._wanted(message)]
        read, missing, declined = list[Listed](), list[Listed](), others + len(listed) - len(chosen)
        for group in groups(chosen):
            if is_large(group) or self._careful:
                for message in group:
                    declined += self._streamed(message, read, missing)
            else:
                declined += self._group(group, read, missing)
        return Batch(
            read=tuple(read),
            declined=declined,
            missing=tuple(missing),
            vanished=vanished,
            cursor=here.cursor(),
            messages=here.messages,
        )

    def _group(self, group: list[Listed], read: list[Listed], missing: list[Listed]) -> int:
        """How many were not wanted by their header."""
        held: dict[RemoteId, bytes] = {}
        declined = 0
        if self._examine is not None:
            before = len(group)
            group, lacking = self._examined(group, held)
            missing += lacking
            declined = before - len(group) - len(lacking)
        asked = [message for message in group if message.remote_id not in held]
        given = dict(zip((one.remote_id for one in asked), contents_of(self._link, asked), strict=True)) if asked else {}
        for message in group:
            content = held.get(message.remote_id, given.get(message.remote_id))
            if isinstance(content, bytes):
                self._accept(message, chunks_of(content))
                read.append(message)
            else:
                missing.append(message)
        return declined

    def _examined(self, group: list[Listed], held: dict[RemoteId, bytes]) -> tuple[list[Listed], list[Listed]]:
        """Those that are wanted by their header, and those that have none. What had to be read for it is left in `held`."""
        assert self._examine is not None
        headers = dict(zip((one.remote_id for one in group), headers_of(self._link, group), strict=True))
        without = [message for message in group if headers[message.remote_id] == b""]
        for message, content in zip(without, contents_of(self._link, without) if without else (), strict=True):
            headers[message.remote_id] = header_of(content) if isinstance(content, bytes) else content
            if isinstance(content, bytes):
                held[message.remote_id] = content
        known = [(message, block) for message in group if isinstance(block := headers[message.remote_id], bytes)]
        if self._foresee is not None and known:
            self._foresee(known)
        lacking = [message for message in group if not isinstance(headers[message.remote_id], bytes)]
        return [message for message, block in known if self._examine(message, block)], lacking

    def _streamed(self, message: Listed, read: list[Listed], missing: list[Listed]) -> int:
        """1 when it was not wanted by its header."""
        if self._examine is not None:
            block = self._beginning(message)
            if isinstance(block, Missing):
                missing.append(message)
                return 0
            if self._foresee is not None:
                self._foresee([(message, block)])
            if not self._examine(message, block):
                return 1
        with streamed(self._link, message) as chunks:
            if isinstance(chunks, Missing):
                missing.append(message)
            else:
                self._accept(message, chunks)
                read.append(message)
        return 0

    def _beginning(self, message: Listed) -> bytes | Missing:
        (block,) = headers_of(self._link, [message])
        if block != b"":
            return block
        return beginning_of(self._link, message.remote_id.value) or Missing(gone=False)
