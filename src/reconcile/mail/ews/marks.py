"""What may change at an Exchange server: categories, the folder for undeliverable mail, deleting, and Sent Items."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

from reconcile.errors import Unavailable
from reconcile.mail.ews import operations
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import Answer, T, id_of, items_of
from reconcile.mail.ews.codes import GONE, Kind, kind_of
from reconcile.mail.ews.contents import beginning_of
from reconcile.mail.ews.drafts import HEADER, MESSAGE_ID, SENT
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.folder import beside_inbox, opened
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.place import PROTOCOL, EwsPlace
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import KEYWORDS, MarkAction

#: Of one request.
_AT_ONCE: Final = 100
#: Copies of one Message-ID that are looked at.
_COPIES: Final = 10
#: What people see in Outlook: the counterparts of the product's "Tracked to Dynamics 365" and "… (Undeliverable)".
CATEGORIES: Final = {
    KEYWORDS[MarkAction.TRACKED]: "Tracked to reconcile",
    KEYWORDS[MarkAction.UNDELIVERABLE]: "Tracked to reconcile (Undeliverable)",
}
#: PR_MESSAGE_FLAGS: read, and not a draft.
_READ: Final = (
    '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x0E07" PropertyType="Integer"/><t:Value>1</t:Value></t:ExtendedProperty>'
)


class EwsMarks:
    """See `MailMarks`. Doing again what was done changes nothing: what has another id by now is gone."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions) -> None:
        self._link = Link(account, sessions)
        self._folders: dict[str, str] = {}
        self._inbox = ""

    def delete(self, remote_ids: Sequence[RemoteId], *, cursor: Cursor) -> Collection[RemoteId]:
        return self._each(remote_ids, cursor, lambda part: self._link.ask(self._link.requests.delete_items(part)))

    def move(self, remote_ids: Sequence[RemoteId], folder: str, *, cursor: Cursor) -> Collection[RemoteId]:
        def move(part: Sequence[str]) -> Sequence[Answer]:
            if folder not in self._folders:
                self._folders[folder] = beside_inbox(self._link, folder)
            # Asked twice, the second finds nothing under the old ids.
            return self._link.ask(self._link.requests.move_items(part, self._folders[folder]))

        return self._each(remote_ids, cursor, move)

    def mark(self, remote_ids: Sequence[RemoteId], keyword: str, *, cursor: Cursor) -> Collection[RemoteId]:
        return self._each(remote_ids, cursor, lambda part: self._categorised(part, CATEGORIES.get(keyword, keyword)))

    def _categorised(self, part: Sequence[str], category: str) -> Sequence[Answer]:
        """Categories are written as a whole: those that are there stay, and where somebody changes them meanwhile it is done next time."""
        found = self._link.ask(self._link.requests.get_items(part, fields=("item:Categories",)))
        self._lined_up(part, found)
        wanted = []
        for name, answer in zip(part, found, strict=True):
            item = next(items_of(answer), None) if answer.done else None
            if item is None:
                continue
            known = [one.text or "" for one in item.findall(f"{T}Categories/{T}String")]
            if category.casefold() not in (one.casefold() for one in known):
                wanted.append((name, id_of(item)[1], [*known, category]))
        if not wanted:
            return found
        changed = self._link.ask(self._link.requests.set_categories(wanted), again=False)
        self._lined_up(wanted, changed)
        by_name = {name: answer for (name, _, _), answer in zip(wanted, changed, strict=True)}
        return [by_name.get(name, answer) for name, answer in zip(part, found, strict=True)]

    def _each(self, remote_ids: Sequence[RemoteId], cursor: Cursor, change: Callable[[Sequence[str]], Sequence[Answer]]) -> list[RemoteId]:
        """Those for which it is done, or that are gone. Nothing at all where the cursor is of another inbox."""
        place, ours = EwsPlace.of(cursor), [remote for remote in remote_ids if remote.protocol == PROTOCOL]
        if place is None or not ours:
            return []
        if not self._inbox:
            self._inbox, _ = opened(self._link, "inbox")
        if place.folder != self._inbox:
            return []
        done: list[RemoteId] = []
        for start in range(0, len(ours), _AT_ONCE):
            part = ours[start : start + _AT_ONCE]
            answers = change([remote.value for remote in part])
            self._lined_up(part, answers)
            done += [remote for remote, answer in zip(part, answers, strict=True) if answer.done or answer.code in GONE]
            refused = next((answer for answer in answers if not answer.done and kind_of(answer.code) is not Kind.ITEM), None)
            if refused is not None and not done:
                raise refusal(refused, self._link.where)
        return done

    def _lined_up(self, asked: Sequence[object], answers: Sequence[Answer]) -> None:
        if len(asked) != len(answers):
            raise Unavailable(f"{self._link.where} gives {len(answers)} answers about {len(asked)} messages")

    def sent(self, message_id: str) -> Sequence[bytes] | None:
        requests = self._link.requests
        # A server may give a mail another Message-ID on its way out: ours is beside it.
        condition = operations.either(
            operations.field_equals("message:InternetMessageId", message_id), operations.own_equals(MESSAGE_ID, message_id)
        )
        (answer,) = self._link.ask(requests.find_items(requests.folder(SENT), condition, most=_COPIES)) or (None,)
        if answer is None:
            raise Unavailable(f"{self._link.where} does not answer about Sent Items")
        if answer.code == "ErrorFolderNotFound":
            return None
        if not answer.done:
            raise refusal(answer, self._link.where)
        return [*self._headers([id_of(item)[0] for item in items_of(answer)])]

    def _headers(self, names: Sequence[str]) -> Iterator[bytes]:
        """As we wrote them where it was we who sent it, else as they stand in the copy."""
        if not names:
            return
        found = self._link.ask(self._link.requests.get_items(names, own=(HEADER,)))
        self._lined_up(names, found)
        for name, answer in zip(names, found, strict=True):
            item = next(items_of(answer), None) if answer.done else None
            if item is None:
                continue
            ours = item.findtext(f"{T}ExtendedProperty/{T}Value")
            yield ours.replace("\r\n", "\n").replace("\n", "\r\n").encode() if ours else beginning_of(self._link, name)

    def keep_sent(self, content: bytes, *, message_id: str, at: datetime) -> bool:
        held = self.sent(message_id)
        if held is None or held:
            return held is not None
        mime = base64.b64encode(content).decode("ascii")
        message = f'<t:MimeContent CharacterSet="UTF-8">{mime}</t:MimeContent>' + _READ + operations.own_property(MESSAGE_ID, message_id)
        (answer,) = self._link.ask(self._link.requests.create_message(SENT, message), again=False) or (None,)
        if answer is None or not answer.done:
            raise refusal(answer, self._link.where) if answer is not None else Unavailable(f"{self._link.where} does not answer")
        return True

    def close(self) -> None:
        self._link.close()
