"""The audit trail for people and programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reconcile.model.audit_record import AuditRecord
from reconcile.report.table import table


def history_text(records: Sequence[AuditRecord], *, fit: int | None = None) -> str:
    """A table, in the order given, as wide as the terminal (`fit`) where it can."""
    rows = [(_moment(record.at), record.actor, record.action, record.key, record.result, _words(record)) for record in records]
    return table(
        ("when (UTC)", "who", "what", "resource", "result", "detail"),
        rows,
        limits=(None, 24, None, 48, None, 80),
        fit=fit,
        empty="nothing was applied yet",
    )


def _moment(at: str) -> str:
    """To the second; `--output json` has it whole."""
    return at[:19].replace("T", " ")


def _words(record: AuditRecord) -> str:
    detail = json.loads(record.detail)
    if "reason" in detail:
        return str(detail["reason"])
    fields = detail.get("fields")
    return ", ".join(fields) if isinstance(fields, dict) else ""


def history_json(record: AuditRecord) -> dict[str, object]:
    """One record as a document."""
    return {
        "sequence": record.sequence,
        "at": record.at,
        "actor": record.actor,
        "applyId": record.apply_id,
        "action": record.action,
        "key": record.key,
        "result": record.result,
        "source": record.source,
        "revision": record.revision,
        "detail": json.loads(record.detail),
    }
