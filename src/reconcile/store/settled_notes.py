"""Notes of what was begun and what servers answered, one file for each run in a folder beside the database.

A file is a row of places of one size, a row of them for each thread that sends, and each place is for one mail: a sector says that it is
begun, the rest what the server answered. Either is a record: its length and its checksum (CRC-32), four octets each, and JSON. All of it is
written and synchronized before it is used, and written over from then on: a file that grows, or whose times change, makes whoever waits for
the disk wait for its metadata too. What is begun is synchronized, with every answer that came before; an answer by itself is not. A
run holds a lock on its file while it lives.

A place that holds neither zeros nor a record is damaged: then nobody can tell which mails were begun, and all that were reserved may
have been.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from reconcile.lazy_dataclass import dataclass
from reconcile.model.outbox_step import RecipientResult, Settle
from reconcile.model.outgoing import RecipientState
from reconcile.ports.settled_notes import NOTHING_NOTED, Noted
from reconcile.store.liveness import clear_away, locked

_ENDING = ".notes"
#: Octets of a place, and of its first part, which the disk writes wholly or not at all. What does not fit goes into the outbox at once.
_PLACE, _BEGUN = 4096, 512
#: Octets of a begin beside its recipients, at most: numbers have 19 digits, owners 36 letters.
_AROUND = 90
#: Parts of an answer; a begin has four.
_ANSWER = 6
#: Mails a thread may have reserved, or answered, before they are in the outbox.
_ROW = 64


@dataclass(slots=True)
class _Row:
    """Of one thread: its first octet in the file, and the mails that have places, in order."""

    start: int
    mails: list[int] = field(default_factory=list)

    def place_of(self, entry_id: int) -> int | None:
        """None when all are taken."""
        if not self.mails or self.mails[-1] != entry_id:
            if len(self.mails) >= _ROW:
                return None
            self.mails.append(entry_id)
        return self.start + (len(self.mails) - 1) * _PLACE


@dataclass(slots=True)
class _File:
    descriptor: int
    #: By the thread's number; None where there can be none.
    rows: dict[int, _Row | None] = field(default_factory=dict)

    def close(self) -> None:
        os.close(self.descriptor)


class SettledNoteFiles:
    """See `SettledNotes`. Owners name files: letters, digits and hyphens. `threads` is how many may keep notes."""

    def __init__(self, folder: Path, *, threads: int = 16) -> None:
        self._folder = folder
        self._threads = threads
        self._guard = threading.Lock()
        #: By owner; None where there can be none.
        self._open: dict[str, _File | None] = {}

    def room(self, owner: str) -> int:
        return _ROW if self._row(owner) is not None else 0

    def fits(self, recipients: Collection[str]) -> bool:
        return len(_record(list(recipients))) <= _BEGUN - _AROUND

    def begin(self, owner: str, entry_id: int, attempt: int, recipients: Collection[str]) -> bool:
        record = _record((entry_id, owner, attempt, list(recipients)))
        found = self._row(owner)
        place = found[1].place_of(entry_id) if found is not None and len(record) <= _BEGUN else None
        if found is None or place is None:
            return False
        try:
            # Where a record was longer, what is left of it stands behind the length of this one.
            os.pwrite(found[0], record, place)
            os.fdatasync(found[0])
        except OSError:
            return False
        return True

    def keep(self, entry_id: int, step: Settle) -> bool:
        record = _record(_words(entry_id, step))
        found = self._row(step.owner)
        place = found[1].place_of(entry_id) if found is not None and len(record) <= _PLACE - _BEGUN else None
        if found is None or place is None:
            return False
        try:
            return os.pwrite(found[0], record, place + _BEGUN) == len(record)
        except OSError:
            return False

    def written(self, owner: str) -> None:
        found = self._row(owner)
        if found is not None:
            found[1].mails.clear()

    def of(self, owner: str) -> Noted:
        try:
            data = self._path(owner).read_bytes()
        except (OSError, ValueError):
            return NOTHING_NOTED
        answers: dict[int, Settle] = {}
        begun: dict[tuple[int, int], tuple[str, ...]] = {}
        whole = bool(data) and len(data) % (_ROW * _PLACE) == 0
        for start in range(0, len(data), _PLACE):
            place = data[start : start + _PLACE]
            first, second = _read(place), _read(place[_BEGUN:])
            if first is not None and len(first) == _ANSWER:
                # By a version that noted nothing but answers, each where begins are now.
                first, second = None, first
            # An answer that is damaged leaves its own mail in doubt alone; what was begun in this place, or not, is another matter.
            whole = whole and (not any(place[:_BEGUN]) if first is None else first[1] == owner)
            if first is not None and first[1] == owner:
                begun[first[0], first[2]] = tuple(first[3])
            if second is not None and second[1] == owner:
                entry_id, step = _step(second)
                answers[entry_id] = step
        return Noted(answers=answers, begun=begun, whole=whole)

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
        with suppress(ValueError):
            # Where its run has locked it since it was found free, it was about to: then it stays.
            clear_away(self._folder, self._path(owner).name)

    def _row(self, owner: str) -> tuple[int, _Row] | None:
        """The file and this thread's row in it."""
        with self._guard:
            if owner not in self._open:
                self._open[owner] = self._begun(owner)
            file = self._open[owner]
            if file is None:
                return None
            thread = threading.get_ident()
            if thread not in file.rows:
                file.rows[thread] = _added_row(file) if len(file.rows) < self._threads else None
            row = file.rows[thread]
            return None if row is None else (file.descriptor, row)

    def _begun(self, owner: str) -> _File | None:
        try:
            path = self._path(owner)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = _File(descriptor=locked(path))
            # Its name is durable, too: without the file, all that is reserved is in doubt.
            folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except (OSError, ValueError):
            return None
        return file

    def _path(self, owner: str) -> Path:
        if not owner.replace("-", "").isalnum():
            raise ValueError("an owner names a file")
        return self._folder / f"{owner}{_ENDING}"


def _added_row(file: _File) -> _Row | None:
    start, size = len(file.rows) * _ROW * _PLACE, _ROW * _PLACE
    try:
        if os.pwrite(file.descriptor, bytes(size), start) != size:
            return None
        os.fsync(file.descriptor)
    except OSError:
        return None
    return _Row(start=start)


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


def _record(words: object) -> bytes:
    text = json.dumps(words).encode("ascii")
    return len(text).to_bytes(4, "big") + crc32(text).to_bytes(4, "big") + text


def _read(part: bytes) -> Any:
    """What a record says, None where there is none."""
    length, checksum = (int.from_bytes(part[at : at + 4], "big") for at in (0, 4))
    text = part[8 : 8 + length]
    return json.loads(text) if 0 < length == len(text) and crc32(text) == checksum else None


def _words(entry_id: int, step: Settle) -> object:
    at = step.next_try_at.isoformat() if step.next_try_at is not None else None
    results = {address: (result.state, result.reason) for address, result in step.results.items()}
    return entry_id, step.owner, step.attempt, results, at, step.why


def _step(content: Any) -> tuple[int, Settle]:
    entry_id, owner, attempt, results, at, why = content
    return entry_id, Settle(
        owner=owner,
        attempt=attempt,
        results={address: RecipientResult(state=RecipientState(state), reason=reason) for address, (state, reason) in results.items()},
        next_try_at=datetime.fromisoformat(at) if at else None,
        why=why,
    )
