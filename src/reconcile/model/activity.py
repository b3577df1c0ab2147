"""A tracked e-mail: one per organization for the same Message-ID with the same content."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import UNEDITED, ActivityDetails
from reconcile.model.message import MessageHeader
from reconcile.model.queue_item import QueueItem
from reconcile.model.tracking import Tracking


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """`id` is ours and never used again for another message. `mailbox_id` is the mailbox that brought it first, `mailboxes` all
    that hold it. `received` is the server's clock (INTERNALDATE), UTC RFC 3339. `raw_digest` is the SHA-256 of the bytes as
    received, hexadecimal. `conflicting`: another message bears the same Message-ID with other content. `details` are what was set on it
    afterwards, `queue_items` the queues it waits in, `tracking` is what it was attached to when it came (None: nothing).
    """

    id: int
    mailbox_id: str
    mailboxes: tuple[str, ...]
    received: str
    tracked_at: str
    size: int
    raw_digest: str
    header: MessageHeader
    conflicting: bool
    details: ActivityDetails = UNEDITED
    queue_items: tuple[QueueItem, ...] = ()
    tracking: Tracking | None = None
