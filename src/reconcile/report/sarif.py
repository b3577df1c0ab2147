"""Findings in SARIF 2.1.0 (OASIS, errata 01), within what GitHub code scanning takes.

GitHub refuses a file with more than 25,000 results or rules a run, 1,000 locations a result, 20 tags a rule, or 10 MB when compressed
(docs.github.com, SARIF support for code scanning, as of 2025). Where there is more, the worst findings are kept and the report says how
many are missing.
Results are written one by one; what is compressed is counted and thrown away.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

from reconcile.model.finding import Finding, Severity
from reconcile.model.fingerprint import fingerprint
from reconcile.model.position import Position
from reconcile.report.findings_text import accepted_by
from reconcile.report.fix_text import Offer
from reconcile.report.json_text import json_line
from reconcile.report.repository_path import in_repository, relative_uri
from reconcile.report.rule_facts import Facts, RuleFacts, facts_about
from reconcile.report.safe_text import cut, neutral
from reconcile.report.sightings import Sightings

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_RESULTS = 25_000
#: Octets after gzip; GitHub takes 10 MB, and another level of compression may need a little more than ours.
MOST_COMPRESSED = 9_000_000
_MOST_LOCATIONS = 100
_MOST_TAGS = 10
_LONGEST = 2000
_NO_OFFERS: Mapping[Finding, Offer] = {}
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "note"}


def sarif(
    findings: Iterable[Finding],
    known: Facts,
    *,
    version: str,
    prefix: str = "",
    old: frozenset[str] | None = None,
    docs_url: str = "",
    offers: Mapping[Finding, Offer] = _NO_OFFERS,
    most_results: int = MOST_RESULTS,
    most_compressed: int = MOST_COMPRESSED,
) -> Iterator[str]:
    """One document in pieces, a result each.

    `prefix` is the estate's folder inside the repository, `old` are marks (`Sightings`) of findings that the base has too, `docs_url` is
    where the folder `docs` of this project can be read.
    """
    listed = sorted(findings, key=lambda finding: (not finding.counts, -finding.severity))  # stable: places keep their order
    kept = listed[:most_results]
    numbers = {rule: number for number, rule in enumerate(sorted({finding.rule for finding in kept}))}
    weights = {finding.rule: finding.severity for finding in reversed(kept)}
    rules = [_rule(facts_about(rule, weights[rule], known), docs_url) for rule in numbers]
    compressed = _Compressed()
    driver = {"name": "reconcile", "version": version, "semanticVersion": version, "rules": rules}
    head = json_line({"driver": driver})
    yield compressed.count(
        f'{{"$schema":"{SCHEMA}","version":"2.1.0","runs":[{{"tool":{head},"columnKind":"unicodeCodePoints",'
        f'"automationDetails":{{"id":"reconcile/"}},"results":['
    )
    seen = Sightings()
    written = 0
    for finding in kept:
        mark = seen.mark(finding)
        text = json_line(_result(finding, mark, numbers[finding.rule], prefix, old, offers.get(finding)))
        if compressed.full(most_compressed):
            break
        yield compressed.count(text if not written else f",\n{text}")
        written += 1
    left = len(listed) - written
    yield f'],"invocations":[{json_line(_invocation(left, len(listed)))}]}}]}}\n'


def _rule(rule: RuleFacts, docs_url: str) -> Mapping[str, object]:
    text = "\n\n".join(part for part in (rule.why.strip(), rule.remedy.strip(), *(f"Source: {source}" for source in rule.sources)) if part)
    entry: dict[str, object] = {
        "id": rule.id,
        "shortDescription": {"text": _shown(rule.title)},
        "fullDescription": {"text": _shown(rule.why or rule.title)},
        "help": {"text": _shown(text or rule.title)},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [*rule.tags[:_MOST_TAGS]], "problem.severity": _PROBLEMS[rule.severity]},
    }
    if docs_url and rule.page:
        entry["helpUri"] = f"{docs_url.rstrip('/')}/{relative_uri(rule.page.removeprefix('docs/'))}"
    elif rule.url:
        entry["helpUri"] = rule.url
    return entry


_PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "recommendation"}


def _result(finding: Finding, mark: str, number: int, prefix: str, old: frozenset[str] | None, offer: Offer | None) -> Mapping[str, object]:
    message = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    location: dict[str, object] = {"physicalLocation": _physical(finding.position, prefix)}
    if finding.resource is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": str(finding.resource), "kind": "object"}]
    entry: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": _plain(message)},
        "locations": [location],
        # The name that GitHub knows, and one of ours for everybody else.
        "partialFingerprints": {"primaryLocationLineHash": mark, "reconcile/v1": fingerprint(finding)},
    }
    if finding.related:
        related = finding.related[: _MOST_LOCATIONS - 1]
        entry["relatedLocations"] = [
            {"id": place, "physicalLocation": _physical(one, prefix), "message": {"text": "see also"}}
            for place, one in enumerate(related, 1)
        ]
    if finding.accepted is not None:
        entry["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": f"accepted by {accepted_by(finding.accepted)}"}
        ]
    if old is not None:
        entry["baselineState"] = "unchanged" if mark in old else "new"
    if offer is not None and offer.replacements:
        entry["fixes"] = [_fix(offer, prefix)]
    if (properties := _properties(finding)) is not None:
        entry["properties"] = properties
    return entry


def _fix(offer: Offer, prefix: str) -> Mapping[str, object]:
    files: dict[str, list[Mapping[str, object]]] = {}
    for one in offer.replacements:
        region = {"startLine": one.line, "startColumn": one.column, "endLine": one.end_line, "endColumn": one.end_column}
        files.setdefault(one.file, []).append({"deletedRegion": region, "insertedContent": {"text": one.text}})
    changes = [
        {"artifactLocation": {"uri": relative_uri(in_repository(file, prefix))}, "replacements": replacements}
        for file, replacements in files.items()
    ]
    return {"description": {"text": _plain(offer.words)}, "artifactChanges": changes}


def _properties(finding: Finding) -> Mapping[str, object] | None:
    said: dict[str, object] = {}
    if finding.path:
        said["path"] = _shown(finding.path)
    if finding.cause is not None:
        said["cause"] = str(finding.cause)
    if finding.values:
        said["values"] = {name: _shown(text) for name, text in finding.values}
    return said or None


def _physical(position: Position, prefix: str) -> Mapping[str, object]:
    region: dict[str, int] = {"startLine": position.line, "startColumn": position.column}
    if position.end_column is not None and position.end_column > position.column:
        region["endColumn"] = position.end_column
    return {"artifactLocation": {"uri": relative_uri(in_repository(position.file, prefix))}, "region": region}


def _invocation(left: int, found: int) -> Mapping[str, object]:
    if left <= 0:
        return {"executionSuccessful": True}
    words = f"{left:,} of {found:,} findings are left out, the least severe ones: code scanning takes no more. reconcile lint shows all."
    return {"executionSuccessful": True, "toolExecutionNotifications": [{"level": "warning", "message": {"text": words}}]}


def _shown(text: str) -> str:
    return cut(neutral(text, keep_lines=True), _LONGEST)


def _plain(text: str) -> str:
    """A message is a format string, and may hold links (SARIF 2.1.0, 3.11.5 and 3.11.6): no data of ours is either."""
    return _shown(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


class _Compressed:
    """How long what was written would be after gzip."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(6)
        self._octets = 0

    def count(self, text: str) -> str:
        self._octets += len(self._zlib.compress(text.encode("utf-8", "surrogatepass")))
        return text

    def full(self, most: int) -> bool:
        return self._octets >= most
