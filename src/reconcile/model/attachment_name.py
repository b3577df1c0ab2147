"""What a new file of an appointment may be called. What mailboxes already call theirs stays, whatever it is."""

from __future__ import annotations

from typing import Final

#: Characters of a file's name, as file systems and Exchange take them.
_LONGEST: Final = 255


def unfit(name: str) -> str:
    """Why nobody may give this name, "" where everybody may."""
    if not name or name in (".", "..") or any(character in "/\\" for character in name):
        return f"{name[:80]!r} is no name of a file: give it without a path"
    if len(name) > _LONGEST:
        return f"it has {len(name):,} characters, {_LONGEST} are the most"
    if any(ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u2028\u2029" or "\ud800" <= one <= "\udfff" for one in name):
        return "it has a line break or another control character"
    return ""
