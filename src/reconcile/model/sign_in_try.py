"""Sign-ins of an account that were refused, or may have been, and when that is enough: whoever goes on trying has the account locked for
its owner, too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from reconcile.lazy_dataclass import dataclass

#: So often within so long one credential is shown that is not taken, over all mailboxes and both directions of an account.
MOST: Final = 3
WITHIN: Final = timedelta(hours=1)
#: So often all credentials of an account together: a person may mend a password at once, forty mailboxes with forty passwords may not try.
MOST_OF_ALL: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInTry:
    """`credential` tells what was shown from other things that might be, "" where nobody knows: the process died. `answered`: it was
    refused; else it may have been. `at` is aware."""

    credential: str
    at: datetime
    answered: bool


def recent(tries: Sequence[SignInTry], *, now: datetime) -> list[SignInTry]:
    """Those that count, the oldest first. What lies in the future was written by a clock that went wrong."""
    return sorted((one for one in tries if now - WITHIN < one.at <= now), key=lambda one: one.at)


def held_until(tries: Sequence[SignInTry], credential: str, *, now: datetime) -> datetime | None:
    """Until when this credential is not shown again; None while it may be. One that was not refused itself may be tried although others
    were: that is what a person mended."""
    counting = recent(tries, now=now)
    unknown = sum(one.credential == "" for one in counting)
    its_own = unknown >= MOST or any(one.credential == credential for one in counting)
    moments = []
    if len(counting) >= MOST and its_own:
        moments.append(counting[-MOST].at + WITHIN)
    if len(counting) >= MOST_OF_ALL:
        moments.append(counting[-MOST_OF_ALL].at + WITHIN)
    return max(moments, default=None)
