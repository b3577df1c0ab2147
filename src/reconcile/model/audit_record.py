"""The audit trail: one record, and which records are asked for."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Append-only: who did what, when, why, with what result. `detail` is JSON without any secret.

    `sequence` and `hash` are given by the store; `hash` is "" for a record that was written before the chain began.
    """

    at: str
    actor: str
    apply_id: str
    action: str
    key: str
    result: str
    source: str
    revision: str
    detail: str
    sequence: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which records: from `since` (included) to `until` (excluded), of an `actor`, with an `action`, whose key fits the glob `key`.

    None and "" ask for all. The glob knows `*`, `?` and `[…]` and tells upper from lower case.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    action: str = ""
    key: str = ""

    def takes(self, record: AuditRecord) -> bool:
        """Whether the record is asked for."""
        if self.actor and record.actor != self.actor:
            return False
        if self.action and record.action != self.action:
            return False
        if self.key and not fnmatchcase(record.key, self.key):
            return False
        if self.since is None and self.until is None:
            return True
        # As text they do not compare: fractions of a second are written only where there are any.
        at = datetime.fromisoformat(record.at)
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


EVERY_RECORD = AuditQuery()
