"""Items of queues: which tracked e-mail waits in which queue."""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass
from reconcile.model.party import PartyRef


class QueueItemReason(StrEnum):
    """Why a queue got an item."""

    ACCEPTED = "accepted"  # the queue took the e-mail
    RECIPIENT = "recipient"  # it is among the recipients, and accepts it
    MAILBOX = "mailbox"  # its mailbox was read: Bcc, or behind a list
    TRACKED_BEFORE = "tracked-before"  # another recipient brought it


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQueueItem:
    """As it is decided."""

    queue: PartyRef
    why: QueueItemReason


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """As it is kept. `at` is UTC RFC 3339."""

    id: int
    activity_id: int
    queue: PartyRef
    why: QueueItemReason
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCount:
    """How many items a queue has; `newest` is UTC RFC 3339."""

    queue: PartyRef
    items: int
    newest: str
