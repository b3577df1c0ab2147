"""Whether a mailbox that answers is read at all: the server counts more messages, and our place does not move."""

from __future__ import annotations

from reconcile.model.mailbox_state import MailboxState


def stuck_since(before: MailboxState, after: MailboxState, messages: int, *, at: str) -> str:
    """UTC RFC 3339 of the first look that ended well although the server counts more than before and lists nothing of it; "" while all
    is well. `messages` is its count now."""
    if before.cursor is None or after.cursor != before.cursor:
        return ""
    if before.server_messages is not None and messages > before.server_messages:
        return before.stuck_since or at
    return before.stuck_since
