"""What a failure means for a mailbox: whom it concerns, whether it counts toward ten, whether a person must act.

| error      | about            | counts toward ten | afterwards                                                              |
|------------|------------------|-------------------|-------------------------------------------------------------------------|
| transient  | mailbox, account | yes               | tried again after five minutes; the tenth in a row disables the direction |
| a pause    | any              | no                | tried again when the server said                                        |
| permanent  | mailbox, account | no                | stalled until somebody changes configuration or credential, or enables it |
| transient  | server, profile  | no                | tried again by itself                                                   |
| permanent  | server, profile  | no                | tried again by itself: a certificate is renewed where nobody tells us   |
| a bug      | mailbox          | yes               | as transient                                                            |

Power Platform: "Error logging for server-side synchronization" (ten attempts, five minutes apart).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reconcile.errors import About, PermanentError, ReconcileError, Throttled, UserError
from reconcile.lazy_dataclass import dataclass

#: Counted failures in a row that disable a direction.
ATTEMPTS: Final = 10
#: Between two of them. Closer ones (a person who tries again and again) count once.
APART: Final = timedelta(minutes=5)
#: A loop that comes a little early still counts.
_TOLERANCE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`counts` toward ten; `permanent`: a person must act."""

    about: About
    counts: bool
    permanent: bool


def verdict(error: ReconcileError | None) -> Verdict:
    """None is a bug of ours."""
    match error:
        case None:
            return Verdict(about="mailbox", counts=True, permanent=False)
        case Throttled(about=about):
            return Verdict(about=about, counts=False, permanent=False)
        case ReconcileError(about=("server" | "profile") as about):
            return Verdict(about=about, counts=False, permanent=False)
        case PermanentError(about=about) | UserError(about=about):
            return Verdict(about=about, counts=False, permanent=True)
        case _:
            return Verdict(about=error.about, counts=True, permanent=False)


def failures_after(failures: int, counted_at: str, found: Verdict, *, anew: bool, now: datetime) -> tuple[int, str]:
    """Counted failures in a row, and when they rose last (UTC RFC 3339, "" for never), after one more. `anew`: a person enabled the
    direction since, so those before are forgotten."""
    before, at = (0, "") if anew else (failures, counted_at)
    if not found.counts:
        return before, at
    last = datetime.fromisoformat(at) if at else None
    # A clock that was set back must not stop the counting.
    if before and last is not None and timedelta(0) <= now - last < APART - _TOLERANCE:
        return before, at
    return before + 1, now.strftime("%Y-%m-%dT%H:%M:%SZ")


def exhausted(failures: int) -> bool:
    """Whether the direction is to be disabled."""
    return failures >= ATTEMPTS


def words_of_giving_up(error: str) -> str:
    """Why it was disabled, for people."""
    return f"it failed {ATTEMPTS} times in a row: {error}"
