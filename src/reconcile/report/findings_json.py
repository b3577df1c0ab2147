"""Findings for programs. `formatVersion` rises in its second number when fields are added, in its first when they change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconcile.model import instant
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.fingerprint import fingerprint
from reconcile.model.position import Position
from reconcile.report.fix_text import Offer, offer_json
from reconcile.report.json_text import json_line
from reconcile.report.rule_facts import Facts, facts

#: 1.1: cause, values, accepted, fingerprint, title and docs of a finding; accepted among the counts, which no longer has them elsewhere.
FORMAT_VERSION = "1.1"
_NO_OFFERS: Mapping[Finding, Offer] = {}


def findings_json(
    findings: Iterable[Finding], known: Facts | None = None, offers: Mapping[Finding, Offer] = _NO_OFFERS
) -> list[dict[str, object]]:
    """A list in the order given; absent things are left out. `known` describes the rules, `offers` say how findings may be mended."""
    described = facts() if known is None else known
    return [finding_json(finding, described, offers.get(finding)) for finding in findings]


def findings_document(
    head: Mapping[str, object], findings: Iterable[Finding], known: Facts, offers: Mapping[Finding, Offer] = _NO_OFFERS
) -> Iterator[str]:
    """`head` with `findings` as its last member, in pieces, a finding each: a hundred thousand are never all in memory as text."""
    yield json_line(head)[:-1] + ',"findings":['
    between = "\n"
    for finding in findings:
        yield between + json_line(finding_json(finding, known, offers.get(finding)))
        between = ",\n"
    yield "]}\n"


def counts_json(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each severity count, and how many findings are accepted; all are named."""
    listed = [*findings]
    counting = [finding.severity for finding in listed if finding.counts]
    return {**{str(one): counting.count(one) for one in reversed(Severity)}, "accepted": len(listed) - len(counting)}


def finding_json(finding: Finding, known: Facts, offer: Offer | None = None) -> dict[str, object]:
    """One finding."""
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
    if finding.cause is not None:
        entry["cause"] = str(finding.cause)
    if finding.values:
        entry["values"] = dict(finding.values)
    if finding.accepted is not None:
        entry["accepted"] = accepted_json(finding.accepted)
    entry["fingerprint"] = fingerprint(finding)
    if offer is not None:
        entry["fix" if offer.replacements else "suggestion"] = offer_json(offer)
    if (rule := known.get(finding.rule)) is not None:
        entry["title"] = rule.title
        if rule.page:
            entry["docs"] = rule.page
    return entry


def accepted_json(accepted: Accepted) -> dict[str, str]:
    """Who accepts a finding, and until when."""
    entry: dict[str, str] = {"by": accepted.by}
    if accepted.name:
        entry["name"] = accepted.name
    if accepted.until is not None:
        entry["until"] = instant.text(accepted.until)
    return entry


def position_json(position: Position) -> dict[str, object]:
    """File, line, column (from 1), and endColumn where it is known."""
    entry: dict[str, object] = {"file": position.file, "line": position.line, "column": position.column}
    if position.end_column is not None:
        entry["endColumn"] = position.end_column
    return entry
