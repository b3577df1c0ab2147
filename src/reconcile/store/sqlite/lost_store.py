"""A store whose database is gone while what lies beside it tells that there was one: to begin anew would read every mailbox once more, and
make a second time what is kept in step with mailboxes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconcile.errors import PermanentError
from reconcile.store.sqlite.packs import sync_folder

#: Lies beside the database since the first command that wrote to it. Nobody reads it; that it is there tells.
_SIGN: Final = "engine.db.begun"
_TEXT: Final = """\
A store of reconcile has its database here: engine.db. Where that is gone, `reconcile restore` brings it back from a backup, and nothing is
begun anew while this file is here.
"""


def sign(path: Path) -> Path:
    """What lies beside the database `path`."""
    return path.with_name(_SIGN)


def mark_begun(path: Path) -> None:
    """Note beside the database `path`, which is there and whole, that it is: durable when this returns. A store of an older version gets
    its note with the next command that writes. Where there is no room for it, the store works without."""
    note = sign(path)
    if note.exists():
        return
    with suppress(OSError):
        descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Its name alone tells, so that it may be cut short.
            os.write(descriptor, _TEXT.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(note.parent)


def refuse_lost(path: Path) -> None:
    """Raises PermanentError where the database `path` is missing or empty and a note that it was there, or packs of mail, lie beside it.
    An empty file alone is what a process leaves that died while it made the store."""
    if path.exists() and path.stat().st_size:
        return
    packs, lost = path.parent / "packs", f"{path} is {'empty' if path.exists() else 'gone'}"
    back = "Bring it back with `reconcile restore`. To begin anew instead, which"
    away = f"move {path.parent} to another place."
    if any(packs.glob("*.pack")):
        raise PermanentError(f"{lost}, but mail that belongs to it lies in {packs}", hint=f"{back} reads all mail again, {away}")
    if sign(path).exists():
        raise PermanentError(
            f"{lost}, and there was a store: {sign(path).name} lies beside it",
            hint=f"{back} knows nothing of what was applied and kept in step, {away}",
        )
