"""A store as an older version of the program left it: the rows that version knew, under the schema it had."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from reconcile.store.sqlite.database import APPLICATION_ID
from reconcile.store.sqlite.schema import migrations

_META = re.compile(r"INSERT INTO meta VALUES \('([^']+)'")


def make_older(path: Path, version: int) -> None:
    """Put the store at `path`, which nobody has open, back to schema `version`."""
    older = path.with_name("older.db")
    connection = sqlite3.connect(older)
    for number, _, script in migrations():
        if number <= version:
            connection.executescript(script)
    connection.execute("ATTACH ? AS newer", (str(path),))
    tables = [
        name for (name,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    ]
    connection.execute("PRAGMA foreign_keys = OFF")
    # What is copied is not done again.
    triggers = connection.execute("SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER main.{name}")
    for table in tables:
        known = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
        there = {row[1] for row in connection.execute(f"PRAGMA newer.table_info({table})")}
        columns = ", ".join(name for name in known if name in there)
        connection.execute(f"DELETE FROM main.{table}")
        if not there:
            # Dropped since.
            continue
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
    for _, statement in triggers:
        connection.execute(statement)
    later = [name for number, _, script in migrations() if number > version for name in _META.findall(script)]
    connection.executemany("DELETE FROM main.meta WHERE name = ?", [(name,) for name in later])
    connection.execute(f"PRAGMA main.user_version = {version}")
    connection.execute(f"PRAGMA main.application_id = {APPLICATION_ID}")
    connection.commit()
    connection.close()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    older.rename(path)
