"""Taking mail, appointments, contacts and tasks out of the store for good."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from reconcile.model.audit_record import AuditRecord
from reconcile.model.purge import Erased, Purged, PurgeSelection


class MailPurge(Protocol):
    """What is purged is gone with its texts and edits, is told by the change feed as deleted, and does not come back."""

    def count(self, selection: PurgeSelection) -> Purged:
        """What `purge` would take, now."""
        ...

    def purge(self, selection: PurgeSelection, *, limit: int, record: AuditRecord) -> Purged:
        """At most `limit` mails, in one transaction with `record`, whose detail gets the counts. Nothing is recorded when nothing is
        left to do. Durable when it returns; ended before, it took nothing."""
        ...

    def believed_clock(self) -> datetime | None:
        """The latest time at which mail was purged by age, or was looked for to be. None: never."""
        ...

    def believe_clock(self, now: datetime) -> None:
        """Purging by age goes by this time. One that is earlier than the latest changes nothing."""
        ...

    def erase(self, *, now: str, at_once: bool) -> Erased:
        """Take the octets of purged mail off the disk, one pack at most: `at_once`, or once it is worth while or a day old."""
        ...

    def forget_hashes(self, *, before: str, limit: int) -> int:
        """Take away the hashes for smart matching of mails from before (UTC RFC 3339), at most of `limit` mails; of how many."""
        ...

    def clear_files(self, *, before: str) -> int:
        """Take away the bytes of files that no appointment has and that were handed in before then (UTC RFC 3339); how many."""
        ...

    def forget_mailbox(self, mailbox_id: str) -> None:
        """Where we stood in a mailbox that is no longer applied and holds nothing any more."""
        ...
