"""How many messages an inbox and its tracked folders hold between two moments: a question each, nothing is listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconcile.errors import Unavailable
from reconcile.mail.ews import operations
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import M
from reconcile.mail.ews.folder import below_inbox, opened
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.tracked_folder import comparable_path


class EwsCounter:
    """See `MessageCounter`. `folders` are those below the inbox that are tracked, by their paths; one that is not there holds nothing."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions, folders: Sequence[str] = ()) -> None:
        self._account = account
        self._sessions = sessions
        self._folders = {comparable_path(path) for path in folders}

    def count(self, since: datetime | None, before: datetime | None) -> int:
        """By DateTimeReceived, to the second. Raises TransientError, PermanentError."""
        link = Link(self._account, self._sessions)
        try:
            tracked = [one for one in below_inbox(link) if comparable_path(one.path) in self._folders] if self._folders else []
            if since is None and before is None:
                return opened(link, "inbox")[1] + sum(one.messages for one in tracked)
            condition = operations.received_between(since, before)
            places = [link.requests.folder("inbox"), *(operations.folder_id(one.folder) for one in tracked)]
            return sum(_found(link, place, condition) for place in places)
        finally:
            link.close()


def _found(link: Link, place: str, condition: str) -> int:
    answer = link.one(link.requests.find_items(place, condition, most=1))
    root = answer.element.find(f"{M}RootFolder")
    total = "" if root is None else root.get("TotalItemsInView") or ""
    if not total.isdigit():
        raise Unavailable(f"{link.where} does not say how many messages there are")
    return int(total)
