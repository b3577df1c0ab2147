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
    """The environment a command without desired state works on. Raises SettingsError when that is not clear."""
    known = environments(settings)
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


def store_path(settings: Settings, environment: str) -> Path:
    """The SQLite file of an environment. Raises SettingsError for a name that no Environment can have, such as a path."""
    import re

    from reconcile.model.key import SLUG_PATTERN

    if not re.fullmatch(SLUG_PATTERN, environment):
        raise SettingsError(f"{environment!a} is no name of an environment", hint="Name it as its document does: -e NAME.")
    return settings.state_directory / environment / STORE_FILE


@contextmanager
def open_database(settings: Settings, environment: str, *, read_only: bool) -> Iterator[Database | None]:
    """The environment's store; None when it is missing and only reading is asked for (a missing store reads as empty)."""
    from reconcile.store.sqlite.database import Database

    path = store_path(settings, environment)
    if read_only and not Database.begun(path):
        yield None
        return
    with Database.open(path, read_only=read_only) as database:
        yield database


@contextmanager
def writable_database(settings: Settings, environment: str) -> Iterator[Database]:
    """The store of an environment something was applied to. Raises SettingsError when there is none: only apply makes one."""
    from reconcile.store.sqlite.database import Database

    path = store_path(settings, environment)
    if not path.exists():
        raise SettingsError(f"nothing was applied to environment {environment}", hint="Run `reconcile apply` first.")
    with Database.open(path) as database:
        yield database
