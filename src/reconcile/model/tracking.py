"""What was decided about a received message, and why: stored as data, so that it can be explained later."""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding
from reconcile.model.party import PartyRef
from reconcile.model.remote_id import RemoteId


class Outcome(StrEnum):
    """What became of a message."""

    TRACKED = "tracked"
    IGNORED = "ignored"
    UNDELIVERABLE = "undeliverable"  # wanted, but tracking it failed for good; its bytes are kept
    QUARANTINED = "quarantined"  # cannot be processed; its bytes are kept with the reason


class CorrelationMethod(StrEnum):
    """How a message was recognised as belonging to another (table Email, `correlationmethod`)."""

    IN_REPLY_TO = "in-reply-to"
    TRACKING_TOKEN = "tracking-token"
    CONVERSATION_INDEX = "conversation-index"
    SMART_MATCHING = "smart-matching"
    REFERENCES = "references"  # ours; the product has none

    @property
    def number(self) -> int:
        """The product's value; `references` is told as custom."""
        return {"in-reply-to": 3, "tracking-token": 4, "conversation-index": 5, "smart-matching": 6, "references": 7}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRef:
    """An e-mail of ours: `kind` is "email" (a tracked activity) or "outbox" (an outgoing mail)."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """`parent` only where the method names the very message that is answered (In-Reply-To, conversation index). `clue` is what matched,
    for people. `regarding` and `owner` are those of the correlated mail. An id of 0 means the e-mail with `message_id`, which is being
    kept by this batch or one right before it."""

    method: CorrelationMethod
    correlated: MailRef
    parent: MailRef | None
    clue: str
    regarding: Regarding | None = None
    owner: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedAddress:
    """`field` is from, to, cc or bcc. `rows` are the parties the address was resolved to; empty: unresolved."""

    field: str
    address: str
    rows: tuple[PartyRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What a tracked message is attached to. `accepted_by` is the recipient whose filter took it, None for the mailbox itself where
    no user or queue is known for it. `queue_items` are queues that get an item. `forwarded_by` is the forward mailbox it came through
    ("" when direct)."""

    accepted_by: PartyRef | None = None
    correlation: Correlation | None = None
    owner: PartyRef | None = None
    addresses: tuple[ResolvedAddress, ...] = ()
    queue_items: tuple[PartyRef, ...] = ()
    forwarded_by: str = ""


def inherited(tracking: Tracking | None) -> Regarding | None:
    """What a mail is about because the mail it belongs to is, until a CRM says something else."""
    return tracking.correlation.regarding if tracking is not None and tracking.correlation is not None else None


def owner_of(tracking: Tracking | None) -> str:
    """The id of the row that owns a mail as it was found when the mail came; "" for none."""
    return tracking.owner.id if tracking is not None and tracking.owner is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`reason` is a stable word ("all-mail", "reply", "known-sender", "no-recipient-match", "no-correlation-match", "unknown-sender",
    "filter-none", "tracked-folder", "internal", "automatic-reply", "own-mail", "rights-managed", "older-than-floor"
    …); `facts` are the values it was decided by, (name, text) in the order they were looked at. `activity_id` is None unless
    tracked. `at` and `received` are UTC RFC 3339.
    """

    mailbox_id: str
    generation: int
    remote_id: RemoteId
    outcome: Outcome
    reason: str
    facts: tuple[tuple[str, str], ...]
    message_id: str
    sender: str
    subject: str
    received: str
    at: str
    activity_id: int | None = None
    attempts: int = 0
