"""The audit trail for people and programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from reconcile.report.table import table


class Record(Protocol):
    """What is printed of an audit record (`ports.configuration_store.AuditRecord` is one)."""

    @property
    def sequence(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def apply_id(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def result(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def detail(self) -> str: ...


def history_text(records: Sequence[Record], *, fit: int | None = None) -> str:
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


def _words(record: Record) -> str:
    detail = json.loads(record.detail)
    if "reason" in detail:
        return str(detail["reason"])
    fields = detail.get("fields")
    return ", ".join(fields) if isinstance(fields, dict) else ""


def history_json(record: Record) -> dict[str, object]:
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
