"""The audit trail for people, programs and spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from reconcile.model.audit_record import AuditRecord
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

CSV_HEADERS = (
    "number",
    "at (UTC)",
    "who",
    "what",
    "resource",
    "result",
    "field",
    "before",
    "after",
    "reason",
    "source",
    "revision",
    "apply",
)


def history_text(records: Sequence[AuditRecord], *, fit: int | None = None, empty: str = "nothing was applied yet") -> str:
    """A table, in the order given, as wide as the terminal (`fit`) where it can."""
    rows = [(_moment(record.at), record.actor, record.action, record.key, record.result, _words(record)) for record in records]
    return table(
        ("when (UTC)", "who", "what", "resource", "result", "detail"),
        rows,
        limits=(None, 24, None, 48, None, 80),
        fit=fit,
        empty=empty,
    )


def history_details(records: Sequence[AuditRecord], *, empty: str = "nothing was applied yet") -> str:
    """A line for each record and one for each of its fields, from what to what."""
    lines = []
    for record in records:
        head = f"{_moment(record.at)}  {record.actor}  {record.action}  {record.key}  {record.result}"
        lines.append(neutral(head))
        lines += [neutral(f"    {path}: {_shown(before)} → {_shown(after)}") for path, before, after in _fields(record)]
        reason = _reason(record)
        if reason:
            lines.append(f"    {neutral(reason)}")
    return "\n".join(lines) or empty


def history_csv(records: Sequence[AuditRecord]) -> Iterator[Sequence[object]]:
    """A row for each field of each record; a record without fields has one row."""
    for record in records:
        about = (record.sequence, record.at, record.actor, record.action, record.key, record.result)
        where = (_reason(record), record.source, record.revision, record.apply_id)
        for path, before, after in _fields(record) or [("", None, None)]:
            yield *about, path, _cell(before), _cell(after), *where


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
        "detail": _detail(record),
    }


def _moment(at: str) -> str:
    """To the second; `--output json` has it whole."""
    return at[:19].replace("T", " ")


def _detail(record: AuditRecord) -> dict[str, object]:
    """What is no JSON object was not written by us; it is shown as it is, and `audit verify` tells more."""
    try:
        detail = json.loads(record.detail)
    except ValueError:
        detail = None
    return detail if isinstance(detail, dict) else {"text": record.detail}


def _fields(record: AuditRecord) -> list[tuple[str, object, object]]:
    detail, found = _detail(record), list[tuple[str, object, object]]()
    for group in ("fields", "records"):
        fields = detail.get(group)
        if isinstance(fields, dict):
            found += [(path, *pair) for path, pair in fields.items() if isinstance(pair, list) and len(pair) == 2]
    if isinstance(detail.get("previous"), str):
        found.append(("metadata.name", detail["previous"], record.key))
    rotated = detail.get("rotated")
    if isinstance(rotated, list):
        found += [(str(path), "***", "*** (another value behind the reference)") for path in rotated]
    return found


def _reason(record: AuditRecord) -> str:
    detail = _detail(record)
    reason = detail.get("reason", detail.get("why"))
    return reason if isinstance(reason, str) else ""


def _words(record: AuditRecord) -> str:
    return _reason(record) or _approved(record) or ", ".join(path for path, _, _ in _fields(record))


def _approved(record: AuditRecord) -> str:
    """Who approved what a rule asked for, and what proves it."""
    given = _detail(record).get("given")
    return ", ".join(f"{one.get('name')} ({one.get('proof')})" for one in given if isinstance(one, dict)) if isinstance(given, list) else ""


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def _cell(value: object) -> object:
    return value if value is None or isinstance(value, (int, float, str)) else json.dumps(value, ensure_ascii=False)
