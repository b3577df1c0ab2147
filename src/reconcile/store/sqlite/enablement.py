"""Approvals, tests and what is enabled, in the environment's SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from reconcile.model import instant
from reconcile.model.audit_record import AuditRecord
from reconcile.model.enablement import Approval, Direction, Enablement, EnablementStep, Leg, TestStatus, advanced
from reconcile.store.sqlite.audit_trail import append
from reconcile.store.sqlite.database import Database, translated

_SELECT = "SELECT mailbox_id, approval, address, decided_by, decided_at FROM mailbox_enablement"
_LEGS = "SELECT mailbox_id, direction, enabled, status, step, why, hint, tested_at, tested_by, changed_at, by_failures FROM mailbox_leg"


class SqliteEnablements:
    """See `EnablementStore`. `database` is None for a store that is not there: it reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def enablements(self) -> Mapping[str, Enablement]:
        if self._database is None:
            return {}
        with translated(self._database.path), self._database.snapshot() as connection:
            return _read(connection, "")

    def advance(self, mailbox_id: str, step: EnablementStep, *, at: datetime, by: str, name: str) -> Enablement:
        if self._database is None:
            raise PermissionError("the store was opened for reading only")
        moment = instant.text(at)

        def work(connection: sqlite3.Connection) -> Enablement:
            before = _read(connection, mailbox_id).get(mailbox_id) or Enablement(mailbox_id=mailbox_id)
            after = advanced(before, step, at=moment, by=by)
            if after != before:
                _write(connection, after)
                append(connection, record_of(step, at=moment, by=by, name=name))
            return after

        return self._database.write(work)


def record_of(step: EnablementStep, *, at: str, by: str, name: str) -> AuditRecord:
    """What the audit trail says of a step."""
    fields = {field: getattr(step, field) for field in type(step).__dataclass_fields__}
    words = {field: str(value) if isinstance(value, Direction) else value for field, value in fields.items() if value != ""}
    action = {"TestEnded": "test"}.get(type(step).__name__, type(step).__name__.lower())
    return AuditRecord(
        at=at,
        actor=by,
        apply_id="",
        action=action,
        key=f"Mailbox/{name}",
        result="done",
        source="",
        revision="",
        detail=json.dumps(words, ensure_ascii=False, separators=(",", ":")),
    )


def _read(connection: sqlite3.Connection, mailbox_id: str) -> dict[str, Enablement]:
    condition, values = (" WHERE mailbox_id = ?", (mailbox_id,)) if mailbox_id else ("", ())
    found = {
        identity: Enablement(
            mailbox_id=identity, approval=Approval(approval), address=address, decided_by=decided_by, decided_at=decided_at
        )
        for identity, approval, address, decided_by, decided_at in connection.execute(_SELECT + condition, values)
    }
    for identity, direction, enabled, status, step, why, hint, tested_at, tested_by, changed_at, by_failures in connection.execute(
        _LEGS + condition, values
    ):
        leg = Leg(
            enabled=None if enabled is None else bool(enabled),
            status=TestStatus(status),
            step=step,
            why=why,
            hint=hint,
            tested_at=tested_at,
            tested_by=tested_by,
            changed_at=changed_at,
            by_failures=bool(by_failures),
        )
        before = found[identity]
        found[identity] = replace(before, incoming=leg) if direction == Direction.INCOMING else replace(before, outgoing=leg)
    return found


def _write(connection: sqlite3.Connection, after: Enablement) -> None:
    connection.execute(
        "INSERT INTO mailbox_enablement VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (mailbox_id) DO UPDATE SET"
        " approval = ?2, address = ?3, decided_by = ?4, decided_at = ?5",
        (after.mailbox_id, str(after.approval), after.address, after.decided_by, after.decided_at),
    )
    for direction in Direction:
        leg = after.leg(direction)
        connection.execute(
            "INSERT OR REPLACE INTO mailbox_leg VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                after.mailbox_id,
                str(direction),
                None if leg.enabled is None else int(leg.enabled),
                str(leg.status),
                leg.step,
                leg.why,
                leg.hint,
                leg.tested_at,
                leg.tested_by,
                leg.changed_at,
                int(leg.by_failures),
            ),
        )
