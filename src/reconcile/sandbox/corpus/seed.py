"""One message to be put into a sandbox mailbox before anybody looks."""

from __future__ import annotations

from datetime import datetime

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """`mailbox` is an address of the sandbox, `internal_date` aware, `raw` the message with CRLF line ends."""

    mailbox: str
    raw: bytes
    internal_date: datetime
    flags: frozenset[str] = frozenset()
    folder: str = "INBOX"
