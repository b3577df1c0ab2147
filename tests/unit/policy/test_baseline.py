"""The baseline: known findings do not count, new and worse ones do, and it can only shrink."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.errors import SettingsError
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.policy.baseline import Baseline, accept, decode, encode, grows, made_from, shrunk


def finding(rule: str = "tls-required", name: str = "sales", path: str = "incoming.tls", severity: Severity = Severity.WARNING) -> Finding:
    return Finding(rule=rule, severity=severity, message="m", position=Position("a.yaml", 3), resource=Key("Mailbox", name), path=path)


FINDINGS = st.lists(
    st.builds(
        finding,
        rule=st.sampled_from(["a", "b", "yaml/duplicate-key"]),
        name=st.sampled_from(["x", "y"]),
        path=st.sampled_from(["", "incoming"]),
        severity=st.sampled_from(Severity),
    ),
    max_size=8,
)


def counted(findings: list[Finding]) -> list[Finding]:
    return [found for found in findings if found.counts]


def test_known_findings_do_not_count_wherever_they_moved_to() -> None:
    known = made_from([finding()])
    moved = replace(finding(), position=Position("b.yaml", 99), message="in other words")
    assert counted(accept(known, [moved])) == []


@pytest.mark.parametrize(
    "new",
    [
        finding(rule="other"),
        finding(name="info"),
        finding(path="outgoing.tls"),
        finding(severity=Severity.ERROR),
    ],
)
def test_new_and_worse_findings_count(new: Finding) -> None:
    assert counted(accept(made_from([finding()]), [new])) == [new]


def test_a_second_of_the_same_kind_counts() -> None:
    assert len(counted(accept(made_from([finding()]), [finding(), finding()]))) == 1


def test_built_in_checks_and_waived_findings_are_never_kept() -> None:
    waived = replace(finding(), accepted=Accepted(by="waiver", name="w"))
    assert made_from([finding(rule="secret/exposed"), waived]) == Baseline()
    assert counted(accept(Baseline(), [finding(rule="secret/exposed")])) != []


@given(before=FINDINGS, after=FINDINGS)
def test_shrinking_never_accepts_more(before: list[Finding], after: list[Finding]) -> None:
    first = made_from(before)
    second = shrunk(first, accept(first, after))
    assert grows(first, second) == []
    assert len(second.entries) <= len(first.entries)
    # What the first one accepts of these findings, the smaller one accepts too.
    assert counted(accept(second, after)) == counted(accept(first, after))


@given(findings=FINDINGS)
def test_a_new_baseline_accepts_what_it_was_made_from_and_survives_writing(findings: list[Finding]) -> None:
    made = made_from(findings)
    again = decode(encode(made), name="baseline.json")
    assert again == made
    assert all("/" in found.rule for found in counted(accept(again, findings)) if found.severity is Severity.INFORMATION)
    assert encode(again) == encode(made)


def test_growth_is_told_in_words() -> None:
    before = made_from([finding()])
    assert grows(before, made_from([finding(), finding()])) == ["tls-required on Mailbox/sales at incoming.tls"]
    assert grows(before, made_from([finding(severity=Severity.ERROR)])) == ["tls-required on Mailbox/sales at incoming.tls"]
    assert grows(before, Baseline()) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"{}",
        b'{"formatVersion": "2.0", "findings": []}',
        b'{"formatVersion": "1.0", "findings": [1]}',
        b'{"formatVersion": "1.0", "findings": [{"fingerprint": "a", "rule": "r", "about": "x", "path": "", "severity": "fatal"}]}',
        b'{"formatVersion": "1.0", "findings": [{"fingerprint": "a", "rule": "r", "about": "x", "path": "", "severity": "error", "count": 0}]}',
        b'{"formatVersion": "1.0", "findings": [{"fingerprint": 3, "rule": "r", "about": "x", "path": "", "severity": "error"}]}',
        b'{"formatVersion": "1.0", "findings": null}',
    ],
)
def test_what_is_no_baseline_is_refused_with_the_next_step(data: bytes) -> None:
    with pytest.raises(SettingsError) as refused:
        decode(data, name="baseline.json")
    assert "baseline.json" in refused.value.message
    assert refused.value.hint
