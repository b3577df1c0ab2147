"""Writing down in an environment's audit trail what was done to its store as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from reconcile.model.audit_record import AuditRecord
    from reconcile.store.sqlite.database import Database


def audit_record(*, actor: str, action: str, key: str, detail: Mapping[str, object]) -> AuditRecord:
    """A record of something that was done just now. `detail` holds counts and names, never contents."""
    import json

    from reconcile.model import instant
    from reconcile.model.audit_record import AuditRecord

    return AuditRecord(
        at=instant.text(SystemClock().now()),
        actor=actor,
        apply_id="",
        action=action,
        key=key,
        result="done",
        source="",
        revision="",
        detail=json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
    )


def record(database: Database, *, actor: str, action: str, key: str, detail: Mapping[str, object]) -> None:
    """Append it to the trail of `database`; durable when it returns."""
    from reconcile.store.sqlite.audit_trail import append

    written = audit_record(actor=actor, action=action, key=key, detail=detail)
    database.write(lambda connection: append(connection, written))
