"""Figures and judgement of a plan as JSON documents: the writing half."""

from __future__ import annotations

from reconcile.model import instant
from reconcile.model.figures import Figures
from reconcile.model.finding import Accepted, Finding
from reconcile.model.judgement import Asked, Judgement
from reconcile.model.position import Position


def figures_document(figures: Figures) -> dict[str, object]:
    """What the changes come to."""
    return {
        "ours": dict(figures.ours),
        "disabled": [str(key) for key in figures.disabled],
        "reprofiled": [str(key) for key in figures.reprofiled],
        "floorsMovedBack": [str(key) for key in figures.floors_moved_back],
        "otherAccounts": [str(key) for key in figures.other_accounts],
        "usedBy": dict(figures.used_by),
    }


def judgement_document(judgement: Judgement) -> dict[str, object]:
    """What the rules say; `stops` counts the findings that keep the plan from being applied."""
    return {
        "failOn": str(judgement.fail_on) if judgement.fail_on is not None else "never",
        "stops": len(judgement.stops),
        "commit": judgement.commit,
        "findings": [_finding(finding) for finding in judgement.findings],
        "asked": [_asked(one) for one in judgement.asked],
    }


def place(position: Position) -> dict[str, object]:
    """File, line and columns."""
    return {"file": position.file, "line": position.line, "column": position.column, "endColumn": position.end_column}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": finding.message,
        "hint": finding.hint,
        "position": place(finding.position),
        "path": finding.path,
        "resource": None if finding.resource is None else str(finding.resource),
        "related": [place(position) for position in finding.related],
        "cause": None if finding.cause is None else str(finding.cause),
        "values": [[name, text] for name, text in finding.values],
        "accepted": None if finding.accepted is None else _accepted(finding.accepted),
    }


def _accepted(accepted: Accepted) -> dict[str, object]:
    return {"by": accepted.by, "name": accepted.name, "until": None if accepted.until is None else instant.text(accepted.until)}


def _asked(one: Asked) -> dict[str, object]:
    return {
        "rule": one.rule,
        "of": list(one.names),
        "minimum": one.minimum,
        "granted": one.granted,
        "given": [{"name": by.name, "how": by.how} for by in one.given],
        "missing": [{"name": by.name, "why": by.why} for by in one.missing],
    }
