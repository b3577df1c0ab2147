"""One file that holds an environment's store as of one moment, written while others go on.

A tar archive: a header that says what it is, the database, the packs up to the byte that the database names, and a manifest with the
digest of each, which ends it. It has its name only once all of it is durable.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

from reconcile.errors import Locked, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.packs import sync_folder, translated

FORMAT: Final = 1
HEADER: Final = "reconcile-backup.json"
DATABASE: Final = "engine.db"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFacts:
    """What the header says. `created_at` is UTC RFC 3339, `keys` counts sealed values by the id of the key that opens them."""

    environment: str
    created_at: str
    program: str
    schema: int
    keys: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """`damaged` names packs that hold fewer bytes than the database says; what is there of them is in the backup."""

    bytes: int
    packs: int
    damaged: tuple[str, ...]


@contextmanager
def packs_stay(folder: Path, *, shared: bool) -> Iterator[bool]:
    """While a backup reads packs (`shared`), none is taken away. Without `shared`: whether taking away is allowed now."""
    path = folder / "packs.stay"
    with translated(path):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def write_backup(database: Database, target: Path, facts: BackupFacts) -> Written:
    """Write `target`, which must not exist. Raises UserError, Locked while another backup writes it, PermanentError as the disk does."""
    if target.exists():
        raise UserError(f"{target} exists", hint="Name another file, or remove that one first.")
    folder = database.path.parent
    draft, copy = target.with_name(f".{target.name}.partial"), target.with_name(f".{target.name}.database")
    with ExitStack() as stack, translated(draft):
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        output = stack.enter_context(os.fdopen(descriptor, "r+b"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that ended in between has made this very file its result.
            ours = draft.exists() and draft.stat().st_ino == os.fstat(descriptor).st_ino
        except BlockingIOError:
            ours = False
        if not ours:
            raise Locked(f"another backup writes {target}", hint="Wait until it is done.")
        # What a backup that was killed left behind is overwritten.
        stack.callback(_remove, draft)
        stack.callback(_remove, copy)
        os.truncate(descriptor, 0)
        _remove(copy)
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        stack.enter_context(packs_stay(folder, shared=True))
        database.copy(copy)
        written = _archive(output, copy, folder, facts)
        output.flush()
        os.fsync(descriptor)
        draft.rename(target)
        sync_folder(target.parent)
    return written


def _archive(output: BinaryIO, copy: Path, folder: Path, facts: BackupFacts) -> Written:
    entries: list[dict[str, object]] = []
    damaged: list[str] = []
    header = {
        "format": FORMAT,
        "program": facts.program,
        "schema": facts.schema,
        "environment": facts.environment,
        "createdAt": facts.created_at,
        "keys": facts.keys,
    }
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, HEADER, io.BytesIO(json.dumps(header, indent=1).encode()), entries)
        with copy.open("rb") as file:
            _add(archive, DATABASE, file, entries)
        count = 0
        for number, committed in _packs(copy):
            path = folder / "packs" / f"{number:08d}.pack"
            try:
                file = path.open("rb")
            except FileNotFoundError:
                damaged.append(path.name)
                continue
            with file:
                size = min(committed, os.fstat(file.fileno()).st_size)
                if size < committed:
                    damaged.append(path.name)
                _add(archive, f"packs/{path.name}", file, entries, size)
                count += 1
        manifest = json.dumps({"files": entries, "damaged": damaged}, indent=1)
        seal = hashlib.sha256(manifest.encode()).hexdigest()
        _add(archive, MANIFEST, io.BytesIO(f"{seal}\n{manifest}".encode()), [])
    return Written(bytes=output.tell(), packs=count, damaged=tuple(damaged))


def _packs(copy: Path) -> list[tuple[int, int]]:
    connection = sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        return connection.execute("SELECT id, committed FROM mail_packs WHERE retired = 0 AND committed > 0 ORDER BY id").fetchall()
    finally:
        connection.close()


class _Digested(io.RawIOBase):
    """Reads through, and knows the digest of what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


def _add(archive: tarfile.TarFile, name: str, file: BinaryIO, entries: list[dict[str, object]], size: int | None = None) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o600
    member.size = file.seek(0, os.SEEK_END) if size is None else size
    file.seek(0)
    reading = _Digested(file)
    archive.addfile(member, cast("BinaryIO", reading))
    entries.append({"name": name, "size": member.size, "sha256": reading.digest.hexdigest()})


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
