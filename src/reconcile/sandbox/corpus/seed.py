"""One message to be put into a sandbox mailbox before anybody looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """`mailbox` is an address of the sandbox, `internal_date` aware, `raw` the message with CRLF line ends."""

    mailbox: str
    raw: bytes
    internal_date: datetime
    flags: frozenset[str] = frozenset()
    folder: str = "INBOX"
