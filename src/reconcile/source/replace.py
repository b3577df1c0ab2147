"""One file of an estate replaced by a new version of itself, whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from reconcile.errors import SettingsError, TransientError

_UNFINISHED = ".reconcile-unfinished-"


def replace(root: Path, path: str, before: bytes, after: bytes, *, command: str = "migrate") -> None:
    """Give `path` the content `after`, if it still holds `before`; its permissions stay. `command` is what to run again.

    Raises TransientError when it was changed meanwhile, SettingsError when it cannot be written. A process that dies leaves the old file
    or the new one, and at most a hidden file that nothing reads.
    """
    target = root / path
    draft = target.with_name(f"{_UNFINISHED}{os.getpid()}")
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or file.read(len(before) + 1) != before:
                raise TransientError(f"{target} was changed meanwhile, so it was left alone", hint=f"run `reconcile {command}` again")
        with suppress(FileNotFoundError):
            draft.unlink()  # of a process that had this number before
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(after)
                file.flush()
                os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
        folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SettingsError(f"{target} cannot be written: {error.strerror}", hint="Check permissions and free space.") from error
