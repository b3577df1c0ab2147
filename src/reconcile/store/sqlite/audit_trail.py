"""The audit trail in SQLite: written in the transaction of what it tells of, each record with its link of the hash chain."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from reconcile.model.audit_chain import ORIGIN, Anchor, link
from reconcile.model.audit_record import AuditRecord

_TEXTS = ("at", "actor", "apply_id", "action", "key", "result", "source", "revision", "detail", "hash")
_COLUMNS = ", ".join((*_TEXTS, "sequence"))


def append(connection: sqlite3.Connection, record: AuditRecord) -> None:
    """Add `record` with the next number; call it inside the transaction of what it tells of."""
    found = anchor(connection) or _before_the_chain(connection)
    record = replace(record, sequence=found.sequence + 1)
    record = replace(record, hash=link(found.hash, record))
    connection.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.at,
            record.actor,
            record.apply_id,
            record.action,
            record.key,
            record.result,
            record.source,
            record.revision,
            record.detail,
            record.hash,
            record.sequence,
        ),
    )
    connection.execute("INSERT OR REPLACE INTO audit_anchor (id, sequence, hash) VALUES (1, ?, ?)", (record.sequence, record.hash))


def anchor(connection: sqlite3.Connection) -> Anchor | None:
    """Where the chain ends; None before the first link."""
    row = connection.execute("SELECT sequence, hash FROM audit_anchor").fetchone()
    return None if row is None else Anchor(sequence=row[0], hash=row[1])


def _before_the_chain(connection: sqlite3.Connection) -> Anchor:
    """The first link covers everything that was recorded before there was a chain."""
    found = Anchor(sequence=0, hash=ORIGIN)
    for record in records(connection):
        found = Anchor(sequence=record.sequence, hash=link(found.hash, record))
    return found


def records(connection: sqlite3.Connection, *, newest_first: bool = False) -> Iterator[AuditRecord]:
    """The whole trail, row by row."""
    order = "DESC" if newest_first else "ASC"
    for row in connection.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY sequence {order}"):
        yield _record(row)


def _record(row: sqlite3.Row) -> AuditRecord:
    # What is not text was not written by us; as text it is shown, and does not fit its hash.
    at, actor, apply_id, action, key, result, source, revision, detail, hash_ = (str(row[name]) for name in _TEXTS)
    return AuditRecord(
        at=at,
        actor=actor,
        apply_id=apply_id,
        action=action,
        key=key,
        result=result,
        source=source,
        revision=revision,
        detail=detail,
        sequence=row["sequence"],
        hash=hash_,
    )
