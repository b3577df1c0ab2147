"""New files of an estate: whole or not at all, inside its folder, over nothing that exists, and through no link.

A process that dies leaves complete files, and at most one hidden file with its number in its name, which the next run removes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconcile.errors import SettingsError

_UNFINISHED = ".reconcile-unfinished-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class EstateWriter:
    """`root` is the estate; it is made when it is missing. `root` itself may be a link, nothing below it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._swept: set[tuple[str, ...]] = set()

    def exists(self, path: str) -> bool:
        """Whether anything has this name, also a link that leads nowhere."""
        return os.path.lexists(self._root / path)

    def holds(self, path: str, content: bytes) -> bool:
        """Whether an ordinary file of exactly this content is there."""
        whole = self._root / path
        try:
            return not whole.is_symlink() and whole.stat().st_size == len(content) and whole.read_bytes() == content
        except OSError:
            return False

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """A new file. Raises SettingsError, naming the path, for everything that is in the way."""
        *folders, name = path.split("/")
        if not name or any(part in ("", ".", "..") for part in path.split("/")):
            raise SettingsError(f"{path!r} is no path inside the estate", hint="This is a mistake of reconcile: please report it.")
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with self._opened(folders) as folder:
                if tuple(folders) not in self._swept:
                    _sweep(folder)
                    self._swept.add(tuple(folders))
                _put(folder, name, chunks)
        except FileExistsError as error:
            raise SettingsError(
                f"{self._root / path} exists, and nothing is overwritten", hint="Run the import again: it takes another name then."
            ) from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise SettingsError(
                    f"{self._root / path}: a folder on the way is a link or no folder, and links are not followed",
                    hint="Put a real folder there, or import into another one with --into.",
                ) from error
            raise SettingsError(
                f"{self._root / path} cannot be written: {error.strerror}", hint="Check permissions and free space, then import again."
            ) from error

    @contextmanager
    def _opened(self, folders: list[str]) -> Iterator[int]:
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in folders:
                with suppress(FileExistsError):  # opened below, unless it is a link
                    os.mkdir(name, dir_fd=descriptor)
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def _put(folder: int, name: str, chunks: Iterable[bytes]) -> None:
    """Written under a name of ours first, durable, and only then given its own name, which must be free."""
    unfinished = f"{_UNFINISHED}{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(unfinished, dir_fd=folder)  # of a process that had this number before
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(unfinished, flags, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fdatasync(file.fileno())
        _name(folder, unfinished, name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
    os.fsync(folder)


def _name(folder: int, unfinished: str, name: str) -> None:
    """A link fails where the name is taken; a rename would replace what is there."""
    try:
        os.link(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        # A file system without links: look, then rename.
        if name in os.listdir(folder):
            raise FileExistsError(errno.EEXIST, "File exists", name) from error
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)


def _sweep(folder: int) -> None:
    """What processes left that are gone."""
    for name in os.listdir(folder):
        number = name.removeprefix(_UNFINISHED)
        if number != name and number.isdecimal() and not _is_alive(int(number)):
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
