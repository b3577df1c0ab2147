"""What is known of one address, for people who look it up."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.party import PartyRef, PartyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAddress:
    """`address` is in the form in which addresses are compared. `mailbox` is the one of `rows` that stands for an applied mailbox only.
    `sender` and `recipients` are whom it resolves to, and `…_why` says why, in words."""

    address: str
    rows: tuple[PartyRow, ...]
    mailbox: PartyRef | None
    sender: PartyRef | None
    sender_why: str
    recipients: tuple[PartyRef, ...]
    recipients_why: str
