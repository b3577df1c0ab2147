"""A folder as a source: walked without following links, opened only where it is an ordinary file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from operator import attrgetter, itemgetter
from pathlib import Path

from reconcile.errors import DesiredStateError
from reconcile.model.finding import Finding
from reconcile.ports.source import Listing, SourceFile
from reconcile.source import entries

# A file changed within this time before it was listed may change again without its stat showing it (file systems stamp
# with a tick of up to 10 ms, network file systems with one second). git calls such entries racy.
_RACY_SECONDS = 2.0

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


class FolderSource:
    """`root` may itself be a link; nothing below it may.

    `now` is wall time in seconds; without it nobody knows which files have settled, and none gets a content id to cache it by.
    """

    def __init__(self, root: Path, *, largest: int = entries.LARGEST_FILE, now: Callable[[], float] | None = None) -> None:
        self._root = root
        self._largest = largest
        self._now = now

    @property
    def label(self) -> str:
        """The folder's path."""
        return entries.shown(str(self._root))

    @property
    def revision(self) -> str:
        """A folder has none."""
        return ""

    def list(self) -> Listing:
        """Raises DesiredStateError when the root cannot be read, or is that of the whole machine."""
        if self._root.resolve() == Path(self._root.resolve().anchor):
            raise DesiredStateError(
                f"{self.label} is the root of this machine's files and no estate", hint="name the folder that holds the estate with -C"
            )
        files: list[SourceFile] = []
        findings: list[Finding] = []
        racy_after = self._now() - _RACY_SECONDS if self._now is not None else float("-inf")
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self._root / folder if folder else self._root) as listed:
                    names = sorted(listed, key=attrgetter("name"))
            except OSError as error:
                if not folder:
                    raise DesiredStateError(
                        f"cannot read the folder {self._root}: {error.strerror}",
                        hint="name the folder that holds the estate, or make a new one with `reconcile init`",
                    ) from error
                findings.append(entries.unreadable_folder(folder, error.strerror or type(error).__name__))
                continue
            below = f"{folder}/" if folder else ""
            for entry in names:
                name = entry.name
                if entries.is_hidden(name):
                    continue
                path = below + name
                taken: SourceFile | Finding | None
                if name.endswith(".yaml") and name.isascii() and entry.is_file(follow_symlinks=False):
                    # Nearly all there is; of these nothing else need be asked.
                    taken = self._listed(entry, path, racy_after)
                elif entry.is_dir(follow_symlinks=False):
                    taken = self._folder(name, path, pending)
                else:
                    taken = self._file(entry, path, racy_after)
                if isinstance(taken, SourceFile):
                    files.append(taken)
                elif taken is not None:
                    findings.append(taken)
        return Listing(files=tuple(sorted(files, key=itemgetter(0))), findings=tuple(findings))

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        """A file that is no longer the one that was listed comes with an empty content id, so that nobody caches it."""
        for file in files:
            yield self._read(file)

    def octets(self, path: str) -> bytes | None:
        """See `Source.octets`."""
        if not (self._root / path).is_symlink() and not (self._root / path).exists():
            return None
        _, content = self._read(SourceFile(path=path, content_id="", size=0))
        if isinstance(content, Finding):
            raise DesiredStateError(f"{self.label}/{path}: {content.message}", hint=content.hint)
        return content

    def _folder(self, name: str, path: str, pending: MutableSequence[str]) -> Finding | None:
        if not entries.is_utf8(name):
            return entries.folder_name_not_utf8(path)
        pending.append(path)
        return entries.folder_named_like_a_file(path) if entries.is_document(name) else None

    def _file(self, entry: os.DirEntry[str], path: str, racy_after: float) -> SourceFile | Finding | None:
        if entry.is_symlink():
            return self._link(entry, path)
        if not entries.is_document(entry.name):
            return None
        if not entries.is_utf8(entry.name):
            return entries.name_not_utf8(path)
        return self._listed(entry, path, racy_after)

    def _listed(self, entry: os.DirEntry[str], path: str, racy_after: float) -> SourceFile | Finding:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            return entries.unreadable(path, error.strerror or type(error).__name__)
        if not stat.S_ISREG(status.st_mode):
            return entries.not_a_file(path, _SPECIAL.get(stat.S_IFMT(status.st_mode), "what is no ordinary file"))
        if status.st_size > self._largest and status.st_size > (largest := entries.largest(path, self._largest)):
            return entries.too_large(path, status.st_size, largest)
        racy = max(status.st_mtime, status.st_ctime) >= racy_after
        return SourceFile(path, "" if racy else _content_id(status), status.st_size)

    def _link(self, entry: os.DirEntry[str], path: str) -> Finding | None:
        try:
            leads_to_folder = entry.is_dir(follow_symlinks=True)
        except OSError:
            leads_to_folder = False
        if leads_to_folder:
            return entries.link_to_folder(path)
        if not entries.is_document(entry.name):
            return None
        try:
            target = Path(entry.path).resolve(strict=True)
        except (RuntimeError, OSError) as error:  # Python 3.11 says RuntimeError for a circle, later ones ELOOP
            circle = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
            return entries.link(path, "it leads round in a circle" if circle else "it leads nowhere")
        inside = target.is_relative_to(self._root.resolve())
        return entries.link(path, "it stays inside the estate" if inside else "it leads out of the estate")

    def _read(self, file: SourceFile) -> tuple[SourceFile, bytes | Finding]:
        # O_NONBLOCK: what was a file when listed may be a pipe now, and opening it must not wait for a writer.
        largest = entries.largest(file.path, self._largest)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(f"{self._root}/{file.path}", flags)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    return file, entries.not_a_file(file.path, _SPECIAL.get(stat.S_IFMT(status.st_mode), "what is no ordinary file"))
                data = _read_at_most(descriptor, largest + 1, expected=status.st_size)
            finally:
                os.close(descriptor)
        except OSError as error:
            return file, entries.unreadable(file.path, error.strerror or type(error).__name__)
        if len(data) > largest:
            return file, entries.too_large(file.path, max(status.st_size, len(data)), largest)
        if file.content_id and (file.content_id != _content_id(status) or len(data) != status.st_size):
            file = SourceFile(path=file.path, content_id="", size=len(data))
        return file, data


def _content_id(status: os.stat_result) -> str:
    """What git's index compares."""
    return f"stat:{status.st_dev:x}:{status.st_ino:x}:{status.st_size:x}:{status.st_mtime_ns:x}:{status.st_ctime_ns:x}"


def _read_at_most(descriptor: int, limit: int, *, expected: int) -> bytes:
    """One system call for a file that did not change, one more to see its end."""
    parts: list[bytes] = []
    total = 0
    while total < limit and (part := os.read(descriptor, min(limit - total, 65536 if parts else expected + 1))):
        parts.append(part)
        total += len(part)
    return b"".join(parts)
