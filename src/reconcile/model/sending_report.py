"""What one pass over the outbox did."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.condition import Condition
from reconcile.model.outgoing import OutboxEntry, OutgoingState


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxTrouble:
    """A mailbox with due mail that could not send. `waiting` mails stay pending; `hint` is what a person can do; `counts`: it is the
    mailbox's own failure, of which ten in a row disable it."""

    mailbox_id: str
    name: str
    condition: Condition
    waiting: int
    hint: str = ""
    counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingReport:
    """`settled` are the mails that were tried, as they are now; `abandoned` those that a dead run had left behind and that are
    uncertain now."""

    settled: tuple[OutboxEntry, ...] = ()
    abandoned: tuple[OutboxEntry, ...] = ()
    troubles: tuple[MailboxTrouble, ...] = ()

    def count(self, state: OutgoingState) -> int:
        """How many of the tried ones are in that state."""
        return sum(entry.state is state for entry in self.settled)

    @property
    def needs_a_look(self) -> bool:
        """Whether something failed or is uncertain, or a mailbox could not send."""
        return bool(self.abandoned or self.troubles) or any(
            entry.state in (OutgoingState.FAILED, OutgoingState.UNCERTAIN) for entry in self.settled
        )
