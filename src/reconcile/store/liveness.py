"""Whether the process that holds something still lives: a file of its own, locked (flock) as long as the process is there.

The kernel drops the lock however the process ends, so nobody waits for a dead one. Each holder's file has a name that is never used
again, so a file that is gone means as much as one that nobody locks.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def living(path: Path) -> Iterator[None]:
    """Be seen as living under `path` until the context ends or the process does. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = locked(path)
    try:
        yield
    finally:
        # Removed before it is let go: whoever looks in between finds it locked or finds nothing.
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def locked(path: Path) -> int:
    """Descriptor of a file that is made and locked, under its name. Raises OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Somebody who clears away the files of the dead may have been faster than our lock.
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def is_living(path: Path) -> bool:
    """Whether somebody lives under `path`. One that may not be looked at is taken for living."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def clear_away(folder: Path, pattern: str) -> None:
    """Remove the files of the dead that fit the glob `pattern`. Never raises OSError: it is only tidiness."""
    with suppress(OSError):
        for path in folder.glob(pattern):
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                finally:
                    os.close(descriptor)
