"""Documents about the rules in an estate: read like the others, laid over each other, told when they are bad, and nobody waits for them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.model.policy_rule import PolicyRule
from reconcile.model.policy_settings import PolicySettings
from reconcile.model.position import Position
from reconcile.model.waiver import Waiver
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox

Files = dict[str, str | bytes]

RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: own}
spec:
  title: Queues have an owner
  severity: warning
  message: "${domain}: {mailbox.name} has no owner"
  rationale: Somebody must be told.
  remediation: Write spec.owner.
  sources:
    - {title: Handbook, date: "2026"}
  appliesTo: Mailbox
  match: >-
    mailbox.type == "queue"
    && mailbox.state == "active"
  assert: mailbox.owner != null
  parameters:
    days: {description: Days., default: 30, minimum: 1, maximum: 90}
  validFrom: 2026-03-01
  examples:
    bad:
      - documents: |
          kind: ${what}
        line: 1
"""
SETTINGS = """\
apiVersion: reconcile/v1alpha2
kind: PolicySettings
metadata: {name: all}
spec:
  failOn: warning
  rules:
    own: {severity: error, parameters: {days: 60}}
"""
WAIVER = """\
apiVersion: reconcile/v1alpha2
kind: Waiver
metadata: {name: legacy}
spec:
  rules: [own]
  selector: {names: ["*@${domain}"]}
  reason: They go in spring.
  approver: desk
  expires: 2027-03-31
"""
ESTATE: Files = {"environment.yaml": ENVIRONMENT, "profile.yaml": PROFILE, "sales.yaml": mailbox()}
RULES: Files = {"rules/own.yaml": RULE, "rules/settings.yaml": SETTINGS + "---\n" + WAIVER}

OWN, ALL, LEGACY = Key("PolicyRule", "own"), Key("PolicySettings", "all"), Key("Waiver", "legacy")


def _said(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.rule, str(finding.position)) for finding in findings]


def test_they_are_no_resources_and_have_types() -> None:
    desired = load_texts({**ESTATE, **RULES}).desired
    assert desired is not None
    assert _said(desired.findings) == []
    assert {*desired.policies} == {OWN, ALL, LEGACY}
    assert not {OWN, ALL, LEGACY} & {*desired.resources}
    assert desired.held == {}
    rule = desired.policies[OWN].document
    assert isinstance(rule, PolicyRule)
    assert rule.spec.valid_from == datetime(2026, 2, 28, 23, tzinfo=UTC), "local dates are those of the environment"
    assert isinstance(desired.policies[ALL].document, PolicySettings)


def test_variables_are_put_into_waivers_and_settings_and_left_in_rules() -> None:
    desired = load_texts({**ESTATE, **RULES}).desired
    assert desired is not None
    waiver, rule = desired.policies[LEGACY].document, desired.policies[OWN].document
    assert isinstance(waiver, Waiver)
    assert waiver.spec.selector.names == ("*@contoso.example",)
    assert isinstance(rule, PolicyRule)
    assert rule.spec.message == "${domain}: {mailbox.name} has no owner"
    assert rule.spec.examples.bad[0].documents == "kind: ${what}\n"


@pytest.mark.parametrize(
    ("key", "path", "expected"),
    [
        (OWN, (), Position("rules/own.yaml", 1, 1)),
        (OWN, ("spec", "assert"), Position("rules/own.yaml", 16, 11, 32)),
        (OWN, ("spec", "sources", 0, "date"), Position("rules/own.yaml", 11, 31, 37)),
        (OWN, ("spec", "parameters", "days", "maximum"), Position("rules/own.yaml", 18, 66, 68)),
        (OWN, ("spec", "examples", "bad", 0, "line"), Position("rules/own.yaml", 24, 15, 16)),
        (ALL, ("spec", "rules", "own", "severity"), Position("rules/settings.yaml", 7, 21, 26)),
        (LEGACY, ("spec", "expires"), Position("rules/settings.yaml", 17, 12, 22)),
        # What nobody wrote: the nearest that is there.
        (ALL, ("spec", "waiverWarningDays"), Position("rules/settings.yaml", 4, 1, 5)),
    ],
)
def test_each_part_is_found_again(key: Key, path: tuple[str | int, ...], expected: Position) -> None:
    desired = load_texts({**ESTATE, **RULES}).desired
    assert desired is not None
    assert desired.policies[key].place(path) == expected
    assert desired.policies[key].content(expected.file) is not None


# What is changed in the rule, the finding, its place.
BAD: list[tuple[str, str, str, str]] = [
    ("severity: warning", "severity: warn", "schema/value", "rules/own.yaml:6:13"),
    ("  appliesTo: Mailbox\n", "", "schema/missing-field", "rules/own.yaml:4:1"),
    ("title: Handbook", "titel: Handbook", "schema/unknown-field", "rules/own.yaml:11:8"),
    ("    days: {", "    Days: {", "schema/name", "rules/own.yaml:18:5"),
    ("default: 30", "default: 300", "fields/combination", "rules/own.yaml:18:41"),
    ("default: 30", "default: 1.5", "schema/type", "rules/own.yaml:18:41"),
    ("validFrom: 2026-03-01", "validFrom: 2026-02-30", "fields/value", "rules/own.yaml:19:14"),
    ("        line: 1", "        line: 0", "schema/range", "rules/own.yaml:24:15"),
    ("    bad:\n", "    bad: []\n    worse:\n", "schema/unknown-field", "rules/own.yaml:22:5"),
    ("kind: PolicyRule", "kind: PolicyRul", "document/kind", "rules/own.yaml:2:7"),
    ("v1alpha2", "v1alpha9", "document/api-version", "rules/own.yaml:1:13"),
    ("rationale: Somebody must be told.", "rationale: AKIAIOSFODNN7EXAMPLE", "secret/exposed", "rules/own.yaml:8:14"),
]


