"""Which queues get an item, as tables."""

from __future__ import annotations

import pytest

from reconcile.model.party import PartyRow
from reconcile.sync.decide.queue_items import QueueRules, queue_items
from support.parties import party

Q1, Q2, Q3, USER = party("queue:q1"), party("queue:q2"), party("queue:q3"), party("user:u")
ALL = QueueRules.of({})
FEW = QueueRules(for_synchronizing_mailbox=False, for_accepting_recipients=False)


@pytest.mark.parametrize(
    ("accepted", "accepting", "synchronizing", "before", "rules", "expected"),
    [
        (USER, [USER], USER, False, ALL, []),
        (Q1, [Q1], Q1, False, ALL, ["q1 accepted"]),
        (Q1, [Q1, USER, Q2], Q1, False, ALL, ["q1 accepted", "q2 recipient"]),
        (USER, [USER, Q2], USER, False, ALL, ["q2 recipient"]),
        # Bcc, or behind a list.
        (Q1, [], Q1, False, ALL, ["q1 accepted"]),
        (USER, [USER], Q3, False, ALL, ["q3 mailbox"]),
        (Q1, [Q1, Q2], Q3, False, FEW, ["q1 accepted"]),
        (Q1, [Q1, Q2], Q3, False, QueueRules(for_synchronizing_mailbox=False), ["q1 accepted", "q2 recipient"]),
        (Q1, [Q1, Q2], Q3, False, QueueRules(for_accepting_recipients=False), ["q1 accepted", "q3 mailbox"]),
        # Another recipient brought it.
        (Q1, [Q1, Q2], Q1, True, ALL, []),
        (Q1, [Q1, Q2], Q3, True, QueueRules(for_tracked_email=True), ["q3 tracked-before"]),
        (Q1, [Q1], USER, True, QueueRules(for_tracked_email=True), []),
        (None, [], None, False, ALL, []),
    ],
)
def test_queue_items(
    accepted: PartyRow | None,
    accepting: list[PartyRow],
    synchronizing: PartyRow | None,
    before: bool,
    rules: QueueRules,
    expected: list[str],
) -> None:
    found = queue_items(accepted_by=accepted, accepting=accepting, synchronizing=synchronizing, tracked_before=before, rules=rules)
    assert [f"{each.queue.id} {each.why}" for each in found] == expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({}, QueueRules(for_synchronizing_mailbox=True, for_accepting_recipients=True, for_tracked_email=False)),
        ({"queues.itemForSynchronizingMailbox": False}, QueueRules(for_synchronizing_mailbox=False)),
        ({"queues.itemsForAcceptingRecipients": False}, QueueRules(for_accepting_recipients=False)),
        ({"queues.additionalItemsForTrackedEmail": True}, QueueRules(for_tracked_email=True)),
    ],
)
def test_defaults_are_the_products(declared: dict[str, bool], expected: QueueRules) -> None:
    assert QueueRules.of(declared) == expected
