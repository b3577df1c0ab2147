"""Whether anybody asks for appointments, contacts and tasks."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.items_asked import asking, items_asked


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


def test_who_asks_is_active_and_of_a_kind_that_has_them() -> None:
    def mailbox(name: str, **spec: Leaf) -> AppliedResource:
        return AppliedResource(kind="Mailbox", name=name, external_id=name, spec=spec)

    asked, usual = {"appointmentsContactsTasks": "server-side"}, {"defaults.appointmentsContactsTasks": "server-side"}
    rows = [
        mailbox("z", **asked),
        mailbox("inactive", **asked, state="inactive"),
        mailbox("none", appointmentsContactsTasks="none"),
        mailbox("a"),
        mailbox("queue", type="queue"),
        mailbox("asking-queue", type="queue", **asked),
    ]
    organization = AppliedResource(kind="Organization", name="o", external_id="o", spec=usual)
    assert [one.name for one in asking(rows)] == ["asking-queue", "z"]
    assert [one.name for one in asking([*rows, organization])] == ["a", "asking-queue", "z"]
