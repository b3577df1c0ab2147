"""An outgoing mail from the moment it is entrusted to us until it is known what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding
from reconcile.model.sent_folder import UNTOUCHED, SentFolder


class OutgoingState(StrEnum):
    """The product's states of an outgoing e-mail (status reason of the table Email), and one of ours: `uncertain`, handed to
    the server without an answer. Nobody but a person leads out of `uncertain`, except the late answer itself."""

    DRAFT = "draft"
    PENDING = "pending-send"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"

    @property
    def number(self) -> int | None:
        """The product's `statuscode`; `uncertain` has none."""
        return _NUMBERS.get(self)


_NUMBERS = {
    OutgoingState.DRAFT: 1,
    OutgoingState.SENT: 3,
    OutgoingState.PENDING: 6,
    OutgoingState.SENDING: 7,
    OutgoingState.FAILED: 8,
}


class RecipientState(StrEnum):
    """One recipient of one mail."""

    PENDING = "pending"
    SENDING = "sending"  # the server took the address; the mail may be on its way
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Field(StrEnum):
    """Where a recipient stands. Bcc stands in the envelope only, never in the bytes."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """`reason` is the last thing a server (or the allow-list) said about this recipient, one line."""

    address: str
    field: Field
    state: RecipientState = RecipientState.PENDING
    reason: str = ""


#: How the reason ends where a person took a mail back, and how it begins where tries came to an end.
WITHDREW: Final = " withdrew it"
GIVEN_UP: Final = "given up after"
#: Before what a person can do, at the end of the reason of a mail that waits for its mailbox.
NEXT_STEP: Final = "; next: "


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One mail of the outbox, without its bytes (the store hands those out by `id`).

    `message_id` is the token: minted before anything is sent, in the bytes, with angle brackets. `client_key` is the
    caller's idempotency key ("" when none), `request` a digest of what was asked for, to notice a key used for something else.
    `mailbox_id` is the mailbox's external id on the target. `size` in octets. `attempts` counts tries since the entry
    last became pending by a person's hand, `tried_since` is the first of them; `owner` is the run that has taken the entry, or took it
    last while the outcome is open. Before `postponed_until` it is not due, whatever `next_try_at` says. `tracking_token` stands in the
    subject ("" for none). `submitter_id` and `submitter_name` are the mailbox that asked, where the mail goes out as another one (""
    otherwise). `regarding` is what it is about; a reply inherits it. `restored_from` is when the backup was made that a draft or
    failed mail came back with, until a person has said whether it went out since. All instants are aware and UTC.
    """

    id: int
    message_id: str
    client_key: str
    request: str
    mailbox_id: str
    mailbox_name: str
    sender: str
    recipients: tuple[Recipient, ...]
    subject: str
    size: int
    added_at: datetime
    state: OutgoingState
    attempts: int = 0
    next_try_at: datetime | None = None
    reason: str = ""
    owner: str = ""
    tried_since: datetime | None = None
    postponed_until: datetime | None = None
    tracking_token: str = ""
    submitter_id: str = ""
    submitter_name: str = ""
    regarding: Regarding | None = None
    sent_folder: SentFolder = UNTOUCHED
    restored_from: datetime | None = None

    @property
    def due_at(self) -> datetime:
        """When it may be taken up, while it is pending."""
        return max(moment for moment in (self.next_try_at or self.added_at, self.postponed_until) if moment is not None)

    @property
    def withdrawn(self) -> bool:
        """A person took it back, and nobody was refused it: it failed, but there is nothing to mend."""
        words = self.reason.endswith(WITHDREW) and not self.reason.startswith(GIVEN_UP)
        return (
            self.state is OutgoingState.FAILED and words and all(one.reason == self.reason for one in self.in_state(RecipientState.FAILED))
        )

    @property
    def standing(self) -> str:
        """Its state as people call it."""
        return "withdrawn" if self.withdrawn else str(self.state)

    def in_state(self, state: RecipientState) -> tuple[Recipient, ...]:
        """The recipients in that state."""
        return tuple(recipient for recipient in self.recipients if recipient.state is state)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEvent:
    """One transition of one entry; `origin` is None for the first. Append-only."""

    entry: int
    sequence: int
    at: datetime
    origin: OutgoingState | None
    state: OutgoingState
    why: str


def derived_state(recipients: Iterable[Recipient]) -> OutgoingState:
    """The state of a mail from those of its recipients: the one that asks for most attention.

    An uncertain recipient holds the others back until a person has looked: that costs time, never a mail.
    """
    states = {recipient.state for recipient in recipients}
    for recipient_state, state in (
        (RecipientState.SENDING, OutgoingState.SENDING),
        (RecipientState.UNCERTAIN, OutgoingState.UNCERTAIN),
        (RecipientState.PENDING, OutgoingState.PENDING),
        (RecipientState.FAILED, OutgoingState.FAILED),
    ):
        if recipient_state in states:
            return state
    return OutgoingState.SENT
