"""Status names what was declared and does nothing."""

from __future__ import annotations

from reconcile.model.condition import Condition
from reconcile.report.sync_text import status_text
from support.applied import START


def idle(name: str, field: str, origin: str) -> tuple[str, Condition]:
    condition = Condition(type="Unsupported", status=True, reason="NotBuilt", message="there is none", since="", field=field, origin=origin)
    return name, condition


def test_settings_that_nobody_acts_on_are_named_once_with_their_first_place() -> None:
    shown = status_text(
        "demo",
        [],
        now=START,
        idle=[
            idle("Organization/contoso", "smartMatching.enabled", "o.yaml:9"),
            idle("Mailbox/a", "credentials.refreshToken.ref", "a\x1b.yaml:3"),
            idle("Mailbox/b", "credentials.refreshToken.ref", "b.yaml:3"),
        ],
    )
    assert shown.splitlines()[4:] == [
        "declared, but nothing acts on it:",
        "  Organization/contoso: smartMatching.enabled (o.yaml:9): there is none",
        "  Mailbox/a and 1 more: credentials.refreshToken.ref (a\\x1b.yaml:3): there is none",
    ]
