"""When a mailbox's items are looked at next: as its mail, with an interval of their own. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reconcile.model.mailbox_state import MailboxState
from reconcile.ports.item_store import ItemLook
from reconcile.sync.decide.failures import exhausted
from reconcile.sync.due import Due, Rhythm, mended, next_look
from reconcile.sync.items.mailbox import ItemMailbox

#: How far looks are apart at least (Power Platform: "Server-side synchronization of email, appointments, contacts, and tasks").
INTERVAL: Final = timedelta(minutes=5)
_NEVER: Final = timedelta(days=36500)


def due(look: ItemLook, mailbox: ItemMailbox, now: datetime, *, interval: timedelta = INTERVAL) -> Due:
    """`interval` after the last look that went well. After ten counted failures in a row: when somebody enables the mailbox, or its
    configuration or credential changes."""
    state = state_of(look, mailbox.mailbox_id)
    rhythm = rhythm_of(mailbox, interval)
    if exhausted(look.failures) and not mended(state, rhythm):
        return Due(at=now + _NEVER, why="it failed too often", stalled=True)
    return next_look(state, rhythm, now=now)


def is_due(look: ItemLook, mailbox: ItemMailbox, now: datetime, *, interval: timedelta = INTERVAL) -> bool:
    """Whether it is time for another look."""
    return due(look, mailbox, now, interval=interval).at <= now


def rhythm_of(mailbox: ItemMailbox, interval: timedelta = INTERVAL) -> Rhythm:
    """How often it is to be looked at."""
    reach = mailbox.reach
    return Rhythm(
        interval=interval,
        fingerprint=reach.fingerprint if reach is not None else "",
        enabled_at=reach.enabled_at if reach is not None else "",
    )


def state_of(look: ItemLook, mailbox_id: str) -> MailboxState:
    """As looks at mail are remembered."""
    return MailboxState(
        mailbox_id=mailbox_id,
        last_attempt=look.at,
        fingerprint=look.fingerprint,
        error_kind=look.kind,
        error=look.error,
        hint=look.hint,
        permanent=look.permanent,
        retry_after=look.retry_after,
        about=look.about,
        failures=look.failures,
        counted_at=look.counted_at,
    )
