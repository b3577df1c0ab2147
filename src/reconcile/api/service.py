"""What the endpoints work with: ports of one environment, opened once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.ports.clock import Clock
from reconcile.ports.feed import FeedReader
from reconcile.ports.mail_store import MailStore
from reconcile.sync.edit_intake import EditIntake
from reconcile.sync.item_intake import ItemIntake
from reconcile.sync.mail_intake import MailIntake


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`mailboxes` gives (slug, address) by mailbox id, as applied now. `stopping` is set when the server is to end."""

    environment: str
    version: str
    mail: MailStore
    feed: FeedReader
    outgoing: MailIntake
    edits: EditIntake
    items: ItemIntake
    mailboxes: Callable[[], Mapping[str, tuple[str, str]]]
    clock: Clock
    stopping: threading.Event
    #: So many requests may wait for changes at the same time.
    waiters: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(8))

    def slugs(self) -> Mapping[str, str]:
        """By mailbox id."""
        return {mailbox_id: slug for mailbox_id, (slug, _) in self.mailboxes().items()}
