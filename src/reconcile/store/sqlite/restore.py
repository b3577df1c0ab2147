"""Putting a backup in the place of a store: made ready beside it, then changed for it in one step.

If the process dies before that step, the store is as it was, and what was made ready is thrown away by the next restore; after it, the
new store is whole, and the old one lies aside.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from reconcile.errors import Locked, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.outbox_step import Doubt
from reconcile.store.exchange import exchange
from reconcile.store.in_use import alone
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.lost_store import mark_begun
from reconcile.store.sqlite.outbox import advance_all
from reconcile.store.sqlite.outbox_text import text
from reconcile.store.sqlite.packs import sync_folder, translated
from reconcile.store.sqlite.unpack import Unpacked, unpack

#: Where replaced stores lie, below the state directory. Its name is none an environment can have.
ASIDE = ".replaced"
#: Half of what three digits count: as far from the numbers of old mail as from those that may have been given out since.
_TOKEN_GAP = 500
#: Stands in a folder that is being made ready. Without it, the folder may be a store that was just replaced.
_UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """`doubted` are mails of the outbox that wait for a person now, `marked` drafts and failed ones that may have gone
    out since; `aside` is where the old store lies, None when there was none."""

    unpacked: Unpacked
    doubted: int
    marked: int
    aside: Path | None


def is_empty(folder: Path) -> bool:
    """Whether nothing would be replaced: no database and no stored mail."""
    return not (folder / "engine.db").exists() and not any((folder / "packs").glob("*.pack"))


def restore(
    backup: Path, folder: Path, *, at: datetime, why_doubt: str | None, replace: bool, finish: Callable[[Database, Unpacked], None]
) -> Restored:
    """Make `folder` (state directory / environment) what `backup` holds. `at` names what is laid aside.

    With `why_doubt`, mails that waited become uncertain. `finish` may do more to the store before it takes its place. Raises UserError
    when there is a store and `replace` is not asked for, Locked while others work on it, and as `unpack`.
    """
    state = folder.parent
    with translated(state), _one_at_a_time(state, folder.name), _nobody_uses(folder):
        if not replace and not is_empty(folder):
            raise UserError(
                f"{folder} holds a store already", hint="Restore into another --state-dir, or replace it with --replace: it is laid aside."
            )
        ready = state / f".restoring-{folder.name}"
        aside = state / ASIDE / f"{folder.name}-{at.strftime('%Y%m%dT%H%M%SZ')}"
        _clear(ready, aside)
        ready.mkdir(mode=0o700)
        (ready / _UNFINISHED).touch()
        try:
            unpacked = unpack(backup, ready)
            doubted, marked = _made_ready(ready / "engine.db", unpacked, at, why_doubt, finish)
        except BaseException:
            shutil.rmtree(ready, ignore_errors=True)
            raise
        (ready / _UNFINISHED).unlink()
        laid = _put_in_place(ready, folder, _free(aside))
    return Restored(unpacked=unpacked, doubted=doubted, marked=marked, aside=laid)


def _clear(ready: Path, aside: Path) -> None:
    """What a restore that was killed left behind: thrown away while it was being made; laid aside when it may be the old store."""
    if not ready.exists():
        return
    if (ready / _UNFINISHED).exists() or is_empty(ready):
        shutil.rmtree(ready)
        return
    aside.parent.mkdir(mode=0o700, exist_ok=True)
    ready.rename(_free(aside))


def _free(aside: Path) -> Path:
    """Two restores within a second lay two stores aside."""
    names = (aside, *(aside.with_name(f"{aside.name}-{number}") for number in range(2, 1000)))
    return next(path for path in names if not path.exists())


def _made_ready(
    path: Path, unpacked: Unpacked, at: datetime, why_doubt: str | None, finish: Callable[[Database, Unpacked], None]
) -> tuple[int, int]:
    with Database.open(path) as database:
        made = datetime.fromisoformat(unpacked.facts.created_at)
        counts = database.write(lambda connection: _of_its_time(connection, at, made, why_doubt))
        finish(database, unpacked)
    with suppress(FileNotFoundError):
        path.with_name(f"{path.name}.use").unlink()
    # The last to close it has put its log into the database; that must be durable before it gets its name.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    mark_begun(path)
    sync_folder(path.parent)
    return counts


def _of_its_time(connection: sqlite3.Connection, at: datetime, made: datetime, why_doubt: str | None) -> tuple[int, int]:
    """What was true of the moment of the backup (`made`) only: who was at work, and which mails were still to be sent. Answers how many of
    these are in doubt, and how many might be sent by a person's hand."""
    connection.execute("UPDATE lease SET holder = ''")
    connection.execute("DELETE FROM outbox_lease")
    # Whoever follows the feed has seen changes that this store does not know: their cursors must not be taken for its own.
    connection.execute("UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'feed-epoch'")
    # Mail that went out since the backup bears tokens of numbers that this store would give out again, for other mail.
    connection.execute("UPDATE outbox_token_number SET counted = counted + ?", (_TOKEN_GAP,))
    # The same for mailboxes that began to send since: a row of nobody stands for their numbers.
    connection.execute(
        "INSERT OR REPLACE INTO outbox_token_number SELECT ?, coalesce(max(ordinal), 0) + ?, 0 FROM outbox_token_number",
        (f"restored {at.isoformat()}", _TOKEN_GAP),
    )
    if why_doubt is None:
        return 0, 0
    marked = connection.execute("UPDATE outbox SET restored_from = ? WHERE state IN ('draft', 'failed')", (text(made),)).rowcount
    return advance_all(connection, ("pending-send", "sending"), Doubt(why=why_doubt), at), marked


def _put_in_place(ready: Path, folder: Path, aside: Path) -> Path | None:
    if not folder.exists():
        ready.rename(folder)
        sync_folder(folder.parent)
        return None
    aside.parent.mkdir(mode=0o700, exist_ok=True)
    empty = is_empty(folder)
    try:
        exchange(ready, folder)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
            raise
        # Without an exchange there is a moment without a store; whoever dies in it finds both under their other names.
        folder.rename(aside)
        ready.rename(folder)
        sync_folder(folder.parent)
        return None if empty else aside
    sync_folder(folder.parent)
    if empty:
        shutil.rmtree(ready, ignore_errors=True)
        return None
    ready.rename(aside)
    sync_folder(aside.parent)
    return aside


@contextmanager
def _one_at_a_time(state: Path, name: str) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(state / f".restoring-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(f"another restore into {state / name} is at work", hint="Wait until it is done.") from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _nobody_uses(folder: Path) -> Iterator[None]:
    if not folder.exists():
        yield
        return
    with alone(folder / "engine.db"):
        yield
