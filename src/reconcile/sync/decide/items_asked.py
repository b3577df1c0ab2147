"""Who asks for appointments, contacts and tasks: where nobody does, nothing that decides about them is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reconcile.model.canonical import Leaf
from reconcile.ports.target import AppliedResource

_FIELD: Final = "appointmentsContactsTasks"
_SERVER: Final = "server-side"


def items_asked(resources: Iterable[AppliedResource]) -> bool:
    """By a mailbox itself, or by the organization for all."""
    return any(
        one.spec.get(_FIELD if one.kind == "Mailbox" else f"defaults.{_FIELD}") == _SERVER
        for one in resources
        if one.kind in ("Mailbox", "Organization")
    )


def asks_for_items(mailbox: Mapping[str, Leaf], organization: Mapping[str, Leaf] | None) -> bool:
    """Whether a mailbox does, by itself or by the organization's default for those of users. Takes their specs."""
    usual = organization.get(f"defaults.{_FIELD}") if organization is not None and mailbox.get("type", "user") == "user" else None
    return (mailbox.get(_FIELD) or usual) == _SERVER


def asking(resources: Sequence[AppliedResource]) -> list[AppliedResource]:
    """Active mailboxes for which it is asked, by name. A queue or forward mailbox has none, whatever new mailboxes get."""
    usual = next((one.spec for one in resources if one.kind == "Organization"), None)
    found = (one for one in resources if one.kind == "Mailbox" and one.spec.get("state") != "inactive")
    return sorted(
        (one for one in found if asks_for_items(one.spec, usual)),
        key=lambda one: one.name,
    )
