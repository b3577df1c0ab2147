"""PolicySettings laid over the rules: what counts, what is told, and where."""

from __future__ import annotations

import pytest

from reconcile.model.finding import Severity
from reconcile.model.key import Key
from reconcile.model.policy_rule import PolicyRule
from reconcile.model.policy_settings import PolicySettingsSpec
from reconcile.model.resource import DesiredState
from reconcile.policy import configure as module
from reconcile.policy.compile import compile_rules
from reconcile.policy.configure import Configuration, Limits, configure, limits_of, settings_of
from support.estate import ENVIRONMENT, load_texts

RULES = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: first}
spec:
  title: First
  severity: warning
  message: x
  rationale: x
  remediation: x
  sources: [{title: x, date: "2026"}]
  appliesTo: Mailbox
  assert: "params.days > 0 && params.loud && params.word != '' && size(params.words) > 0"
  escalations: [{from: 2027-01-01, severity: error}]
  parameters:
    days: {description: x, default: 30, minimum: 1, maximum: 90}
    least: {description: x, default: 5, minimum: 5}
    most: {description: x, default: 5, maximum: 5}
    loud: {description: x, default: true}
    word: {description: x, default: a}
    words: {description: x, default: [a, b]}
---
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: second}
spec:
  title: Second
  severity: error
  enabled: false
  message: x
  rationale: x
  remediation: x
  sources: [{title: x, date: "2026"}]
  appliesTo: Mailbox
  assert: "true"
