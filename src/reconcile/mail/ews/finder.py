"""Where a mailbox has a message: its Message-ID in all folders, some hundred of them in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconcile.errors import Unavailable
from reconcile.mail.ews import operations
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import items_of
from reconcile.mail.ews.folder import folders_below
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions

#: Folders of one request.
_AT_ONCE: Final = 50


class EwsFinder:
    """See `MessageFinder`."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions) -> None:
        self._account = account
        self._sessions = sessions

    def folders_of(self, message_id: str) -> Sequence[str]:
        """A folder that the account may not read is passed over. Raises TransientError, PermanentError."""
        link = Link(self._account, self._sessions)
        try:
            folders = [*folders_below(link, deep=True)]
            condition = operations.field_equals("message:InternetMessageId", message_id)
            found = []
            for start in range(0, len(folders), _AT_ONCE):
                part = folders[start : start + _AT_ONCE]
                where = "".join(operations.folder_id(name) for name, _ in part)
                answers = link.ask(link.requests.find_items(where, condition, most=1))
                if len(answers) != len(part):
                    raise Unavailable(f"{link.where} gives {len(answers)} answers about {len(part)} folders")
                for (_, name), answer in zip(part, answers, strict=True):
                    if answer.done and any(True for _ in items_of(answer)):
                        found.append(name)
            return found
        finally:
            link.close()
