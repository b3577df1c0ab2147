"""Findings that were there when the rules came: known, shown, and not counted, so that the gate stops new ones. Pure.

A baseline can only shrink: it is made once, and from then on an update keeps those of its entries that are still found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Any, Final

import orjson

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.fingerprint import fingerprint
from reconcile.model.position import Position

FORMAT_VERSION: Final = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One accepted finding, with the words that tell a person which. `count`: as many findings have this fingerprint."""

    rule: str
    about: str
    path: str
    severity: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """Fingerprint → entry."""

    entries: Mapping[str, Entry] = field(default_factory=dict)


def made_from(findings: Iterable[Finding]) -> Baseline:
    """Every finding of a rule that counts. Findings of built-in checks (syntax, schema, secrets …) cannot be put into a baseline."""
    entries: dict[str, Entry] = {}
    for finding in findings:
        if not may_be_kept(finding) or not finding.counts:
            continue
        mark = fingerprint(finding)
        before = entries.get(mark)
        about = str(finding.resource) if finding.resource is not None else finding.position.file
        severity = str(finding.severity)
        entries[mark] = Entry(
            rule=finding.rule,
            about=about,
            path=finding.path,
            severity=severity if before is None else max(severity, before.severity, key=_RANK.__getitem__),
            count=1 if before is None else before.count + 1,
        )
    return Baseline(entries)


def may_be_kept(finding: Finding) -> bool:
    """Whether it is a finding of a rule."""
    return "/" not in finding.rule


def accept(baseline: Baseline, findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those marked that the baseline knows. More of one fingerprint than it knows count; so does one that grew worse."""
    left = Counter({mark: entry.count for mark, entry in baseline.entries.items()})
    marked = []
    for finding in findings:
        mark = fingerprint(finding) if finding.counts and may_be_kept(finding) else ""
        if left[mark] > 0 and _RANK[str(finding.severity)] <= _RANK[baseline.entries[mark].severity]:
            left[mark] -= 1
            finding = replace(finding, accepted=Accepted(by="baseline"))
        marked.append(finding)
    return marked


_RANK: Final[Mapping[str, int]] = {"information": 1, "warning": 2, "error": 3}


def shrunk(baseline: Baseline, findings: Iterable[Finding]) -> Baseline:
    """What is left of it: entries that are still found, with no larger number and no heavier severity than before."""
    found = made_from(
        replace(finding, accepted=None) for finding in findings if finding.accepted is None or finding.accepted.by == "baseline"
    )
    kept: dict[str, Entry] = {}
    for mark, entry in baseline.entries.items():
        now = found.entries.get(mark)
        if now is not None:
            severity = min(entry.severity, now.severity, key=_RANK.__getitem__)
            kept[mark] = replace(entry, count=min(entry.count, now.count), severity=severity)
    return Baseline(kept)


def grows(before: Baseline, after: Baseline) -> list[str]:
    """What the second accepts and the first does not, in words: nothing when it only shrank."""
    grown = []
    for mark, entry in sorted(after.entries.items(), key=lambda item: (item[1].about, item[1].rule, item[1].path)):
        known = before.entries.get(mark)
        if known is None or entry.count > known.count or _RANK[entry.severity] > _RANK[known.severity]:
            grown.append(f"{entry.rule} on {entry.about}" + (f" at {entry.path}" if entry.path else ""))
    return grown


def growth(before: Baseline | None, after: Baseline | None, *, file: str) -> list[Finding]:
    """What a change makes the baseline accept that its base does not, as findings. A first baseline is no growth: it is an edit that
    somebody approves."""
    if before is None or after is None:
        return []
    return [
        Finding(
            rule="baseline/grows",
            severity=Severity.ERROR,
            message=f"the baseline accepts what it did not accept before: {words}",
            hint="mend the finding, or have it waived; the baseline of a change can only shrink",
            position=Position(file),
            path=words,
        )
        for words in grows(before, after)
    ]


def encode(baseline: Baseline) -> bytes:
    """Text for git: sorted, an entry a line group, ends with a line break."""
    listed = [
        {
            "fingerprint": mark,
            "rule": entry.rule,
            "about": entry.about,
            "path": entry.path,
            "severity": entry.severity,
            "count": entry.count,
        }
        for mark, entry in sorted(baseline.entries.items(), key=lambda item: (item[1].about, item[1].rule, item[1].path, item[0]))
    ]
    return orjson.dumps({"formatVersion": FORMAT_VERSION, "findings": listed}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def decode(data: bytes, *, name: str) -> Baseline:
    """Raises SettingsError when `data` is no baseline, or one of a newer version."""
    try:
        loaded = orjson.loads(data)
        version = loaded["formatVersion"]
        if str(version).partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
            raise SettingsError(
                f"{name} has the format version {version!a}, this version reads {FORMAT_VERSION}", hint="Use a newer reconcile."
            )
        entries = {_text(one, "fingerprint"): _entry(one) for one in loaded["findings"]}
        if len(entries) != len(loaded["findings"]):
            raise SettingsError(f"{name} names a fingerprint twice", hint="Restore it from git, then shrink it again.")
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"{name} is no baseline: {error}", hint="Restore it from git, or make it anew.") from error
    return Baseline(entries)


def _entry(one: Mapping[str, Any]) -> Entry:
    count = one.get("count", 1)
    if type(count) is not int or count < 1 or one["severity"] not in _RANK:
        raise ValueError("an entry has no severity, or a count below 1")
    return Entry(rule=_text(one, "rule"), about=_text(one, "about"), path=_text(one, "path"), severity=one["severity"], count=count)


def _text(one: Mapping[str, Any], name: str) -> str:
    value = one[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value
