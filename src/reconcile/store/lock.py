"""The lock of one environment: flock on a file beside the store, so that it dies with the process however that dies.

The file also says who holds it, for people; only the flock decides. It is never removed: a second process might hold a lock on
a file that no longer has a name.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconcile.errors import Locked
from reconcile.model import instant
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import LockHolder

_PAUSE = 0.05


@contextmanager
def hold(path: Path, *, owner: str, purpose: str, patience: float, clock: Clock) -> Iterator[None]:
    """Raises Locked with the holder's words when it is not free within `patience` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, patience, clock)
        holder = {"owner": owner, "purpose": purpose, "since": instant.text(clock.now()), "process": os.getpid()}
        # Only for people: a full disk must not keep anybody from working.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode("ascii"), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, patience: float, clock: Clock) -> None:
    deadline = clock.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if clock.monotonic() >= deadline:
                raise Locked(_words(path), hint="Wait until it is done, or pass --wait-lock SECONDS.") from None
            clock.sleep(_PAUSE)
        else:
            return


def _words(path: Path) -> str:
    holder = read_holder(path)
    if holder is None:
        return f"another process works on this environment ({path.parent.name})"
    return f"{holder.owner} works on this environment ({path.parent.name}): {holder.purpose} since {holder.since}, process {holder.process}"


def read_holder(path: Path) -> LockHolder | None:
    """Who wrote into the lock file last; None when nobody did. Says nothing about whether the lock is still held."""
    try:
        words = json.loads(path.read_bytes())
        return LockHolder(
            owner=str(words["owner"]), purpose=str(words["purpose"]), since=str(words["since"]), process=int(words["process"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
