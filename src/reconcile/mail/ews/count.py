"""How many messages an inbox holds between two moments: one question, nothing is listed."""

from __future__ import annotations

from datetime import datetime

from reconcile.errors import Unavailable
from reconcile.mail.ews import operations
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import M
from reconcile.mail.ews.folder import opened
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions


class EwsCounter:
    """See `MessageCounter`."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions) -> None:
        self._account = account
        self._sessions = sessions

    def count(self, since: datetime | None, before: datetime | None) -> int:
        """By DateTimeReceived, to the second. Raises TransientError, PermanentError."""
        link = Link(self._account, self._sessions)
        try:
            if since is None and before is None:
                return opened(link, "inbox")[1]
            condition = operations.received_between(since, before)
            answer = link.one(link.requests.find_items(link.requests.folder("inbox"), condition, most=1))
            root = answer.element.find(f"{M}RootFolder")
            total = "" if root is None else root.get("TotalItemsInView") or ""
            if not total.isdigit():
                raise Unavailable(f"{link.where} does not say how many messages there are")
            return int(total)
        finally:
            link.close()
