"""Findings for programs. `formatVersion` rises in its second number when fields are added, in its first when they change."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position

FORMAT_VERSION = "1.0"


def findings_json(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """A list in the order given; absent things are left out."""
    return [_finding(finding) for finding in findings]


def counts_json(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each severity; all severities are named."""
    listed = [*findings]
    return {str(severity): sum(finding.severity is severity for finding in listed) for severity in reversed(Severity)}


def _finding(finding: Finding) -> dict[str, object]:
    entry: dict[str, object] = {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": finding.message,
        **position_json(finding.position),
    }
    if finding.hint:
        entry["hint"] = finding.hint
    if finding.path:
        entry["path"] = finding.path
    if finding.resource is not None:
        entry["resource"] = str(finding.resource)
    if finding.related:
        entry["related"] = [position_json(related) for related in finding.related]
    return entry


def position_json(position: Position) -> dict[str, object]:
    """File, line, column (from 1), and endColumn where it is known."""
    entry: dict[str, object] = {"file": position.file, "line": position.line, "column": position.column}
    if position.end_column is not None:
        entry["endColumn"] = position.end_column
    return entry
