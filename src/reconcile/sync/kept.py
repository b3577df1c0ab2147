"""Inboxes that stay connected between looks, so that a poll costs one question instead of a login. Bounded; what is over is closed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import timedelta
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.ports.mail import Inbox
from reconcile.sync.decide.eligible import ReceivingMailbox

#: Servers end a connection that says nothing for longer (RFC 3501, 5.4: not before 30 minutes; many do after 10).
_WORTH: Final = timedelta(minutes=10)


@dataclass(slots=True, kw_only=True)
class Kept:
    """At most `most` inboxes. For several threads; what it holds belongs to nobody until it is taken."""

    most: int
    _inboxes: OrderedDict[str, tuple[str, Inbox]] = field(default_factory=OrderedDict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def connecting(self, connect: Callable[[ReceivingMailbox], Inbox]) -> Callable[[ReceivingMailbox], Inbox]:
        """As `connect`, but with what is kept first."""

        def kept_or_new(mailbox: ReceivingMailbox) -> Inbox:
            return self._take(mailbox) or connect(mailbox)

        return kept_or_new

    def _take(self, mailbox: ReceivingMailbox) -> Inbox | None:
        with self._guard:
            fingerprint, inbox = self._inboxes.pop(mailbox.mailbox_id, ("", None))
        if inbox is not None and fingerprint != mailbox.fingerprint:
            inbox.close()
            return None
        return inbox

    def give(self, mailbox: ReceivingMailbox, inbox: Inbox, usable: bool) -> None:
        """Keep it, or close it."""
        # POP3 locks the maildrop for everybody else until QUIT, and commits nothing before (RFC 1939, section 8). An account that may
        # have one connection only needs it for marks and mail that goes out.
        keeps = usable and mailbox.protocol == "imap" and mailbox.connections > 1 and mailbox.polling_interval <= _WORTH
        over: Inbox | None = inbox
        if keeps and self.most:
            with self._guard:
                _, over = self._inboxes.pop(mailbox.mailbox_id, ("", None))
                self._inboxes[mailbox.mailbox_id] = (mailbox.fingerprint, inbox)
                if over is None and len(self._inboxes) > self.most:
                    _, (_, over) = self._inboxes.popitem(last=False)
        if over is not None:
            over.close()

    def retain(self, current: Mapping[str, str]) -> None:
        """Close those of mailboxes that are not in `current` (id to fingerprint), or have changed."""
        with self._guard:
            gone = [name for name, (fingerprint, _) in self._inboxes.items() if current.get(name) != fingerprint]
            closing = [self._inboxes.pop(name)[1] for name in gone]
        for inbox in closing:
            inbox.close()

    def close(self) -> None:
        """All of them."""
        self.retain({})

    def __len__(self) -> int:
        return len(self._inboxes)
