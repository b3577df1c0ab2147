"""Sealed values in SQLite, to be counted and sealed anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from reconcile.ports.sealed_records import Reseal, SealedRecord
from reconcile.store.sqlite.database import Database, translated

_PAGE = 500
#: The inventory knows by its path where a value came from, and its digest. Its primary key finds the row.
_RECORDS = (
    "SELECT sealed.external_id, sealed.path, sealed.value, resource.kind, resource.name,"
    " coalesce(json_extract(inventory.applied, '$.\"' || sealed.path || '.ref\"'), '') AS reference,"
    " coalesce(json_extract(inventory.secrets, '$.\"' || sealed.path || '\"'), '') AS digest"
    " FROM sealed_value AS sealed JOIN resource ON resource.external_id = sealed.external_id"
    " LEFT JOIN inventory ON inventory.kind = resource.kind AND inventory.name = resource.name"
    " AND inventory.external_id = resource.external_id"
    " WHERE (sealed.external_id, sealed.path) > (?, ?) ORDER BY sealed.external_id, sealed.path LIMIT ?"
)


class SqliteSealedRecords:
    """See `SealedRecords`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self) -> Iterator[SealedRecord]:
        after = ("", "")
        while True:
            with translated(self._database.path):
                rows = self._database.reader().execute(_RECORDS, (*after, _PAGE)).fetchall()
            for row in rows:
                yield SealedRecord(
                    external_id=row["external_id"],
                    path=row["path"],
                    value=bytes(row["value"]),
                    kind=row["kind"],
                    name=row["name"],
                    reference=row["reference"],
                    digest=row["digest"],
                )
            if len(rows) < _PAGE:
                return
            after = (rows[-1]["external_id"], rows[-1]["path"])

    def reseal(self, changes: Sequence[Reseal]) -> int:
        return self._database.write(lambda connection: sum(_resealed(connection, change) for change in changes))


def _resealed(connection: sqlite3.Connection, change: Reseal) -> int:
    before = change.before
    done = connection.execute(
        "UPDATE sealed_value SET value = ? WHERE external_id = ? AND path = ? AND value = ?",
        (change.value, before.external_id, before.path, before.value),
    ).rowcount
    if done and change.digest != before.digest:
        place = f'$."{before.path}"'
        connection.execute(
            "UPDATE inventory SET secrets = json_set(secrets, ?, ?) WHERE kind = ? AND name = ? AND json_extract(secrets, ?) = ?",
            (place, change.digest, before.kind, before.name, place, before.digest),
        )
    return done
