"""Numbers with their noun."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """`1 mailbox`, `2 mailboxes`. `many` is `one` with an s where it is not given."""
    return f"{number} {one if number == 1 else many or one + 's'}"
