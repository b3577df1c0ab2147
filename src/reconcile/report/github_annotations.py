"""Findings as workflow commands, which GitHub shows at the lines of a pull request.

GitHub takes ten of each type a step and drops the rest silently (actions/toolkit, Problem matchers, Limitations). So the worst come
first, findings of one cause are one annotation, and the tenth says how many more there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconcile.model.finding import Finding, Severity
from reconcile.report.finding_groups import Group, PlaceOf, grouped, kinds_of, nowhere, worst_first
from reconcile.report.repository_path import in_repository
from reconcile.report.safe_text import cut, neutral

#: Annotations of one type in one step.
MOST = 10
_LONGEST = 2000
_TYPES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "notice"}


def github_annotations(findings: Iterable[Finding], *, prefix: str = "", place_of: PlaceOf = nowhere) -> Iterator[str]:
    """One line each, with its line break. Accepted findings are left out."""
    groups = worst_first(grouped((finding for finding in findings if finding.counts), place_of))
    for severity, kind in _TYPES.items():
        wanted = [group for group in groups if group.first.severity is severity]
        shown = wanted if len(wanted) <= MOST else wanted[: MOST - 1]
        yield from (_annotation(kind, group, prefix) for group in shown)
        if len(shown) < len(wanted):
            yield _rest(kind, wanted[len(shown) :])


def _annotation(kind: str, group: Group, prefix: str) -> str:
    finding, position = group.first, group.position
    properties = {"file": in_repository(position.file, prefix), "line": str(position.line), "endLine": str(position.line)}
    properties["col"] = str(position.column)
    if position.end_column is not None:
        # The last column, where ours is the one after it.
        properties["endColumn"] = str(max(position.column, position.end_column - 1))
    properties["title"] = finding.rule
    lines = [finding.message]
    if group.others:
        lines.append(f"{kinds_of(group.findings)} for this reason")
    if finding.hint:
        lines.append(f"help: {finding.hint}")
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {said}::{_data(chr(10).join(lines))}\n"


def _rest(kind: str, groups: Sequence[Group]) -> str:
    findings = sum(len(group.findings) for group in groups)
    rules = list(dict.fromkeys(group.first.rule for group in groups))
    named = ", ".join(rules[:5]) + (f" and {len(rules) - 5:,} more rules" if len(rules) > 5 else "")
    return f"::{kind} title=reconcile::{_data(f'{findings:,} more: {named}. GitHub shows {MOST} of a kind; the report has all of them.')}\n"


def _data(text: str) -> str:
    shown = cut(neutral(text, keep_lines=True), _LONGEST)
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
