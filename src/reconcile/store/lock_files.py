"""Files that are locked (flock), one for each name in a folder: a lock ends with the process that holds it, kill -9 included.

The files stay: removing one would let two processes hold locks on two files of the same name.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class LockFiles:
    """`ending` with its dot."""

    def __init__(self, folder: Path, ending: str) -> None:
        self._folder = folder
        # A path object costs more than the lock itself.
        self._prefix = f"{folder}{os.sep}"
        self._ending = ending

    def path(self, name: str) -> str:
        """Nothing of the name can be read from it."""
        return f"{self._prefix}{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}{self._ending}"

    def open(self, path: str) -> int:
        """A descriptor for reading and writing; folder and file are made when they are missing. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(path, flags, 0o600)
