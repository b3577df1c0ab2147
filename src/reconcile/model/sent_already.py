"""Mail that may have been sent already: who wants it to go out says that they looked."""

from __future__ import annotations

from reconcile.errors import UserError
from reconcile.model.outgoing import OutboxEntry, OutgoingState


def refuse_unchecked(entry: OutboxEntry, *, checked: bool) -> None:
    """Raises UserError where sending the mail could deliver it twice and nobody `checked` that it was not sent."""
    if checked:
        return
    if entry.restored_from is not None:
        words = f"mail {entry.id} is as it was in a backup of {entry.restored_from:%Y-%m-%d %H:%MZ}: it may have been sent since"
    elif entry.state is OutgoingState.UNCERTAIN:
        words = f"it is not known whether mail {entry.id} was sent, and sending it again could deliver it twice"
    else:
        return
    raise UserError(
        words,
        hint=f"Look for Message-ID {entry.message_id} at the server or ask a recipient; if it did not arrive, repeat "
        f"with --i-checked-it-was-not-sent, if it did: outbox confirm {entry.id}.",
    )
