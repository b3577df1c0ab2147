"""Who owns a tracked e-mail, as tables."""

from __future__ import annotations

import pytest

from reconcile.model.party import PartyRow
from reconcile.sync.decide.ownership import mail_owner
from reconcile.sync.decide.resolution import ResolvedRows
from support.parties import party

U1, U2, U3 = party("user:u1"), party("user:u2"), party("user:u3")
MUTE = party("user:mute", writes_email=False)
QUEUE, OWNED = party("queue:q"), party("queue:q2", owner="u2")
Lists = dict[str, list[PartyRow]]


@pytest.mark.parametrize(
    ("lists", "correlated", "sender", "mailbox", "expected"),
    [
        # The first eligible one of the first list that has any.
        ({"to": [U1, U2], "cc": [U3]}, "", None, None, "user:u1"),
        ({"cc": [U3], "bcc": [U1]}, "", None, None, "user:u3"),
        ({"bcc": [U1]}, "", None, U2, "user:u1"),
        # Whoever may not own e-mail, is not active, or is no user, queue or team.
        ({"to": [MUTE, U2]}, "", None, None, "user:u2"),
        ({"to": [MUTE], "cc": [U3]}, "", None, None, "user:u3"),
        ({"to": [party("user:off", active=False), U2]}, "", None, None, "user:u2"),
        ({"to": [party("contact:c"), party("account:a"), party("lead:l"), U2]}, "", None, None, "user:u2"),
        ({"to": [party("team:t"), U2]}, "", None, None, "team:t"),
        # A queue stands for its owner.
        ({"to": [OWNED, U1]}, "", None, None, "user:u2"),
        ({"to": [QUEUE, U1]}, "", None, None, "queue:q"),
        ({"to": [party("queue:q", owner="u2", writes_email=False), U1]}, "", None, None, "user:u1"),
        # The owner of the correlated mail, if in that list.
        ({"to": [U1, U2]}, "u2", None, None, "user:u2"),
        ({"to": [U1, OWNED]}, "u2", None, None, "user:u2"),
        ({"to": [U1], "cc": [U2]}, "u2", None, None, "user:u1"),
        ({"to": [MUTE], "cc": [U1, U2]}, "u2", None, None, "user:u2"),
        ({"to": [U1]}, "somebody", None, None, "user:u1"),
        ({"to": [U1, MUTE]}, "mute", None, None, "user:u1"),
        # Then the owner of the sender's contact, account or lead.
        ({"to": [U1, U2]}, "", party("contact:c", owner="u2"), None, "user:u2"),
        ({"to": [U1, U2]}, "", party("account:c", owner="u2"), None, "user:u2"),
        ({"to": [U1, U2]}, "", party("lead:c", owner="u2"), None, "user:u2"),
        ({"to": [U1, U2]}, "", party("equipment:c", owner="u2"), None, "user:u1"),
        ({"to": [U1, U2]}, "", party("contact:c", owner="u9"), None, "user:u1"),
        ({"to": [U1, U2, U3]}, "u3", party("contact:c", owner="u2"), None, "user:u3"),
        # Bcc and lists: the mailbox's own.
        ({}, "", None, U2, "user:u2"),
        ({"to": [party("contact:c")]}, "", None, OWNED, "user:u2"),
        ({}, "", None, MUTE, ""),
        ({}, "u1", party("contact:c", owner="u1"), None, ""),
    ],
)
def test_the_owner(lists: Lists, correlated: str, sender: PartyRow | None, mailbox: PartyRow | None, expected: str) -> None:
    recipients = [ResolvedRows(field=name, address=row.ref.id, rows=(row,)) for name, rows in lists.items() for row in rows]
    owner, why = mail_owner(recipients, correlated_owner=correlated, sender=sender, mailbox=mailbox)
    assert (f"{owner.type}:{owner.id}" if owner else "") == expected
    assert why


def test_lists_are_looked_at_in_their_order_however_they_are_given() -> None:
    recipients = [ResolvedRows(field="cc", address="", rows=(U3,)), ResolvedRows(field="to", address="", rows=(MUTE, U1))]
    assert mail_owner(recipients, correlated_owner="u3", sender=None, mailbox=None)[0] == U1.ref
