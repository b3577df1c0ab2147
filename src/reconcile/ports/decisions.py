"""What was decided about received messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconcile.model.remote_id import RemoteId
from reconcile.model.tracking import Decision, Tracking


class DecisionReader(Protocol):
    """A missing store reads as empty. Of ignored messages the newest ten thousand a mailbox are remembered; nothing is stored of a message
    that was tracked because its mailbox takes all mail."""

    def of_activity(self, activity_id: int) -> Sequence[Decision]:
        """One for each message that became this activity and has one, oldest first."""
        ...

    def of_message_id(self, message_id: str) -> Sequence[Decision]:
        """Newest first, at most a hundred."""
        ...

    def of_place(self, mailbox_id: str, remote: str) -> Sequence[Decision]:
        """On the message of this number in the mailbox's Inbox, newest generation first."""
        ...

    def placed(self, mailbox_id: str, remote: str) -> Sequence[tuple[int, RemoteId, int]]:
        """(generation, remote id, activity) of the kept messages of this number, newest generation first."""
        ...

    def tracking(self, activity_id: int) -> Tracking | None:
        """What it is attached to."""
        ...
