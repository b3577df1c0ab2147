"""Who works on which mailbox: one lock file each (flock), so the right ends with the process, kill -9 included.

The files stay: removing one would let two processes hold locks on two files of the same name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconcile.errors import Locked
from reconcile.store.sqlite.packs import translated


class Leases:
    """A folder of lock files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A path object costs more than the lock itself.
        self._prefix = f"{folder}{os.sep}"
        self._words = f"process {os.getpid()} on {socket.gethostname()}\n".encode()

    def _path(self, name: str) -> str:
        return f"{self._prefix}{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.lease"

    def _open(self, path: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        with translated(path):
            try:
                return os.open(path, flags, 0o600)
            except FileNotFoundError:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                return os.open(path, flags, 0o600)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Raises Locked with the holder's words, PermanentError when the folder cannot be used."""
        descriptor = self.take(name)
        try:
            yield
        finally:
            os.close(descriptor)

    def take(self, name: str) -> int:
        """As `hold`; it is given back by closing what this returns."""
        descriptor = self._open(self._path(name))
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").partition("\n")[0] or "another process"
                raise Locked(f"this mailbox is being synchronised by {holder}", hint="Wait for it, or end that process.") from None
            # Only for people: a full disk must not keep anybody from working.
            with suppress(OSError):
                os.pwrite(descriptor, self._words, 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def holder(self, name: str) -> str | None:
        """Who holds it now, or None."""
        path = self._path(name)
        with translated(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(descriptor, 200, 0).decode("utf-8", "replace").partition("\n")[0] or "another process"
        finally:
            os.close(descriptor)
        return None
