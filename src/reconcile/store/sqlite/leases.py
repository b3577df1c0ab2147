"""Who works on which mailbox: one lock file each, so the right ends with the process, kill -9 included."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconcile.errors import Locked
from reconcile.store.lock_files import LockFiles
from reconcile.store.sqlite.packs import translated


class Leases:
    """A folder of lock files."""

    def __init__(self, folder: Path) -> None:
        self._files = LockFiles(folder, ".lease")
        self._words = f"process {os.getpid()} on {socket.gethostname()}\n".encode()

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
        path = self._files.path(name)
        with translated(path):
            descriptor = self._files.open(path)
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
        path = self._files.path(name)
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
