"""Who has a store open for writing: a shared lock on a file beside it, so that a restore replaces no store under a running process.

The lock ends with the process. Whoever waited for a file that meanwhile went away with its folder looks again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconcile.errors import Locked

_REPLACED = "the store is being replaced by a restore"


def _open(database: Path) -> int:
    return os.open(database.with_name(f"{database.name}.use"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def use(database: Path) -> int:
    """Take part in using `database`; close the descriptor to end it. Raises Locked while it is being replaced."""
    while True:
        descriptor = _open(database)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Locked(_REPLACED, hint="Wait until it is done.") from None
        try:
            here = os.stat(database.with_name(f"{database.name}.use"))  # noqa: PTH116  compared with a descriptor's
            if (here.st_dev, here.st_ino) == (os.fstat(descriptor).st_dev, os.fstat(descriptor).st_ino):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


@contextmanager
def alone(database: Path) -> Iterator[None]:
    """Nobody has `database` open for writing, and nobody can until this ends. Raises Locked."""
    descriptor = _open(database)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "End `reconcile run` and every other command on this state first; a restore replaces all of it."
            raise Locked(f"other processes work on {database.parent}", hint=hint) from None
        yield
    finally:
        os.close(descriptor)
