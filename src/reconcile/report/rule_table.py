"""Rules as a list: what they weigh in an environment and why, what they look at, whether they are on, and where they come from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Severity
from reconcile.model.instant import day
from reconcile.model.key import Key
from reconcile.policy.rule import Rule
from reconcile.report.table import table


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRule:
    """`own` is the rule as its author wrote it, `now` as the environment has it. `source` is the file of an estate's rule, "reconcile" for
    one that comes with it. `set_by` says which document set what."""

    own: Rule
    now: Rule
    source: str
    set_by: Mapping[str, Key]
    reason: str = ""

    def severity(self, today: datetime) -> Severity:
        """What its findings weigh at the moment."""
        return self.now.severity_at(today)

    def why(self, today: datetime) -> str:
        """What makes the severity another than the author's; "" where nothing does."""
        if (giver := self.set_by.get("severity")) is not None:
            return f"set by {giver}"
        begun = [start for start, _ in self.now.escalations if start <= today]
        return f"since {day(max(begun))}" if begun else ""

    def standing(self, today: datetime) -> str:
        """on, or why it is off."""
        if not self.now.enabled:
            giver = self.set_by.get("enabled")
            return f"off ({giver})" if giver is not None else "off"
        if self.now.valid_from is not None and today < self.now.valid_from:
            return f"from {day(self.now.valid_from)}"
        if self.now.valid_until is not None and today >= self.now.valid_until:
            return f"until {day(self.now.valid_until)}"
        return "on"


def rule_table(rules: Sequence[ListedRule], *, today: datetime, fit: int | None) -> str:
    """A line for each rule. In a terminal what the author wrote has a column only where some rule weighs something else now; a pipe has
    always the same columns."""
    rows: list[tuple[str, ...]] = []
    differs = fit is None or any(one.own.severity is not one.severity(today) for one in rules)
    for one in rules:
        why = one.why(today)
        weighs = str(one.severity(today)) + (f" ({why})" if why else "")
        tags = ", ".join(one.now.tags)
        written = (str(one.own.severity),) if differs else ()
        rows.append((one.now.id, *written, weighs, one.now.subject, tags, one.standing(today), one.source))
    headers = ["rule", *(["severity"] if differs else []), "weighs now", "looks at", "tags", "state", "source"]
    limits = [None, *([None] if differs else []), 40, None, 40, 40, 40]
    return table(headers, rows, limits=limits, fit=fit, empty="no rule fits")


def rule_json(one: ListedRule, *, today: datetime) -> dict[str, Any]:
    """One rule for programs."""
    now = one.now
    document: dict[str, Any] = {
        "rule": now.id,
        "title": now.title,
        "severity": str(one.own.severity),
        "effectiveSeverity": str(one.severity(today)),
        "on": now.holds(today),
        "enabled": now.enabled,
        "subject": now.subject,
        "tags": [*now.tags],
        "waivable": now.waivable,
        "source": one.source,
        "parameters": {name.removeprefix("params."): value for name, value in sorted(now.parameters.items())},
    }
    if now.valid_from is not None:
        document["validFrom"] = now.valid_from.isoformat()
    if now.valid_until is not None:
        document["validUntil"] = now.valid_until.isoformat()
    if one.set_by:
        document["setBy"] = {what: str(key) for what, key in sorted(one.set_by.items())}
    if one.reason:
        document["reason"] = one.reason
    return document
