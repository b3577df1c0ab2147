"""Refused sign-ins of an account, and when that is enough: whoever goes on trying has the account locked for its owner, too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from reconcile.lazy_dataclass import dataclass

#: So many refused sign-ins of an account within so long, over all mailboxes and both directions, are the end of trying.
#: What was begun before the last of them is not called back.
MOST: Final = 3
WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`credential` tells what was shown from other things that might be; `at` is aware."""

    credential: str
    at: datetime


def held_until(refusals: Sequence[Refusal], credential: str, *, now: datetime) -> datetime | None:
    """Until when this credential is not shown again; None while it may be. One that was not refused itself may always be tried: that is
    what a person mended."""
    recent = sorted((one for one in refusals if now - WITHIN < one.at <= now), key=lambda one: one.at)
    if len(recent) < MOST or all(one.credential != credential for one in recent):
        return None
    return recent[-MOST].at + WITHIN
