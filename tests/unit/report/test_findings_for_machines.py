"""JUnit, GitHub annotations and GitLab's Code Quality: their limits, and findings from strangers."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.position import Position
from reconcile.report.code_quality import code_quality
from reconcile.report.github_annotations import MOST, github_annotations
from reconcile.report.junit import junit
from support.findings import HOSTILE, finding, sample

ANY = st.text(max_size=20) | st.sampled_from((HOSTILE, "::error::x", "%0A", "]]>", "a\rb"))


def alone(number: int, severity: Severity = Severity.ERROR) -> Finding:
    return replace(finding(number, severity=severity, cause=None), position=Position(f"{number}.yaml", 1))


# JUnit


def tree(found: list[Finding], fail_on: Severity | None = Severity.ERROR) -> ET.Element:
    return ET.fromstring("".join(junit(found, fail_on=fail_on)).encode())


@given(ANY, ANY, ANY)
@settings(max_examples=200, deadline=None)
def test_any_characters_make_valid_xml(message: str, file: str, name: str) -> None:
    hostile = replace(finding(), message=message, hint=name, position=Position(file), rule=name, path=name)
    skipped = replace(hostile, accepted=Accepted(by="waiver", name=name))
    root = tree([hostile, skipped])
    assert [case.tag for case in root.iter("testcase")] == ["testcase", "testcase"]


def test_a_suite_counts_its_cases() -> None:
    root = tree(sample())
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        assert suite.attrib["tests"] == str(len(cases))
        assert suite.attrib["failures"] == str(sum(case.find("failure") is not None for case in cases))
        assert suite.attrib["skipped"] == str(sum(case.find("skipped") is not None for case in cases))
    assert len([*root.iter("testcase")]) == len(sample())


@pytest.mark.parametrize(("fail_on", "failures"), [(Severity.ERROR, 6), (Severity.WARNING, 9), (Severity.INFORMATION, 10), (None, 0)])
def test_what_fails_the_gate_is_a_failure(fail_on: Severity | None, failures: int) -> None:
    assert len([*tree(sample(), fail_on).iter("failure")]) == failures


def test_no_finding_is_a_test_that_passes() -> None:
    (case,) = tree([]).iter("testcase")
    assert [*case] == []


# GitHub annotations


def annotations(found: list[Finding]) -> list[str]:
    text = "".join(github_annotations(found))
    assert text == "" or text.endswith("\n")
    return text.splitlines()


@pytest.mark.parametrize("number", [0, 1, MOST - 1, MOST, MOST + 1, 5000])
def test_ten_of_a_kind_and_the_tenth_sums_up(number: int) -> None:
    lines = annotations([alone(one) for one in range(number)])
    assert len(lines) == min(number, MOST)
    if number > MOST:
        assert lines[-1].startswith(f"::error title=reconcile::{number - MOST + 1:,} more: act-needs-impersonation. ")
    else:
        assert all("title=act-needs-impersonation" in line for line in lines)


def test_each_kind_has_its_ten_and_the_worst_come_first() -> None:
    found = [alone(number, severity) for severity in Severity for number in range(20)]
    kinds = [line.split(" ")[0] for line in annotations(found)]
    assert kinds == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10


def test_the_cause_of_many_comes_before_single_ones_and_is_one_annotation() -> None:
    lines = annotations([*(alone(number) for number in range(20)), *(finding(number) for number in range(100, 400))])
    assert lines[0].startswith("::error file=profiles/hub.yaml,line=4,")
    assert "300 mailboxes for this reason" in lines[0]


def test_accepted_findings_are_not_shown() -> None:
    assert annotations([replace(finding(), accepted=Accepted(by="baseline"))]) == []


@given(ANY, ANY, ANY)
@settings(max_examples=300, deadline=None)
def test_nothing_breaks_out_of_its_command(message: str, file: str, name: str) -> None:
    (line,) = annotations([replace(alone(0), message=message, hint=name, rule=name, position=Position(file))])
    command = re.fullmatch(r"::error file=([^,:]*),line=1,endLine=1,col=1,title=([^,:]*)::([^\r\n]*)", line)
    assert command is not None, line
    for part in command.groups():
        assert re.fullmatch(r"(?:[^%]|%(?:25|0A|0D|3A|2C))*", part), part
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]", line)


# GitLab


def test_code_quality_has_what_gitlab_asks_for() -> None:
    entries = json.loads("".join(code_quality(sample(), prefix="estate/")))
    assert len(entries) == len(sample()) - 2, "accepted findings are left out"
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert entry["location"]["path"].startswith("estate")
        assert entry["location"]["lines"]["begin"] >= 1
    assert json.loads("".join(code_quality([]))) == []


def test_two_findings_at_one_field_are_two() -> None:
    marks = [entry["fingerprint"] for entry in json.loads("".join(code_quality([finding(), finding(), finding()])))]
    assert all(first != second for first, second in pairwise(marks))
