"""By what a kept mail can be found later, when another one belongs to it."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MailClues:
    """Beside its Message-ID and its tracking token, which stand in rows of their own. `conversation` is the whole conversation index
    (b"" for none); `words` and `people` are hashes for smart matching, and it is found by `keys` (all empty for none); `at` is when it
    was received or handed over, UTC RFC 3339. `outer_id` is the Message-ID of the message that it came attached to: an answer to that one
    belongs to it, too ("" for none)."""

    conversation: bytes = b""
    words: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    at: str = ""
    outer_id: str = ""
