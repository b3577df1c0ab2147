"""How much room the disk of a store has left. Asked of the system: a store on a full disk can note nothing, not even that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: A store with less room (octets) cannot be written to, nor opened where nobody else has it open.
FULL: Final = 1_000_000


def disk_room(folder: Path) -> int | None:
    """Octets that its owner may still write on the disk of `folder`, 0 where no further file can be made; None where nobody knows."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    # A file system that does not count files says that it has none.
    if found.f_files and not found.f_favail:
        return 0
    return found.f_bavail * found.f_frsize


def is_full(folder: Path) -> bool:
    """Whether nothing more can be written there."""
    room = disk_room(folder)
    return room is not None and room < FULL
