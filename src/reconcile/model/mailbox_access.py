"""By what right an account opens a mailbox."""

from __future__ import annotations

from enum import StrEnum


class MailboxAccess(StrEnum):
    """`own`: it is the account's mailbox. Of Exchange: `impersonation` (one account acts as each mailbox's owner) and `delegation` (the
    owner, or the server's administrator, gave it rights on folders)."""

    OWN = "own"
    IMPERSONATION = "impersonation"
    DELEGATION = "delegation"
