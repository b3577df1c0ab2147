"""Which environments have a store on this machine, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.errors import SettingsError
from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.store.sqlite.database import Database


STORE_FILE = "engine.db"


def environments(settings: Settings) -> list[str]:
    """Names of environments that have a store, sorted. Raises OSError for a state directory that may not be read."""
    if not settings.state_directory.is_dir():
        return []
    # Listed first: glob takes a folder that it may not read for an empty one, which is right only for those below.
    entries = [*settings.state_directory.iterdir()]
    return sorted(entry.name for entry in entries if any(entry.glob(STORE_FILE)))


def environment_name(settings: Settings, wanted: str | None) -> str:
    """The environment a command without desired state works on. Raises SettingsError when that is not clear, PermanentError where the
    store of one that may be meant was lost: another is no substitute."""
    known = environments(settings)
    _refuse_lost(settings, wanted, known)
    if wanted is not None:
        # An answer about nothing would look like good news for a misspelt name.
        if not store_path(settings, wanted).exists():
            hint = f"Known here: {', '.join(known)}." if known else "Run `reconcile apply` first, or name the state with --state-dir."
            raise SettingsError(f"nothing was applied to environment {wanted}", hint=hint)
        return wanted
    if len(known) == 1:
        return known[0]
    if not known:
        raise SettingsError(
            f"nothing was applied yet: no store in {settings.state_directory}",
            hint="Run `reconcile apply` first, or name the estate with -C or the state with --state-dir.",
        )
    raise SettingsError(f"several environments have a store: {', '.join(known)}", hint="Choose one with -e NAME.")


def _refuse_lost(settings: Settings, wanted: str | None, known: list[str]) -> None:
    import re

    from reconcile.model.key import SLUG_PATTERN
    from reconcile.store.sqlite.lost_store import refuse_lost, sign

    state = settings.state_directory
    left = (path.parent.name for pattern in ("*/packs", f"*/{sign(Path(STORE_FILE)).name}") for path in state.glob(pattern))
    there = [wanted] if wanted is not None else sorted({*left})
    for name in there:
        # What no environment can be called was laid aside by somebody.
        if name not in known and re.fullmatch(SLUG_PATTERN, name):
            refuse_lost(store_path(settings, name))


def store_path(settings: Settings, environment: str) -> Path:
    """The SQLite file of an environment. Raises SettingsError for a name that no Environment can have, such as a path."""
    import re

    from reconcile.model.key import SLUG_PATTERN

    if not re.fullmatch(SLUG_PATTERN, environment):
        raise SettingsError(f"{environment!a} is no name of an environment", hint="Name it as its document does: -e NAME.")
    return settings.state_directory / environment / STORE_FILE


@contextmanager
def open_database(settings: Settings, environment: str, *, read_only: bool) -> Iterator[Database | None]:
    """The environment's store; None when it is missing and only reading is asked for (a missing store reads as empty). Raises
    PermanentError where it was lost."""
    from reconcile.store.sqlite.database import Database
    from reconcile.store.sqlite.lost_store import mark_begun, refuse_lost

    path = store_path(settings, environment)
    refuse_lost(path)
    if read_only and not Database.begun(path):
        yield None
        return
    with Database.open(path, read_only=read_only) as database:
        if not read_only:
            mark_begun(path)
        yield database


@contextmanager
def writable_database(settings: Settings, environment: str) -> Iterator[Database]:
    """The store of an environment something was applied to. Raises SettingsError when there is none: only apply makes one;
    PermanentError where it was lost."""
    from reconcile.store.sqlite.database import Database
    from reconcile.store.sqlite.lost_store import mark_begun, refuse_lost

    path = store_path(settings, environment)
    refuse_lost(path)
    if not path.exists():
        raise SettingsError(f"nothing was applied to environment {environment}", hint="Run `reconcile apply` first.")
    with Database.open(path) as database:
        mark_begun(path)
        yield database


def disk_of(settings: Settings, environment: str) -> tuple[Path, int | None, int]:
    """The folder of an environment's store, how many octets its disk has room for (None: nobody knows), and below how many it is full."""
    from reconcile.store.disk_room import FULL, disk_room

    folder = store_path(settings, environment).parent
    return folder, disk_room(folder), FULL