@pytest.mark.parametrize(("old", "new", "rule", "place"), BAD)
def test_a_bad_rule_is_told_with_its_place_and_holds_nothing(old: str, new: str, rule: str, place: str) -> None:
    desired = load_texts({**ESTATE, **RULES, "rules/own.yaml": RULE.replace(old, new, 1)}).desired
    assert desired is not None
    assert (rule, place) in _said(desired.findings)
    assert OWN not in desired.policies
    assert ALL in desired.policies
    if rule != "document/kind":  # nobody knows what that was
        assert (desired.held, desired.held_files) == ({}, {})
    assert Key("Mailbox", "sales") in desired.resources


def test_a_document_whose_yaml_is_broken_may_have_been_anything() -> None:
    broken = WAIVER.replace("  approver: desk\n", "  approver: desk\n  approver: else\n")
    desired = load_texts({**ESTATE, "w.yaml": broken}).desired
    assert desired is not None
    assert [finding.rule for finding in desired.findings] == ["yaml/duplicate-key"]
    assert [*desired.held_files] == ["w.yaml"]
    assert desired.held == {}


def test_an_unknown_variable_is_told_in_a_waiver() -> None:
    desired = load_texts({**ESTATE, "w.yaml": WAIVER.replace("${domain}", "${domian}")}).desired
    assert desired is not None
    assert _said(desired.findings) == [("variable/unknown", "w.yaml:6:22")]


def test_two_of_one_name_are_both_left_out() -> None:
    desired = load_texts({**ESTATE, **RULES, "more.yaml": SETTINGS}).desired
    assert desired is not None
    assert [(finding.rule, len(finding.related)) for finding in desired.findings] == [("duplicate/resource", 1)]
    assert ALL not in desired.policies
    assert desired.held == {}


def test_settings_for_an_environment_that_is_not_there() -> None:
    settings = SETTINGS.replace("  failOn: warning\n", "  environments: [test, tset]\n")
    desired = load_texts({**ESTATE, "s.yaml": settings}).desired
    assert desired is not None
    (finding,) = desired.findings
    assert (finding.rule, str(finding.position), finding.hint) == ("environment/unknown", "s.yaml:5:24", "did you mean test?")


LAYERED: Files = {
    "environments/test.yaml": ENVIRONMENT.replace("spec: {", "spec: {layers: [base, own], "),
    "environments/prod.yaml": ENVIRONMENT.replace("name: test", "name: prod").replace("spec: {", "spec: {layers: [base], "),
    "base/settings.yaml": SETTINGS,
    "base/rule.yaml": RULE,
}


def test_a_later_layer_lies_over_settings_and_takes_rules_away() -> None:
    over = (
        "apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {name: all}\nspec:\n  rules:\n    own: {severity: information}\n"
    )
    gone = "apiVersion: reconcile/v1alpha2\nkind: PolicyRule\nmetadata: {name: own}\nspec: null\n"
    files: Files = {**LAYERED, "own/settings.yaml": over, "own/rule.yaml": gone}
    desired, other = load_texts(files, environment="test").desired, load_texts(files, environment="prod").desired
    assert desired is not None
    assert other is not None
    assert (_said(desired.findings), _said(other.findings)) == ([], [])
    settings = desired.policies[ALL]
    assert isinstance(settings.document, PolicySettings)
    assert settings.document.spec.fail_on == "warning"
    assert settings.document.spec.rules["own"].severity == "information"
    assert settings.document.spec.rules["own"].parameters == {"days": 60}
    assert settings.place(("spec", "rules", "own", "severity")).file == "own/settings.yaml"
    assert settings.place(("spec", "failOn")).file == "base/settings.yaml"
    assert OWN not in desired.policies
    assert OWN in other.policies


def test_parts_are_not_judged_as_wholes_while_no_environment_is_chosen() -> None:
    over = "apiVersion: reconcile/v1alpha2\nkind: PolicyRule\nmetadata: {name: own}\nspec: {severity: error}\n"
    result = load_texts({**LAYERED, "own/rule.yaml": over})
    assert [finding.rule for finding in result.findings] == ["environment/ambiguous"]


def test_the_digest_follows_what_is_written_and_where() -> None:
    def digest(files: Files) -> str:
        desired = load_texts({**ESTATE, **files}).desired
        assert desired is not None
        return desired.policies[OWN].digest

    same = digest({"a.yaml": RULE})
    assert digest({"a.yaml": RULE, "b.yaml": SETTINGS}) == same
    assert digest({"a.yaml": RULE.replace("owner != null", 'owner != ""')}) != same
    assert digest({"a.yaml": "# one line more\n" + RULE}) != same
    assert digest({"b.yaml": RULE}) != same
