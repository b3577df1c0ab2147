"""Whether any mailbox asks for its appointments, contacts and tasks: where none does, nothing that decides about them is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.ports.target import AppliedResource


def items_asked(resources: Iterable[AppliedResource]) -> bool:
    """By a mailbox itself, or by the organization for all."""
    return any(
        one.spec.get("appointmentsContactsTasks" if one.kind == "Mailbox" else "defaults.appointmentsContactsTasks") == "server-side"
        for one in resources
        if one.kind in ("Mailbox", "Organization")
    )
