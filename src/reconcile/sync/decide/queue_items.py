"""Which queues get an item for a tracked e-mail (environment database settings CreateQueueItemForSynchronizingMailbox,
CreateQueueItemsForAcceptingQueueRecipients, SSSCreateAdditionalQueueItemsForAlreadyTrackedEmail)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.party import PartyRow, PartyType
from reconcile.model.queue_item import NewQueueItem, QueueItemReason


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """queues.* of the Organization; what is not declared is as in the product."""

    for_synchronizing_mailbox: bool = True
    for_accepting_recipients: bool = True
    for_tracked_email: bool = False

    @classmethod
    def of(cls, organization: Mapping[str, Leaf]) -> QueueRules:
        """From the applied fields of the Organization ({} where there is none)."""
        return cls(
            for_synchronizing_mailbox=organization.get("queues.itemForSynchronizingMailbox") is not False,
            for_accepting_recipients=organization.get("queues.itemsForAcceptingRecipients") is not False,
            for_tracked_email=organization.get("queues.additionalItemsForTrackedEmail") is True,
        )


def queue_items(
    *, accepted_by: PartyRow | None, accepting: Sequence[PartyRow], synchronizing: PartyRow | None, tracked_before: bool, rules: QueueRules
) -> tuple[NewQueueItem, ...]:
    """One item a queue, in the order in which the queues are named.

    `accepted_by` is the recipient that took the message, `accepting` are all resolved recipients whose filter accepts it,
    `synchronizing` the user or queue of the mailbox being processed when that one accepts it (also by Bcc or behind a list).
    `tracked_before`: another mailbox brought the same e-mail already.
    """
    if tracked_before:
        return _items([(synchronizing, QueueItemReason.TRACKED_BEFORE)]) if rules.for_tracked_email else ()
    named: list[tuple[PartyRow | None, QueueItemReason]] = [(accepted_by, QueueItemReason.ACCEPTED)]
    if rules.for_accepting_recipients:
        named += [(row, QueueItemReason.RECIPIENT) for row in accepting]
    if rules.for_synchronizing_mailbox:
        named.append((synchronizing, QueueItemReason.MAILBOX))
    return _items(named)


def _items(named: Sequence[tuple[PartyRow | None, QueueItemReason]]) -> tuple[NewQueueItem, ...]:
    found: dict[str, NewQueueItem] = {}
    for row, why in named:
        if row is not None and row.ref.type is PartyType.QUEUE:
            found.setdefault(row.ref.id, NewQueueItem(queue=row.ref, why=why))
    return tuple(found.values())
