"""Settings that nobody acts on are named with their place."""

from __future__ import annotations

from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.unsupported import unsupported_settings


def test_declared_settings_are_named_and_defaults_are_not() -> None:
    rows = [
        AppliedResource(
            kind="Organization",
            name="contoso",
            external_id="1",
            spec={"tracking.recipientActivity": True, "alerts.errors": True, "tracking.correlation": False},
            origins={"": "o.yaml:1", "tracking.recipientActivity": "o.yaml:9", "tracking.correlation": "o.yaml:10"},
        ),
        AppliedResource(kind="EmailServerProfile", name="p", external_id="2", spec={"oauth.resourceId": "x"}),
    ]
    found = unsupported_settings(rows, now="2026-03-01T08:00:00Z")
    assert [(name, each.type, each.field, each.origin) for name, each in found] == [
        ("Organization/contoso", "Unsupported", "tracking.recipientActivity", "o.yaml:9"),
        ("EmailServerProfile/p", "Unsupported", "oauth.resourceId", ""),
    ]
    assert found[0][1].message == "nothing is watched in sent mail"
