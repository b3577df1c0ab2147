"""The finding about a mailbox for which Autodiscover names another server than is pinned. Pure."""

from __future__ import annotations

from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState


def server_changed(key: Key, *, now: str, before: str, since: str, desired: DesiredState) -> Finding:
    """`now` and `before` are addresses of Exchange Web Services; `since` is when the one before was pinned (UTC RFC 3339)."""
    return Finding(
        rule="autodiscover/changed",
        severity=Severity.WARNING,
        message=f"Autodiscover names {now} now, {before} is pinned since {since[:10]}",
        position=desired.locate(key, "emailAddress"),
        hint=f"`reconcile test-mailbox {key.name}` tries the new one and pins it.",
        path="spec.emailAddress",
        resource=key,
    )
