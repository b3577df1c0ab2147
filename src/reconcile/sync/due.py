"""Who is due: pure arithmetic over what is remembered.

A look counts from the end of the last (Power Platform: "Server-side synchronization"). Nothing here knows of days or zones: instants
are UTC, so a changed clock of summer or a leap day is a day like others.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Final

from reconcile.errors import HeldBack
from reconcile.lazy_dataclass import dataclass
from reconcile.model.mailbox_state import MailboxState
from reconcile.sync.decide.failures import APART

#: After which something permanent is tried again unasked: an account may have been unlocked without any change here.
PERMANENT_PAUSE: Final = timedelta(hours=6)
#: Bounds of the pause after a failure of server or profile: it is not the mailbox's, so it waits neither long nor short for it.
OUTAGE_PAUSE: Final = (timedelta(minutes=1), timedelta(minutes=15))
#: A mailbox without news for so long is looked at less often, from the first on, and least often from the second on.
QUIET: Final = (timedelta(hours=1), timedelta(hours=24))
#: The longest interval of a quiet mailbox whose own is shorter (Power Platform: frequently asked questions, "up to 12 minutes").
QUIET_INTERVAL: Final = timedelta(minutes=12)
#: Looks without any news ever, after which a mailbox counts as quiet.
_NEVER_NEWS: Final = 12
_LONGEST_SPREAD: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a mailbox is to be looked at. `fingerprint` is of configuration and credential now; `enabled_at` when a person tested or
    enabled it last (UTC RFC 3339, "" for never); `backs_off`: less often while it is quiet."""

    interval: timedelta
    fingerprint: str
    enabled_at: str = ""
    backs_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a mailbox is looked at next, and why not earlier. `stalled`: a person must act before it can succeed."""

    at: datetime
    why: str
    stalled: bool = False


def next_look(state: MailboxState | None, rhythm: Rhythm, *, now: datetime, recovered: datetime | None = None) -> Due:
    """A changed configuration or credential ends any pause but the server's own; one that we keep ourselves, too. `recovered` is when its
    server came back from an outage that this process saw."""
    if state is None or not state.last_attempt:
        return Due(at=now, why="never looked at")
    last = datetime.fromisoformat(state.last_attempt)
    if last - now > rhythm.interval:
        # Once: the look writes down when it was.
        return Due(at=now, why="the clock was set back")
    if not state.error_kind:
        return Due(at=last + interval_of(state, rhythm, now=now) + spread(state.mailbox_id, rhythm.interval), why="polling interval")
    held = state.error_kind == HeldBack.__name__
    if state.retry_after and not (held and mended(state, rhythm)):
        why = "we leave the account alone" if held else "the server asked for a pause"
        return Due(at=last + timedelta(seconds=state.retry_after), why=why)
    if mended(state, rhythm):
        return Due(at=now, why="changed or enabled since the error")
    if state.permanent:
        return Due(at=last + PERMANENT_PAUSE, why=state.error_kind, stalled=True)
    some = spread(state.mailbox_id, rhythm.interval)
    if state.about in ("server", "profile"):
        if recovered is not None and recovered >= last:
            return Due(at=now, why="the server is back")
        shortest, longest = OUTAGE_PAUSE
        return Due(at=last + min(max(rhythm.interval, shortest), longest) + some, why=state.error_kind)
    return Due(at=last + max(APART, rhythm.interval) + some, why=state.error_kind)


def mended(state: MailboxState, rhythm: Rhythm) -> bool:
    """Whether somebody changed or enabled it since it was looked at."""
    return state.fingerprint != rhythm.fingerprint or enabled_since(state, rhythm.enabled_at)


def enabled_since(state: MailboxState, enabled_at: str) -> bool:
    """Whether a person enabled (or tested) it after the last look."""
    return bool(enabled_at) and (not state.last_attempt or datetime.fromisoformat(enabled_at) > datetime.fromisoformat(state.last_attempt))


def interval_of(state: MailboxState, rhythm: Rhythm, *, now: datetime) -> timedelta:
    """Never below the declared one; more, up to QUIET_INTERVAL, for a mailbox that is quiet."""
    if not rhythm.backs_off or rhythm.interval >= QUIET_INTERVAL:
        return rhythm.interval
    begins, ends = QUIET
    quiet = ends if state.looks >= _NEVER_NEWS else timedelta(0)
    if state.last_news:
        quiet = now - datetime.fromisoformat(state.last_news)
    share = min(max((quiet - begins) / (ends - begins), 0.0), 1.0)
    return rhythm.interval + (QUIET_INTERVAL - rhythm.interval) * share


def spread(mailbox_id: str, interval: timedelta) -> timedelta:
    """A mailbox's own share of a tenth of its interval: those that were looked at in one second do not come due in one."""
    return min(interval / 10, _LONGEST_SPREAD) * (zlib.crc32(mailbox_id.encode()) / 2**32)
