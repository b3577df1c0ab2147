"""Who is due: pure arithmetic over what is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconcile.model.mailbox_state import MailboxState

#: Longest pause after transient errors, and the pause after which something permanent is tried again unasked (a certificate may
#: have been renewed, an account unlocked, without any change here).
TRANSIENT_CEILING = timedelta(hours=1)
PERMANENT_PAUSE = timedelta(hours=6)
_FIRST_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a mailbox is looked at next, and why not earlier. `stalled`: a person must act before it can succeed."""

    at: datetime
    why: str
    stalled: bool = False


def next_look(state: MailboxState | None, *, interval: timedelta, fingerprint: str, now: datetime) -> Due:
    """`interval` counts from the end of the last look. A changed configuration or credential ends any pause but the server's own."""
    if state is None or not state.last_attempt:
        return Due(at=now, why="never looked at")
    # A clock that was set back must not keep a mailbox waiting longer than its pause.
    last = min(datetime.fromisoformat(state.last_attempt), now)
    if not state.error_kind:
        return Due(at=last + interval, why="polling interval")
    if state.retry_after:
        return Due(at=last + timedelta(seconds=state.retry_after), why="the server asked for a pause")
    if state.fingerprint != fingerprint:
        return Due(at=now, why="configuration changed since the error")
    if state.permanent:
        return Due(at=last + PERMANENT_PAUSE, why=state.error_kind, stalled=True)
    pause = min(_FIRST_PAUSE * 2 ** min(max(state.failures - 1, 0), 16), TRANSIENT_CEILING)
    return Due(at=last + max(pause, min(interval, TRANSIENT_CEILING) if state.failures > 1 else pause), why=state.error_kind)
