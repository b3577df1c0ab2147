"""What an answer takes over from the mail it answers."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """`references` are older ids, the oldest first, `conversation` is the whole conversation index (b"" for none) and `topic` the
    Thread-Topic. All of it was written by a stranger. `reply_to` is where answers go."""

    message_id: str
    references: tuple[str, ...] = ()
    conversation: bytes = b""
    topic: str = ""
    subject: str = ""
    reply_to: tuple[str, ...] = ()
    regarding: Regarding | None = None
