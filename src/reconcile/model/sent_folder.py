"""What the folder for sent mail at the server has to do with a mail of the outbox: a copy that we put there, and what we looked for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from reconcile.lazy_dataclass import dataclass


class CopyState(StrEnum):
    """The copy that `outgoing.sentCopy: append` asks for. A copy that cannot be made never makes a mail fail."""

    NONE = "none"  # nobody asked for one
    WANTED = "wanted"  # made as soon as the mail is known to be sent
    KEPT = "kept"
    FAILED = "failed"  # given up; `note` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFolder:
    """`tries` counts tries to put the copy there, or looks for a mail that is uncertain; `next_at` is when to try or look again (None:
    at the next pass). `note` is what was found or what stood in the way, one line."""

    copy: CopyState = CopyState.NONE
    tries: int = 0
    next_at: datetime | None = None
    note: str = ""


#: Nothing asked for, nothing looked at.
UNTOUCHED = SentFolder()
