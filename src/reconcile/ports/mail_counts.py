"""How much mail there is between two moments, for plans: what the store keeps, without looking at a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What moved through one mailbox since a moment: how many messages were tracked, and the outbox numbers of mails that were sent
    or may have been (`uncertain`)."""

    tracked: int
    sent: Sequence[int]
    uncertain: Sequence[int]


class MailCounts(Protocol):
    """A missing store reads as empty. Mailboxes are named by their external id, instants are UTC RFC 3339."""

    def moved(self, mailbox_id: str, since: str) -> Moved:
        """Since then, by our own clock."""
        ...

    def passed_over(self, mailbox_id: str) -> int | None:
        """0 where every message the mailbox ever listed was kept; None where nobody knows how many were not, or from when."""
        ...
