"""A message in quarantine."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.remote_id import RemoteId


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    """`raw` is the SHA-256 of its bytes. `outcome` and `reason` are those of the decision on it, `error` is what was said when it
    failed; `at` is when it was given up. Instants are UTC RFC 3339."""

    id: int
    mailbox_id: str
    generation: int
    remote_id: RemoteId
    raw: bytes
    size: int
    received: str
    at: str
    outcome: str
    reason: str
    error: str
    message_id: str
    sender: str
    subject: str
