"""What became of a message, as it is told to people."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.tracking import Outcome, Tracking


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """In one mailbox. `outcome` None: it is there, but not decided yet (`reason` says why). `number` is the server's, "" where it is not
    known."""

    mailbox: str
    number: str
    outcome: Outcome | None
    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    message_id: str = ""
    sender: str = ""
    subject: str = ""
    received: str = ""
    at: str = ""
    attempts: int = 0
    activity_id: int | None = None
    tracking: Tracking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where a server has a message that was asked for: its folder, and whether only that is read."""

    mailbox: str
    folder: str
    inbox: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFates:
    """Everything known of a message. `outgoing` is the number of the outgoing mail it is; `notes` are sentences on what is not known."""

    asked: str
    fates: tuple[Fate, ...]
    outgoing: int | None = None
    whereabouts: tuple[Whereabouts, ...] = ()
    notes: tuple[str, ...] = ()
