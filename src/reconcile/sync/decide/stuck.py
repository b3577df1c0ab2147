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


def unseen(state: MailboxState) -> int:
    """Messages that the server counts beyond those that were decided, are kept as missing, or lie in quarantine (they are decided).
    What was deleted there makes the answer too small, never too large."""
    if state.server_messages is None or state.cursor is None:
        return 0
    return max(0, state.server_messages - state.decided - len(state.missing))
