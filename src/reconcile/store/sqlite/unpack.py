"""Reading a backup file: every byte is checked against the manifest before anybody relies on one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from reconcile.errors import PermanentError, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.store.sqlite.backup import DATABASE, FORMAT, HEADER, MANIFEST, BackupFacts
from reconcile.store.sqlite.database import APPLICATION_ID
from reconcile.store.sqlite.packs import sync_folder, translated
from reconcile.store.sqlite.schema import newest_migration

_PACK = re.compile(r"packs/[0-9]{8}\.pack")
_CHUNK = 1 << 20
_LARGEST_TEXT = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What lies in the folder now. `damaged` names packs that were not whole when the backup was made."""

    facts: BackupFacts
    damaged: tuple[str, ...]


def _refused(path: Path, reason: str) -> PermanentError:
    return PermanentError(f"{path} cannot be restored: {reason}", hint="Nothing was changed. Take another copy of that backup.")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SettingsError(f"there is no file {path}", hint="Name a file that `reconcile backup` wrote.") from None
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise _refused(path, f"it is damaged, cut off, or no backup of reconcile ({error})") from error


def read_facts(path: Path) -> BackupFacts:
    """The header alone. Raises as `unpack`."""
    with _reading(path), path.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
        return _facts(path, archive, archive.next(), {})


def unpack(path: Path, folder: Path) -> Unpacked:
    """Write what is in `path` into `folder`, durably. Raises PermanentError for a file that is foreign, newer, damaged or cut off, and
    SettingsError when it is not there; `folder` is then of no use."""
    found: dict[str, tuple[int, str]] = {}
    with _reading(path), translated(folder), path.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
        facts = _facts(path, archive, archive.next(), found)
        (folder / "packs").mkdir(mode=0o700)
        manifest = None
        while (member := archive.next()) is not None:
            if manifest is not None or not member.isreg():
                raise _refused(path, f"it holds {member.name!r}, which no backup does")
            if member.name == MANIFEST:
                manifest = _manifest(path, _text(path, archive, member))
            elif member.name == DATABASE or _PACK.fullmatch(member.name):
                found[member.name] = _extract(archive, member, folder / member.name)
            else:
                raise _refused(path, f"it holds {member.name!r}, which no backup does")
    if manifest is None:
        raise _refused(path, "it is cut off: its manifest is missing")
    declared = {entry["name"]: (entry["size"], entry["sha256"]) for entry in manifest["files"]}
    for name in sorted(declared.keys() | found.keys()):
        if declared.get(name) != found.get(name):
            raise _refused(path, f"it is damaged: {name} is not what was written")
    _check_database(path, folder, facts, tuple(manifest["damaged"]))
    for each in (folder / "packs", folder):
        sync_folder(each)
    return Unpacked(facts=facts, damaged=tuple(manifest["damaged"]))


def _facts(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo | None, found: dict[str, tuple[int, str]]) -> BackupFacts:
    if member is None or member.name != HEADER or not member.isreg():
        raise _refused(path, "it is no backup of reconcile")
    text = _text(path, archive, member)
    found[HEADER] = (len(text), hashlib.sha256(text).hexdigest())
    try:
        header = json.loads(text)
        format_ = int(header["format"])
        facts = BackupFacts(
            environment=str(header["environment"]),
            created_at=str(header["createdAt"]),
            program=str(header["program"]),
            schema=int(header["schema"]),
            keys={str(key): int(count) for key, count in header["keys"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _refused(path, "it is damaged, or no backup of reconcile: its header cannot be read") from None
    if format_ > FORMAT or facts.schema > newest_migration():
        words = f"it was written by a newer version, {facts.program} (format {format_}, schema {facts.schema})"
        raise PermanentError(f"{path} cannot be restored: {words}", hint="Use that version or newer. Nothing was changed.")
    return facts


def _text(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _LARGEST_TEXT:
        raise _refused(path, f"{member.name} is too large")
    file = archive.extractfile(member)
    content = file.read() if file is not None else b""
    if len(content) != member.size:
        raise _refused(path, "it is cut off")
    return content


def _manifest(path: Path, text: bytes) -> dict[str, Any]:
    seal, _, document = text.partition(b"\n")
    if hashlib.sha256(document).hexdigest().encode() != seal:
        raise _refused(path, "its manifest is damaged")
    manifest: dict[str, Any] = json.loads(document)
    return manifest


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    source: IO[bytes] | None = archive.extractfile(member)
    assert source is not None
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _check_database(path: Path, folder: Path, facts: BackupFacts, damaged: tuple[str, ...]) -> None:
    connection = sqlite3.connect(f"{(folder / DATABASE).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        application, schema = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if application != APPLICATION_ID or schema != facts.schema:
            raise _refused(path, "its database is not the one its header names")
        wrong = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if wrong != "ok":
            raise _refused(path, f"its database is damaged ({wrong})")
        for number, committed in connection.execute("SELECT id, committed FROM mail_packs WHERE retired = 0 AND committed > 0"):
            pack = folder / "packs" / f"{number:08d}.pack"
            if pack.name not in damaged and (not pack.exists() or pack.stat().st_size < committed):
                raise _refused(path, f"the stored mail of {pack.name} is not whole")
    except sqlite3.DatabaseError as error:
        raise _refused(path, f"its database is damaged ({error})") from error
    finally:
        connection.close()
