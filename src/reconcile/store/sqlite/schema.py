"""The numbered migrations of the database: which there are, and which is the newest that this process knows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

_MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"


def migrations() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of all migrations this version knows, in order."""
    scripts = (entry for entry in _MIGRATIONS.iterdir() if entry.name.endswith(".sql"))
    return sorted((int(entry.name[:4]), entry.name, entry.read_text(encoding="utf-8")) for entry in scripts)


@cache
def newest_migration() -> int:
    """The number of the newest one this version knows. It stays so while the process runs, whatever is installed over it meanwhile."""
    # Their texts are read only where one is to be carried out: opening a store happens with every command.
    return max(int(name[:4]) for name in os.listdir(_MIGRATIONS) if name.endswith(".sql"))  # noqa: PTH208  no Path for each


def statements(script: str) -> Iterator[str]:
    """The SQL statements of a migration, one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
