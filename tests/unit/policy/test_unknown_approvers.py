"""Approvers whom rules ask and nobody declares: told where they are named, for the environment that lacks them."""

from __future__ import annotations

import pytest

from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState
from reconcile.wiring.policies import rules_of, shipped_rules
from support.estate import ENVIRONMENT, load_texts
from support.plan_rules import rule, settings

_BOTH = settings(("mail-lead", ""), ("security-desk", ""))
_SHIPPED = "production-loses-nothing-unapproved"


def _desired(files: dict[str, str | bytes]) -> DesiredState:
    desired = load_texts({"environment.yaml": ENVIRONMENT, **files}).desired
    assert desired is not None
    assert desired.findings == ()
    return desired


def _told(files: dict[str, str | bytes]) -> list[Finding]:
    found = rules_of(_desired(files), None).findings
    assert {one.rule for one in found} <= {"policy/unknown-approver"}
    return [*found]


def _asking(whom: str, more: str = "") -> str:
    return _BOTH.replace("{approvers", f"{{rules: {{{_SHIPPED}: {{requiresApprovalOf: [{whom}]{more}}}}}, approvers")


def test_a_name_in_a_rule_is_told_at_its_character() -> None:
    (finding,) = _told({"rule.yaml": rule("mail-lead, securty-desk", 2), "settings.yaml": _BOTH})
    assert (finding.rule, finding.severity) == ("policy/unknown-approver", Severity.ERROR)
    assert str(finding.position) == "rule.yaml:13:35"
    assert (finding.path, finding.resource) == ("spec.requiresApprovalOf.1", Key("PolicyRule", "deletions-are-approved"))
    assert finding.message == (
        "'securty-desk' is not among the approvers of environment test, so deletions-are-approved cannot get its 2 approvals there"
    )
    assert finding.hint == "did you mean security-desk?"


def test_a_rule_that_others_can_still_approve_earns_a_warning() -> None:
    (finding,) = _told({"rule.yaml": rule("mail-lead, securty-desk"), "settings.yaml": _BOTH})
    assert (finding.severity, str(finding.position)) == (Severity.WARNING, "rule.yaml:13:35")
    assert finding.message == "'securty-desk' is not among the approvers of environment test"


def test_a_name_in_settings_is_told_there() -> None:
    (finding,) = _told({"settings.yaml": _asking("desk")})
    assert (finding.severity, finding.resource) == (Severity.ERROR, Key("PolicySettings", "ours"))
    assert (finding.position.file, finding.position.line) == ("settings.yaml", 4)
    assert finding.path == f"spec.rules.{_SHIPPED}.requiresApprovalOf.0"
    assert finding.message.endswith(f"so {_SHIPPED} cannot get its approval there")
    assert finding.hint == "known: mail-lead, security-desk"


def test_settings_that_ask_others_mend_the_rule() -> None:
    mended = _BOTH.replace("{approvers", "{rules: {deletions-are-approved: {requiresApprovalOf: [mail-lead]}}, approvers")
    assert _told({"rule.yaml": rule("nobody"), "settings.yaml": mended}) == []


def test_where_nobody_is_declared_a_review_may_still_bear_the_name() -> None:
    (finding,) = _told({"rule.yaml": rule("mail-lead", 1)})
    assert finding.severity is Severity.WARNING
    assert finding.message == "environment test declares no approvers, so only a review under the name 'mail-lead' approves"
    assert finding.hint == "name them under approvers of a PolicySettings for this environment"


@pytest.mark.parametrize(
    "files",
    [
        {"settings.yaml": _BOTH},
        {},
        {"rule.yaml": rule("any")},
        {"rule.yaml": rule("any", 3), "settings.yaml": _BOTH},
        {"rule.yaml": rule("mail-lead, security-desk", 2), "settings.yaml": _BOTH},
        {"rule.yaml": rule("nobody") + "  enabled: false\n", "settings.yaml": _BOTH},
        {"settings.yaml": _asking("any")},
        {"settings.yaml": _asking("desk", ", enabled: false")},
    ],
)
def test_nothing_is_told(files: dict[str, str | bytes]) -> None:
    assert _told(files) == []


def test_what_comes_with_reconcile_names_nobody() -> None:
    declared, _ = shipped_rules(None)
    asked = {whom for one in declared.values() for whom in one.document.spec.requires_approval_of or ()}  # type: ignore[attr-defined]
    assert asked == {"any"}
