"""What a look at the whole audit trail found, and its records one by one, for people and programs."""

from __future__ import annotations

from reconcile.model.audit_chain import Verified
from reconcile.model.audit_record import AuditRecord
from reconcile.report.counted import counted
from reconcile.report.history import history_json
from reconcile.report.json_text import json_text


def verified_text(found: Verified) -> str:
    """Two or three lines: what was found, and the hash to keep."""
    if found.broken:
        well = f"{counted(found.records, 'record')} before it as written" if found.sequence > found.records else ""
        return f"the audit trail is not as it was written: {found.broken}" + (f"\n{well}" if well else "")
    lines = [f"{counted(found.records, 'record')}, all as written"]
    if found.before_chain:
        lines[0] += f"; {found.before_chain} of them from before the chain, as they were when it began"
    if found.since_expected is not None:
        lines.append(f"the expected hash is that of record {found.sequence - found.since_expected}; {found.since_expected} came since")
    if found.head:
        lines.append(head_text(found.sequence, found.head))
    return "\n".join(lines)


def head_text(sequence: int, head: str) -> str:
    """The line to keep elsewhere."""
    return f"audit trail: {sequence} {head}"


def verified_json(environment: str, found: Verified) -> dict[str, object]:
    """The same as a document, without format version and exit."""
    return {
        "environment": environment,
        "intact": not found.broken,
        "records": found.records,
        "beforeChain": found.before_chain,
        "head": {"sequence": found.sequence, "hash": found.head} if found.head and not found.broken else None,
        "sinceExpected": found.since_expected,
        "broken": {"sequence": found.sequence, "reason": found.broken} if found.broken else None,
    }


def record_line(record: AuditRecord) -> str:
    """One record as one line of JSON: all that its link covers, and the link. `detail` stays the text that was hashed."""
    return json_text({**history_json(record), "detail": record.detail, "hash": record.hash})
