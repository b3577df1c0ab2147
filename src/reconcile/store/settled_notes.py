"""Notes of what servers answered, one file for each run in a folder beside the database.

A file is a row of places of one size, one for each thread that sends. A place holds a record: its length and its checksum (CRC-32), four
octets each, and JSON. It is written over, through mapped memory: a file that grows, or whose times change, may make each commit of
the database wait for its metadata too. Nothing is synchronized: what the process wrote is there when it dies, which is all these
files are for. A run holds a lock on its file while it lives.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from reconcile.model.outbox_step import RecipientResult, Settle
from reconcile.model.outgoing import RecipientState

_ENDING = ".notes"
#: Octets of a place. What does not fit goes into the outbox at once.
_PLACE = 4096


@dataclass(slots=True)
class _File:
    descriptor: int
    memory: mmap.mmap
    #: By the thread's number.
    places: dict[int, int] = field(default_factory=dict)

    def close(self) -> None:
        self.memory.close()
        os.close(self.descriptor)


class SettledNoteFiles:
    """See `SettledNotes`. Owners name files: letters, digits and hyphens. `places` is how many threads may keep notes."""

    def __init__(self, folder: Path, *, places: int = 16) -> None:
        self._folder = folder
        self._places = places
        self._guard = threading.Lock()
        #: By owner; None where there can be none.
        self._open: dict[str, _File | None] = {}

    def keep(self, entry_id: int, step: Settle) -> bool:
        record = _record(entry_id, step)
        if len(record) > _PLACE:
            return False
        with self._guard:
            if step.owner not in self._open:
                self._open[step.owner] = self._begun(step.owner)
            file = self._open[step.owner]
            if file is None:
                return False
            place = file.places.setdefault(threading.get_ident(), len(file.places))
            if place >= self._places:
                return False
            file.memory[place * _PLACE : place * _PLACE + len(record)] = record
            return True

    def of(self, owner: str) -> Mapping[int, Settle]:
        try:
            data = self._path(owner).read_bytes()
        except (OSError, ValueError):
            return {}
        found: dict[int, Settle] = {}
        for start in range(0, len(data), _PLACE):
            length, checksum = (int.from_bytes(data[start + at : start + at + 4], "big") for at in (0, 4))
            text = data[start + 8 : start + 8 + length]
            if not 0 < length == len(text) <= _PLACE - 8 or crc32(text) != checksum:
                continue
            entry_id, step = _step(json.loads(text))
            if step.owner == owner:
                found[entry_id] = step
        return found

    def left_behind(self) -> Collection[str]:
        try:
            names = sorted(name for name in os.listdir(self._folder) if name.endswith(_ENDING))  # noqa: PTH208  two times cheaper
        except OSError:
            return ()
        return [name.removesuffix(_ENDING) for name in names if _is_free(self._folder / name)]

    def leave(self, owner: str) -> None:
        with self._guard:
            file = self._open.pop(owner, None)
            if file is not None:
                file.close()

    def forget(self, owner: str) -> None:
        self.leave(owner)
        with suppress(OSError, ValueError):
            self._path(owner).unlink(missing_ok=True)

    def _begun(self, owner: str) -> _File | None:
        try:
            path = self._path(owner)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = _locked(path)
        except (OSError, ValueError):
            return None
        try:
            size = self._places * _PLACE
            # All of it is there before memory is mapped: a disk that is full must not end the process later.
            os.posix_fallocate(descriptor, 0, size)
            if os.write(descriptor, bytes(size)) != size:
                raise OSError("the disk is full")
            return _File(descriptor=descriptor, memory=mmap.mmap(descriptor, size))
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            return None

    def _path(self, owner: str) -> Path:
        if not owner.replace("-", "").isalnum():
            raise ValueError("an owner names a file")
        return self._folder / f"{owner}{_ENDING}"


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Somebody who tidies up may have taken it for one left behind before it was locked.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _is_free(path: Path) -> bool:
    """Whether nobody who lives has it locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _record(entry_id: int, step: Settle) -> bytes:
    at = step.next_try_at.isoformat() if step.next_try_at is not None else None
    results = {address: (result.state, result.reason) for address, result in step.results.items()}
    text = json.dumps((entry_id, step.owner, step.attempt, results, at, step.why)).encode("ascii")
    return len(text).to_bytes(4, "big") + crc32(text).to_bytes(4, "big") + text


def _step(content: Any) -> tuple[int, Settle]:
    entry_id, owner, attempt, results, at, why = content
    return entry_id, Settle(
        owner=owner,
        attempt=attempt,
        results={address: RecipientResult(state=RecipientState(state), reason=reason) for address, (state, reason) in results.items()},
        next_try_at=datetime.fromisoformat(at) if at else None,
        why=why,
    )
