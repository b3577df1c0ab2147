"""What is accepted over a whole run: several environments, then the baseline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.policy.acceptance import Acceptance, hidden_by
from reconcile.policy.approvals import Proved
from reconcile.policy.baseline import Baseline, made_from

TODAY = datetime(2026, 11, 22, tzinfo=UTC)


def finding(rule: str = "a", *, severity: Severity = Severity.ERROR, name: str = "sales", accepted: bool = False) -> Finding:
    waived = Accepted(by="waiver", name="w") if accepted else None
    key = Key("Mailbox", name)
    return Finding(rule=rule, severity=severity, message="m", position=Position("a.yaml", 3), resource=key, accepted=waived)


def accepted_by(baseline: Baseline | None, *findings: Finding, whole: bool = True) -> list[tuple[str, bool]]:
    run = Acceptance(today=TODAY, proof_of=lambda waiver, configuration: Proved("x"), baseline=baseline, baseline_file="b.json")
    return [(one.rule, one.counts) for one in run.of_all(findings, whole=whole)]


@pytest.mark.parametrize(
    ("name", "findings", "expected"),
    [
        ("waived in both", [finding(accepted=True), finding(accepted=True)], [("a", False)]),
        ("waived in one", [finding(accepted=True), finding()], [("a", True)]),
        ("waived in the other", [finding(), finding(accepted=True)], [("a", True)]),
        ("of two resources", [finding(accepted=True), finding(name="info")], [("a", True), ("a", False)]),
    ],
)
def test_what_two_environments_share_counts_while_it_counts_in_one(
    name: str, findings: list[Finding], expected: list[tuple[str, bool]]
) -> None:
    assert accepted_by(None, *findings) == expected, name


def test_what_environments_say_alike_is_said_once() -> None:
    run = Acceptance(today=TODAY, proof_of=lambda waiver, configuration: Proved("x"))
    prod, test = (replace(finding(), values=(("mailbox.password.ref", f"env:{name}"),)) for name in ("PROD", "TEST"))
    # Whichever environment is read first, the same one speaks for both.
    assert run.of_all([prod, test], whole=True) == run.of_all([test, prod], whole=True) == [prod]
    waived = replace(prod, accepted=Accepted(by="waiver", name="w"))
    assert run.of_all([waived, test], whole=True) == [test]


def test_the_baseline_comes_after_waivers_and_over_all_environments() -> None:
    known = made_from([finding()])
    assert accepted_by(known, finding(), finding()) == [("a", False)], "one of two environments is no second one"
    assert accepted_by(known, finding(accepted=True)) == [("a", False), ("baseline/can-shrink", True)]


@pytest.mark.parametrize(
    ("name", "findings", "whole", "told"),
    [
        ("all is there", [finding()], True, False),
        ("one is gone", [], True, True),
        ("one is gone, of a part", [], False, False),
        ("one is gone, behind an error", [finding("yaml/syntax")], True, False),
        ("one is gone, behind a broken rule", [finding("policy/rule-failed")], True, False),
        ("one is gone, beside a warning", [finding("assignment/selects-nothing", severity=Severity.WARNING)], True, True),
        ("one is gone, beside a waiver's error", [finding("waiver/unknown-rule")], True, True),
        ("it weighs less", [finding(severity=Severity.WARNING)], True, True),
    ],
)
def test_it_can_shrink_where_everything_was_seen(name: str, findings: list[Finding], whole: bool, told: bool) -> None:
    known = made_from([finding()])
    assert ("baseline/can-shrink" in dict(accepted_by(known, *findings, whole=whole))) is told, name


def test_hidden_by_names_the_error() -> None:
    error = finding("schema/value")
    assert hidden_by([finding(), error]) == error
    assert hidden_by([finding(), replace(error, severity=Severity.WARNING)]) is None
