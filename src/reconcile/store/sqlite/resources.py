"""Rows of the engine target in SQLite, and the views that sync has of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TypeVar

from reconcile.model.observation import Present
from reconcile.ports.resource_store import ResourceTransaction, StoredResource
from reconcile.ports.target import AppliedResource
from reconcile.store.sqlite.database import Database, translated
from reconcile.store.sqlite.spec_text import from_text, to_text, words_from_text, words_to_text

T = TypeVar("T")


class SqliteResources:
    """Implements ResourceStore, AppliedState and SealedValues. `database` is None for a store that is not there: it reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def stored(self) -> Sequence[StoredResource]:
        return self._stored("")

    def shown(self) -> Sequence[Present]:
        if self._database is None:
            return ()
        with translated(self._database.path), self._database.snapshot() as connection:
            rows = connection.execute("SELECT kind, external_id, spec, version, name FROM resource").fetchall()
        # By kind and name. SQLite would look up row by row in the order of an index, which takes three times as long.
        rows.sort(key=itemgetter(0, 4))
        return [Present(kind, external_id, from_text(spec), version, name) for kind, external_id, spec, version, name in rows]

    def stored_of(self, kind: str) -> Sequence[StoredResource]:
        return self._stored("WHERE kind = ?", kind)

    def _stored(self, condition: str, *values: str) -> Sequence[StoredResource]:
        if self._database is None:
            return ()
        with translated(self._database.path), self._database.snapshot() as connection:
            rows = connection.execute(
                f"SELECT external_id, kind, name, spec, version, token FROM resource {condition} ORDER BY kind, name", values
            )
            return [
                StoredResource(external_id=external_id, kind=kind, name=name, spec=from_text(spec), version=version, token=token)
                for external_id, kind, name, spec, version, token in rows
            ]

    def resources(self) -> Sequence[AppliedResource]:
        """Everything applied, in one consistent reading."""
        if self._database is None:
            return ()
        with translated(self._database.path), self._database.snapshot() as connection:
            rows = connection.execute("SELECT kind, name, external_id, spec, origins, token FROM resource ORDER BY kind, name")
            return [
                AppliedResource(
                    kind=kind,
                    name=name,
                    external_id=external_id,
                    spec=from_text(spec),
                    origins=words_from_text(origins),
                    written=token,
                )
                for kind, name, external_id, spec, origins, token in rows
            ]

    def sealed_value(self, external_id: str, path: str) -> bytes | None:
        if self._database is None:
            return None
        with translated(self._database.path), self._database.lent() as connection:
            row = connection.execute("SELECT value FROM sealed_value WHERE external_id = ? AND path = ?", (external_id, path)).fetchone()
        return None if row is None else bytes(row[0])

    def sealed_values(self) -> Mapping[tuple[str, str], bytes]:
        if self._database is None:
            return {}
        with translated(self._database.path):
            rows = self._database.reader().execute("SELECT external_id, path, value FROM sealed_value")
            return {(external_id, path): bytes(value) for external_id, path, value in rows}

    def holds_sealed_values(self) -> bool:
        """Whether anything is sealed, and with it whether a key is needed that exists already."""
        if self._database is None:
            return False
        with translated(self._database.path):
            return self._database.reader().execute("SELECT 1 FROM sealed_value LIMIT 1").fetchone() is not None

    def transact(self, work: Callable[[ResourceTransaction], T]) -> T:
        if self._database is None:
            raise PermissionError("the store was opened for reading only")
        return self._database.write(lambda connection: work(_Transaction(connection)))


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, external_id: str) -> StoredResource | None:
        return self._one("external_id = ?", (external_id,))

    def named(self, kind: str, name: str) -> StoredResource | None:
        return self._one("kind = ? AND name = ?", (kind, name))

    def _one(self, condition: str, values: tuple[str, ...]) -> StoredResource | None:
        found = self._connection.execute(
            f"SELECT external_id, kind, name, spec, version, token, origins FROM resource WHERE {condition}", values
        ).fetchone()
        if found is None:
            return None
        external_id, kind, name, spec, version, token, origins = found
        return StoredResource(
            external_id=external_id,
            kind=kind,
            name=name,
            spec=from_text(spec),
            version=version,
            token=token,
            origins=words_from_text(origins),
        )

    def put(self, row: StoredResource) -> None:
        # Not REPLACE: that deletes first, and takes the sealed values with it.
        self._connection.execute(
            "INSERT INTO resource (external_id, kind, name, spec, version, token, origins) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (external_id) DO UPDATE SET kind = excluded.kind, name = excluded.name, spec = excluded.spec,"
            " version = excluded.version, token = excluded.token, origins = excluded.origins",
            (row.external_id, row.kind, row.name, to_text(row.spec), row.version, row.token, words_to_text(row.origins)),
        )

    def remove(self, external_id: str) -> None:
        self._connection.execute("DELETE FROM resource WHERE external_id = ?", (external_id,))

    def seal(self, external_id: str, path: str, value: bytes | None) -> None:
        if value is None:
            self._connection.execute("DELETE FROM sealed_value WHERE external_id = ? AND path = ?", (external_id, path))
        else:
            self._connection.execute(
                "INSERT INTO sealed_value (external_id, path, value) VALUES (?, ?, ?)"
                " ON CONFLICT (external_id, path) DO UPDATE SET value = excluded.value",
                (external_id, path, value),
            )
