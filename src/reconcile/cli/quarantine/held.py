"""A message in quarantine that was named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.errors import UserError

if TYPE_CHECKING:
    from reconcile.model.held_message import HeldMessage
    from reconcile.ports.quarantine import Quarantine


def named(quarantine: Quarantine, held_id: int) -> HeldMessage:
    """Raises UserError where there is none."""
    found = quarantine.entry(held_id)
    if found is None:
        raise UserError(f"there is no message {held_id} in quarantine", hint="`reconcile quarantine list` names them.")
    return found