"""


def _settings(name: str, body: str) -> str:
    return f"apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {{name: {name}}}\nspec:\n{body}"


def _desired(*settings: str) -> DesiredState:
    files: dict[str, str | bytes] = {"environment.yaml": ENVIRONMENT, "rules.yaml": RULES}
    files |= {f"s{number}.yaml": text for number, text in enumerate(settings, 1)}
    desired = load_texts(files).desired
    assert desired is not None
    assert [finding for finding in desired.findings if finding.rule != "environment/unknown"] == []
    return desired


def _configured(*settings: str) -> Configuration:
    desired = _desired(*settings)
    book, faults = compile_rules(desired.policies.values())
    assert faults == ()
    limits: Limits = {
        key.name: limits_of(one.document.spec) for key, one in desired.policies.items() if isinstance(one.document, PolicyRule)
    }
    return configure(book, limits, settings_of(desired.policies.values(), desired.environment))


def _set(configuration: Configuration) -> list[tuple[object, ...]]:
    """What settings can change. Compiled programs have their bytes in any order."""
    return [(rule.id, rule.enabled, rule.severity, rule.escalations, rule.parameters) for rule in configuration.book]


def test_without_settings_rules_are_as_their_author_wrote_them() -> None:
    configuration = _configured()
    first, second = configuration.book.rules
    assert (first.enabled, first.severity, len(first.escalations), first.parameters["params.days"]) == (True, Severity.WARNING, 1, 30)
    assert second.enabled is False
    assert (configuration.fail_on, configuration.waiver_warning_days, configuration.approvers) == (Severity.ERROR, 30, None)
    assert (configuration.findings, configuration.set_by, configuration.reasons) == ((), {}, {})


def test_defaults_are_those_of_the_model() -> None:
    spec = PolicySettingsSpec()
    assert str(module.FAIL_ON) == spec.fail_on
    assert spec.waiver_warning_days == module.WAIVER_WARNING_DAYS
    assert spec.maximum_waiver_days == module.MAXIMUM_WAIVER_DAYS


def test_settings_count() -> None:
    configuration = _configured(
        _settings(
            "a",
            "  failOn: warning\n  waiverWarningDays: 7\n  rules:\n"
            "    first: {severity: information, reason: so, parameters: {days: 1, loud: false, word: b, words: [c]}}\n"
            "    second: {enabled: true}\n",
        )
    )
    first, second = configuration.book.rules
    assert configuration.findings == ()
    assert (first.severity, first.escalations) == (Severity.INFORMATION, ()), "whatever the date"
    assert first.parameters == {
        "params.days": 1,
        "params.least": 5,
        "params.most": 5,
        "params.loud": False,
        "params.word": "b",
        "params.words": ["c"],
    }
    assert second.enabled
    assert (configuration.fail_on, configuration.waiver_warning_days) == (Severity.WARNING, 7)
    giver = Key("PolicySettings", "a")
    assert configuration.set_by["first"] == dict.fromkeys(("severity", "days", "loud", "word", "words"), giver)
    assert configuration.reasons == {"first": "so"}


def test_only_settings_of_the_environment_count() -> None:
    other = _settings("a", "  environments: [elsewhere]\n  failOn: information\n  rules:\n    first: {enabled: false}\n")
    mine = _settings("b", "  environments: [test, elsewhere]\n  rules:\n    second: {enabled: true}\n")
    first, second = _configured(other, mine).book.rules
    assert (first.enabled, second.enabled) == (True, True)
    assert _configured(other).fail_on is Severity.ERROR


# What is set of `first`, what is said, where, and the hint.
WRONG: list[tuple[str, str, str, str, str]] = [
    ("firts: {enabled: false}", "policy/unknown-rule", "there is no rule 'firts'", "s1.yaml:6:5", "did you mean first?"),
    (
        "elephant: {enabled: false}",
        "policy/unknown-rule",
        "there is no rule 'elephant'",
        "s1.yaml:6:5",
        "`reconcile policy list` shows all; a rule with errors is left out until it is mended",
    ),
    (
        "first: {parameters: {dys: 1}}",
        "policy/unknown-parameter",
        "first has no parameter 'dys'",
        "s1.yaml:6:31",
        "did you mean days?",
    ),
    (
        "second: {parameters: {days: 1}}",
        "policy/unknown-parameter",
        "second has no parameter 'days'",
        "s1.yaml:6:33",
        "it has no parameters",
    ),
    (
        'first: {parameters: {days: "1"}}',
        "policy/parameter-value",
        "days of first is a whole number, this is text",
        "s1.yaml:6:32",
        "write a whole number, such as 30",
    ),
    (
        "first: {parameters: {days: true}}",
        "policy/parameter-value",
        "days of first is a whole number, this is true or false",
        "s1.yaml:6:32",
        "write a whole number, such as 30",
    ),
    (
        "first: {parameters: {loud: 1}}",
        "policy/parameter-value",
        "loud of first is true or false, this is a whole number",
        "s1.yaml:6:32",
        "write true or false, such as true",
    ),
    (
        "first: {parameters: {words: a}}",
        "policy/parameter-value",
        "words of first is a list, this is text",
        "s1.yaml:6:33",
        "write a list, such as [a, b]",
    ),
    (
        "first: {parameters: {days: 0}}",
        "policy/parameter-value",
        "days of first is 0, expected from 1 to 90",
        "s1.yaml:6:32",
        "write a number from 1 to 90",
    ),
    (
        "first: {parameters: {days: 91}}",
        "policy/parameter-value",
        "days of first is 91, expected from 1 to 90",
        "s1.yaml:6:32",
        "write a number from 1 to 90",
    ),
    (
        "first: {parameters: {least: 4}}",
        "policy/parameter-value",
        "least of first is 4, expected at least 5",
        "s1.yaml:6:33",
        "write a number at least 5",
    ),
    (
        "first: {parameters: {most: 6}}",
        "policy/parameter-value",
        "most of first is 6, expected at most 5",
        "s1.yaml:6:32",
        "write a number at most 5",
    ),
]


@pytest.mark.parametrize(("line", "rule", "message", "place", "hint"), WRONG)
def test_what_cannot_be_meant_is_told_and_does_not_count(line: str, rule: str, message: str, place: str, hint: str) -> None:
    configuration = _configured(_settings("a", f"  rules:\n    {line}\n"))
    (finding,) = configuration.findings
    assert (finding.rule, finding.message, str(finding.position), finding.hint) == (rule, message, place, hint)
    assert (finding.severity, finding.resource) == (Severity.ERROR, Key("PolicySettings", "a"))
    assert _set(configuration) == _set(_configured())


@pytest.mark.parametrize(("days", "fits"), [(1, True), (90, True), (0, False), (91, False)])
def test_the_limits_themselves_are_allowed(days: int, fits: bool) -> None:
    configuration = _configured(_settings("a", f"  rules:\n    first: {{parameters: {{days: {days}}}}}\n"))
    assert (configuration.findings == ()) is fits
    assert configuration.book.rules[0].parameters["params.days"] == (days if fits else 30)


@pytest.mark.parametrize(
    ("one", "two", "about"),
    [
        ("{severity: error}", "{severity: information}", "severity of first"),
        ("{enabled: true}", "{enabled: false}", "enabled of first"),
        ("{parameters: {days: 2}}", "{parameters: {days: 3}}", "days of first"),
    ],
)
def test_of_two_that_contradict_each_other_neither_counts(one: str, two: str, about: str) -> None:
    configuration = _configured(_settings("a", f"  rules:\n    first: {one}\n"), _settings("b", f"  rules:\n    first: {two}\n"))
    (finding,) = configuration.findings
    assert finding.rule == "policy/settings-conflict"
    assert finding.message == f"PolicySettings/a sets {about} differently; neither counts"
    assert (finding.position.file, finding.related[0].file, finding.position.line) == ("s2.yaml", "s1.yaml", 6)
    assert _set(configuration) == _set(_configured())
    assert configuration.set_by == {}


def test_two_that_say_the_same_agree_and_different_things_add_up() -> None:
    configuration = _configured(
        _settings("a", "  failOn: warning\n  rules:\n    first: {severity: error, parameters: {days: 2}}\n"),
        _settings("b", "  failOn: warning\n  rules:\n    first: {severity: error, parameters: {word: z}}\n    second: {enabled: true}\n"),
    )
    first, second = configuration.book.rules
    assert configuration.findings == ()
    assert (first.severity, first.parameters["params.days"], first.parameters["params.word"]) == (Severity.ERROR, 2, "z")
    assert second.enabled
    assert configuration.fail_on is Severity.WARNING


def test_gates_that_contradict_each_other_stay_at_error() -> None:
    configuration = _configured(_settings("a", "  failOn: warning\n"), _settings("b", "  failOn: information\n"))
    assert [finding.message for finding in configuration.findings] == ["PolicySettings/a sets failOn differently; neither counts"]
    assert configuration.fail_on is Severity.ERROR
    # Not written is not set.
    assert _configured(_settings("a", "  failOn: warning\n"), _settings("b", "  waiverWarningDays: 3\n")).findings == ()


def test_of_an_approver_with_different_keys_only_common_ones_count() -> None:
    keys = [f"ssh-ed25519 {letter * 68}" for letter in "ABC"]
    one = f"  approvers: [{{name: desk, keys: ['{keys[0]}', '{keys[1]}']}}, {{name: head}}]\n"
    two = f"  approvers: [{{name: desk, keys: ['{keys[1]}', '{keys[2]}']}}]\n"
    configuration = _configured(_settings("a", one), _settings("b", two))
    assert configuration.approvers is not None
    assert {approver.name: approver.keys for approver in configuration.approvers} == {"desk": (keys[1],), "head": ()}
    assert [finding.rule for finding in configuration.findings] == ["policy/settings-conflict"]


def test_the_order_of_files_makes_no_difference() -> None:
    texts = [_settings(name, f"  rules:\n    first: {{parameters: {{days: {days}}}}}\n") for name, days in (("b", 3), ("a", 2))]
    forwards, backwards = _configured(*texts), _configured(*reversed(texts))
    assert _set(forwards) == _set(backwards)
    assert [finding.message for finding in forwards.findings] == [finding.message for finding in backwards.findings]
