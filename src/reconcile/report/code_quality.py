"""Findings as GitLab shows them in a merge request: the Code Quality report (docs.gitlab.com, CI/CD, Code Quality, as of 2025)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconcile.model.finding import Finding, Severity
from reconcile.report.json_text import json_line
from reconcile.report.repository_path import in_repository
from reconcile.report.safe_text import neutral
from reconcile.report.sightings import Sightings

_WORDS = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFORMATION: "info"}


def code_quality(findings: Iterable[Finding], *, prefix: str = "") -> Iterator[str]:
    """One JSON array in pieces, an entry each. Accepted findings are left out: the format has no word for them."""
    seen = Sightings()
    yield "["
    between = "\n"
    for finding in findings:
        if not finding.counts:
            continue
        entry = {
            "description": neutral(finding.message),
            "check_name": finding.rule,
            "fingerprint": seen.mark(finding),
            "severity": _WORDS[finding.severity],
            "location": {"path": in_repository(finding.position.file, prefix), "lines": {"begin": finding.position.line}},
        }
        yield between + json_line(entry)
        between = ",\n"
    yield "\n]\n"
