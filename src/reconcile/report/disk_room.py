"""What `status` says of the disk that the store lies on: nothing while there is room."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconcile.report.safe_text import neutral

#: Less room than this (octets) is told: a batch of large mail fills it.
_LITTLE: Final = 100_000_000
_FREE = "Free space on that disk"


def disk_room_lines(folder: Path, room: int | None, *, full: int) -> list[str]:
    """`room` in octets, None where nobody knows; below `full` nothing can be written."""
    if room is None or room >= _LITTLE:
        return []
    if room < full:
        return [
            f"no space left for {neutral(str(folder))}: mail is neither received nor sent",
            f"  next: {_FREE}; nothing was lost, and it goes on by itself.",
        ]
    return [
        f"{room // 1_000_000} MB left for {neutral(str(folder))}",
        f"  next: {_FREE}: without, mail is neither received nor sent; what was received stays at its server meanwhile.",
    ]


def disk_room_json(room: int | None, *, full: int) -> dict[str, object]:
    """The same as a document."""
    return {"freeBytes": room, "full": room is not None and room < full}
