"""Whether anybody asks for appointments, contacts and tasks."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.items_asked import items_asked


@pytest.mark.parametrize(
    ("kind", "spec", "asked"),
    [
        ("Mailbox", {"appointmentsContactsTasks": "server-side"}, True),
        ("Mailbox", {"appointmentsContactsTasks": "none"}, False),
        ("Mailbox", {}, False),
        ("Organization", {"defaults.appointmentsContactsTasks": "server-side"}, True),
        ("Organization", {"defaults.appointmentsContactsTasks": "outlook"}, False),
        ("Organization", {"appointmentsContactsTasks": "server-side"}, False),
        ("EmailServerProfile", {"appointmentsContactsTasks": "server-side"}, False),
    ],
)
def test_by_a_mailbox_or_for_all(kind: str, spec: dict[str, Leaf], asked: bool) -> None:
    other = AppliedResource(kind="Mailbox", name="other", external_id="2", spec={})
    assert items_asked([other, AppliedResource(kind=kind, name="one", external_id="1", spec=spec)]) is asked
    assert items_asked([]) is False
