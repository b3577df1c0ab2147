"""Findings as JUnit XML, which most CI systems show: a test suite a file, a test case a finding.

A finding that fails the gate is a failure, one below it passes and is told in its output, an accepted one is skipped. There is no
standard; this is the common part of what Jenkins, GitLab and Azure DevOps read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from reconcile.model.finding import Finding, Severity
from reconcile.report.findings_text import accepted_by
from reconcile.report.repository_path import in_repository
from reconcile.report.safe_text import neutral


def junit(findings: Iterable[Finding], *, fail_on: Severity | None, prefix: str = "") -> Iterator[str]:
    """One document in pieces, a test case each. `findings` are in the order of their files; `fail_on` None: nothing fails."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="reconcile">\n'
    empty = True
    for file, several in groupby(findings, key=lambda finding: finding.position.file):
        empty = False
        yield from _suite(in_repository(file, prefix), [*several], fail_on)
    if empty:
        # Without any case, some readers take the report for a broken one.
        yield '  <testsuite name="reconcile" tests="1" failures="0" skipped="0">\n'
        yield '    <testcase classname="reconcile" name="no findings"/>\n  </testsuite>\n'
    yield "</testsuites>\n"


def _suite(file: str, findings: Sequence[Finding], fail_on: Severity | None) -> Iterator[str]:
    failures = sum(_fails(finding, fail_on) for finding in findings)
    skipped = sum(not finding.counts for finding in findings)
    yield f'  <testsuite name={_attribute(file)} tests="{len(findings)}" failures="{failures}" skipped="{skipped}">\n'
    for finding in findings:
        yield _case(file, finding, fail_on)
    yield "  </testsuite>\n"


def _case(file: str, finding: Finding, fail_on: Severity | None) -> str:
    about = finding.resource if finding.resource is not None else file
    name = f"{finding.rule}: {about}{f' {finding.path}' if finding.path else ''} (line {finding.position.line})"
    start = f"    <testcase classname={_attribute(finding.rule)} name={_attribute(name)} file={_attribute(file)}"
    start += f' line="{finding.position.line}">'
    place = f"{file}:{finding.position.line}:{finding.position.column}"
    said = "\n".join(_text(part) for part in (place, finding.message, finding.hint) if part)
    if finding.accepted is not None:
        inner = f"<skipped message={_attribute(f'accepted by {accepted_by(finding.accepted)}: {finding.message}')}/>"
    elif _fails(finding, fail_on):
        inner = f'<failure type="{finding.severity}" message={_attribute(finding.message)}>{said}</failure>'
    else:
        inner = f"<system-out>{finding.severity}: {said}</system-out>"
    return f"{start}{inner}</testcase>\n"


def _fails(finding: Finding, fail_on: Severity | None) -> bool:
    return finding.counts and fail_on is not None and finding.severity >= fail_on


def _attribute(text: str) -> str:
    """XML 1.0 has no way to write most control characters and half surrogates: they are shown as escapes."""
    return quoteattr(neutral(text))


def _text(text: str) -> str:
    return escape(neutral(text))
