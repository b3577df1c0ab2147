"""Which server Autodiscover found for a mailbox, as it was pinned: an observation, not a declaration."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredServer:
    """`url` is the address of Exchange Web Services, `method` how it was found (json, soap, pox), `address` the mail address it was found
    for, `at` when (UTC RFC 3339), `by` who asked."""

    mailbox_id: str
    address: str
    url: str
    method: str
    at: str
    by: str
