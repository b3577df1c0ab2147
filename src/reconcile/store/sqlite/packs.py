"""Bodies in append-only files. Bytes are synced before the row that names them; a row never names bytes that are not there.

A pack belongs to whoever holds its lock (flock, so it dies with the process). Several mailboxes write to several packs and do
not wait for each other. What a crash left behind the last committed byte is cut off when the pack is next opened for writing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from reconcile.errors import PermanentError
from reconcile.ports.mail_store import Place

#: A pack that is larger takes no further batch.
ROLL_BYTES = 1 << 28
#: Bytes that wait to be written in one go, and the most pieces (IOV_MAX of writev(2)).
_BUFFER = 1 << 20
_PIECES = 1024
_READ = 1 << 20


class Damaged(PermanentError):
    """Bytes that a row names are not there, or the disk cannot give them; trying again does not help."""


class translated:
    """Errors of the disk as ours."""

    __slots__ = ("_path",)

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                # No mailbox's fault: all of them go on by themselves once there is space.
                hint = "Free space on that disk; nothing was lost, and it goes on by itself."
                raise PermanentError(f"no space left for {self._path}", hint=hint, about="profile") from error
            hint = "Check the folder's permissions and disk."
            kind = Damaged if error.errno == errno.EIO else PermanentError
            raise kind(f"{self._path} cannot be used: {error.strerror}", hint=hint) from error


def sync_folder(folder: Path) -> None:
    """Names that were made, changed or removed in it survive a power loss when this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Pack:
    """One locked pack. Offsets count from its first byte. One thread writes; another may `sync` what came before meanwhile."""

    def __init__(self, number: int, path: Path, descriptor: int, committed: int) -> None:
        self.number = number
        self.path = path
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        #: What the file does not have yet, from `_written` on. Gathered and not copied into a buffer: these are all bytes of all mail.
        self._waiting: list[bytes] = []
        self._written = committed
        #: For these two.
        self._guard = threading.Lock()
        self._begun = committed
        self.committed = committed
        self.end = committed

    def begin(self) -> None:
        self._begun = self.end

    def write(self, chunk: bytes) -> None:
        self.end += len(chunk)
        with self._guard:
            self._waiting.append(chunk)
            enough = self.end - self._written >= _BUFFER or len(self._waiting) >= _PIECES
        if enough:
            self._flush()

    def _flush(self) -> None:
        with self._guard, translated(self.path):
            while self._waiting:
                # Fewer than asked for where a disk has become full: the rest says so.
                count = os.pwritev(self._file.fileno(), self._waiting[:_PIECES], self._written)
                self._written += count
                whole = 0
                while whole < len(self._waiting) and count >= len(self._waiting[whole]):
                    count -= len(self._waiting[whole])
                    whole += 1
                del self._waiting[:whole]
                if count:
                    self._waiting[0] = self._waiting[0][count:]

    def place(self) -> Place:
        """Where the body that was begun lies."""
        return Place(self.number, self._begun, self.end - self._begun)

    def discard(self) -> None:
        """Cut off the body that was begun last."""
        self._cut(self._begun)

    def sync(self) -> None:
        """All bytes written so far survive a power loss when this returns."""
        self._flush()
        with translated(self.path):
            os.fdatasync(self._file.fileno())

    def roll_back(self) -> None:
        """Cut off everything that no row names."""
        if self.end > self.committed:
            self._cut(self.committed)

    def _cut(self, length: int) -> None:
        with self._guard:
            # Bodies begin and end with a piece.
            while self._waiting and self.end > length:
                self.end -= len(self._waiting.pop())
            if self._written >= length:
                with translated(self.path):
                    self._file.truncate(length)
                self._written = length
        self.end = self._begun = length

    def close(self) -> None:
        """Ends the lock, too."""
        with suppress(OSError, PermanentError):
            self.roll_back()
        # Its number may be another file's at once: nobody may be about to write to it.
        with self._guard, suppress(OSError):
            self._file.close()


class Packs:
    """The folder of packs. `committed(number)` reads how far rows name bytes of a pack, None for one that takes no more;
    `highest()` the highest number that was ever used."""

    def __init__(self, folder: Path, committed: Callable[[int], int | None], *, highest: Callable[[], int] = lambda: 0) -> None:
        self.folder = folder
        self._committed = committed
        self._highest = highest
        self._idle: list[Pack] = []
        self._mine: set[int] = set()
        self._guard = threading.Lock()

    def path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.pack"

    def take(self) -> Pack:
        """A pack for exclusive use: an idle one of ours, one that nobody holds, or a new one."""
        with self._guard:
            if self._idle:
                return self._idle.pop()
            with translated(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                return self._open()

    def give_back(self, pack: Pack) -> None:
        try:
            pack.roll_back()
        except PermanentError:
            # The disk takes nothing: it is cut when it is next opened.
            self.give_up(pack)
            return
        with self._guard:
            if pack.committed >= ROLL_BYTES:
                self._mine.discard(pack.number)
                pack.close()
            else:
                self._idle.append(pack)

    def give_up(self, pack: Pack) -> None:
        """Whether its last rows were committed is not known: the next opening reads it from the database."""
        with self._guard:
            self._mine.discard(pack.number)
        pack.committed = pack.end
        pack.close()

    def _open(self) -> Pack:
        numbers = sorted(int(entry.stem) for entry in self.folder.glob("*.pack") if entry.stem.isdigit())
        for number in numbers:
            if number not in self._mine and (pack := self._lock(number, os.O_RDWR)) is not None:
                return pack
        return self.make()

    def make(self) -> Pack:
        """A new one, locked. Its number was never used before: a reader may still know an old pack by its own."""
        numbers = [int(entry.stem) for entry in self.folder.glob("*.pack") if entry.stem.isdigit()]
        number = max(*numbers, self._highest(), 0) + 1 if numbers else self._highest() + 1
        while True:
            try:
                pack = self._lock(number, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                pack = None
            if pack is not None:
                return pack
            number += 1

    def _lock(self, number: int, flags: int) -> Pack | None:
        path = self.path(number)
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            # Compacted away since it was listed.
            return None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            # Only now: until the lock was ours its holder may have committed more. That is so for one that we have just made, too: it
            # is found by its name before it is locked.
            committed = self._committed(number)
            size = os.fstat(descriptor).st_size
            used = bool(flags & os.O_EXCL) and committed != 0
            if committed is None or committed >= ROLL_BYTES or size < committed or used:
                # A pack that was cut is for a backup to mend, and reading from it says so; new mail goes elsewhere meanwhile.
                os.close(descriptor)
                return None
            if size > committed:
                os.ftruncate(descriptor, committed)
            if committed == 0:
                # Whoever made it may have died, or lost it to us, before its name was durable.
                sync_folder(self.folder)
        except (OSError, PermanentError):
            os.close(descriptor)
            raise
        self._mine.add(number)
        return Pack(number, path, descriptor, committed)

    def read(self, place: Place) -> Iterator[bytes]:
        """The bytes of a place, in chunks. Raises PermanentError: `Damaged` where they are not there."""
        path = self.path(place.pack)
        with translated(path):
            try:
                file = path.open("rb", buffering=0)
            except FileNotFoundError:
                raise Damaged(f"{path} is gone", hint="Restore it from a backup.") from None
            with file:
                file.seek(place.offset)
                left = place.length
                while left:
                    chunk = file.read(min(left, _READ))
                    if not chunk:
                        raise Damaged(f"{path} ends before the message does", hint="Restore it from a backup.")
                    left -= len(chunk)
                    yield chunk

    def close(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
            self._mine.clear()
        for pack in idle:
            pack.close()
