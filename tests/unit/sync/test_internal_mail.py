"""Mail between our own users and queues, as a table."""

from __future__ import annotations

import pytest

from reconcile.model.party import PartyRow
from reconcile.sync.decide.internal_mail import InternalRules, internal_refusal
from support.parties import party

USER, OTHER, QUEUE, CONTACT = party("user:u"), party("user:o"), party("queue:q"), party("contact:c")
NONE = InternalRules.of({})
IGNORE = InternalRules.of({"tracking.ignoreInternalEmail": True})
OLD = InternalRules(ignore=True, improved=False)
NO_QUEUES = InternalRules(ignore=True, accept_to_queues=False)
FROM_QUEUES = InternalRules.of({"tracking.ignoreInternalEmailFromQueues": True})


@pytest.mark.parametrize(
    ("sender", "recipient", "copy", "rules", "expected"),
    [
        (USER, OTHER, True, NONE, ""),
        (USER, OTHER, True, IGNORE, "tracking.ignoreInternalEmail"),
        (USER, OTHER, False, IGNORE, ""),
        (USER, OTHER, False, OLD, "tracking.ignoreInternalEmail"),
        # Somebody outside, or nobody.
        (CONTACT, OTHER, True, IGNORE, ""),
        (None, OTHER, True, OLD, ""),
        (USER, None, True, OLD, ""),
        (CONTACT, OTHER, True, OLD, ""),
        # To queues.
        (USER, QUEUE, True, IGNORE, ""),
        (USER, QUEUE, False, OLD, ""),
        (USER, QUEUE, True, NO_QUEUES, "tracking.ignoreInternalEmail"),
        (USER, QUEUE, False, NO_QUEUES, ""),
        (QUEUE, QUEUE, True, NO_QUEUES, "tracking.ignoreInternalEmail"),
        # From queues to users.
        (QUEUE, USER, True, FROM_QUEUES, "tracking.ignoreInternalEmailFromQueues"),
        (QUEUE, USER, False, FROM_QUEUES, ""),
        (QUEUE, QUEUE, True, FROM_QUEUES, ""),
        (USER, OTHER, True, FROM_QUEUES, ""),
        (QUEUE, USER, True, IGNORE, "tracking.ignoreInternalEmail"),
        (QUEUE, USER, True, NONE, ""),
    ],
)
def test_internal_mail(sender: PartyRow | None, recipient: PartyRow | None, copy: bool, rules: InternalRules, expected: str) -> None:
    assert internal_refusal(sender=sender, recipient=recipient, sent_copy=copy, rules=rules).partition(":")[0] == expected


def test_nothing_is_looked_up_unless_something_can_be_refused() -> None:
    assert [rules.asks for rules in (NONE, InternalRules(accept_to_queues=False), IGNORE, FROM_QUEUES)] == [False, False, True, True]
