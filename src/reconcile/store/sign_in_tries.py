"""Sign-ins that were refused or may have been: one small file for each account, locked while somebody signs in with it.

A file says what is not known to have been taken, a line a try: its instant, "refused" or "unanswered", and a digest of what was shown
("-" where nobody knows). Whoever signs in writes a line first and takes it out when the server took them, so that a process that dies
leaves it. Empty lines say that nothing is the matter, which is what almost all files do: cutting them off would cost three times as much.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from reconcile.errors import HeldBack
from reconcile.model.sign_in_try import SignInTry, recent
from reconcile.store.lock_files import LockFiles
from reconcile.store.sqlite.packs import translated

#: How long somebody waits for others who sign in with the same account, and how long between two looks (seconds).
WAIT: Final = 60.0
_SHORTEST, _LONGEST = 0.001, 0.05
#: Octets: far more than the tries of an hour take.
_MOST: Final = 4096


class SignInTryFiles:
    """See `SignInTries`."""

    def __init__(self, folder: Path, *, wait: float = WAIT) -> None:
        self._files = LockFiles(folder, ".tries")
        self._wait = wait

    def recent(self, account: str, *, now: datetime) -> Sequence[SignInTry]:
        path = self._files.path(account)
        with translated(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return ()
            try:
                tries = _tries(os.pread(descriptor, _MOST, 0), descriptor)
                if not all(one.answered for one in tries):
                    # What somebody is about to write counts for whoever has the turn; and read before it was known that nobody has it, a
                    # try may have ended well meanwhile.
                    free = _is_free(descriptor)
                    tries = [one for one in _tries(os.pread(descriptor, _MOST, 0), descriptor) if one.answered or free]
                return recent(tries, now=now)
            finally:
                os.close(descriptor)

    def turn(self, account: str) -> SignInTurnFile:
        path = self._files.path(account)
        with translated(path):
            descriptor = self._files.open(path)
            try:
                self._lock(descriptor, account)
                return SignInTurnFile(descriptor, path)
            except BaseException:
                os.close(descriptor)
                raise

    def _lock(self, descriptor: int, account: str) -> None:
        until, pause = time.monotonic() + self._wait, _SHORTEST
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise HeldBack(
                        f"{account} is being signed in elsewhere, and that takes long",
                        retry_after=self._wait,
                        hint="It is tried again by itself: an account signs in one at a time, so that a wrong password locks nobody out.",
                    ) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)


class SignInTurnFile:
    """See `SignInTurn`."""

    __slots__ = ("_descriptor", "_path", "_size", "tries")

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._path = path
        content = os.pread(descriptor, _MOST, 0)
        self._size = len(content)
        self.tries: Sequence[SignInTry] = _tries(content, descriptor)

    def keep(self, tries: Sequence[SignInTry], *, durable: bool) -> None:
        # In one write over all that was there.
        content = b"".join(map(_line, tries)).ljust(self._size, b"\n")
        with translated(self._path):
            if os.pwrite(self._descriptor, content, 0) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                os.fsync(self._descriptor)
        self._size, self.tries = len(content), tries

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


def _is_free(descriptor: int) -> bool:
    """Whether nobody has the turn; then nobody gets it before the descriptor is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _line(one: SignInTry) -> bytes:
    outcome = "refused" if one.answered else "unanswered"
    return f"{one.at.astimezone(UTC).isoformat()} {outcome} {one.credential or '-'}\n".encode()


def _tries(content: bytes, descriptor: int) -> Sequence[SignInTry]:
    words = content.strip(b"\n")
    if not words:
        return ()
    found = []
    for line in words.decode("utf-8", "replace").splitlines():
        try:
            at, outcome, credential = line.split(" ", 2)
            moment = datetime.fromisoformat(at).astimezone(UTC)
        except (ValueError, OverflowError):
            # Half a line: the power failed, and what it said was a try all the same.
            moment, outcome, credential = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC), "unanswered", "-"
        found.append(SignInTry(credential="" if credential == "-" else credential, at=moment, answered=outcome == "refused"))
    return found
