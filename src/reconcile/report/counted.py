"""Numbers with their noun, and long lists of names."""

from __future__ import annotations

from collections.abc import Sequence

#: As many names are written out.
_NAMES = 6


def counted(number: int, one: str, many: str = "") -> str:
    """`1 mailbox`, `2 mailboxes`. `many` is `one` with an s where it is not given."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def several(names: Sequence[str]) -> str:
    """`a, b, c`, and of more than a few how many there are besides."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more
