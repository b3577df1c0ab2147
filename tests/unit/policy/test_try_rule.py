"""Examples as tests of a rule: what passes, every way to fail, and what is told of parts that no example tries."""

from __future__ import annotations

import time

import pytest

from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.policy.compile import compile_rules
from reconcile.policy.mutants import survivors
from reconcile.policy.sight import Around
from reconcile.policy.try_rule import Trial, Tried
from support.estate import ENVIRONMENT, load_texts

RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: own}
spec:
  title: Queues have an owner
  severity: warning
  message: "{mailbox.name} has no owner"
  rationale: x
  remediation: x
  sources: [{title: x, date: "2026"}]
  appliesTo: Mailbox
  match: mailbox.type == "queue"
  assert: mailbox.owner != null
  at: [mailbox.type]
  examples:
    good:
      - documents: |
          apiVersion: reconcile/v1alpha2
          kind: Mailbox
          metadata: {name: a}
          spec: {emailAddress: a@contoso.example, type: queue, owner: desk}
      - name: of a user
        documents: |
          apiVersion: reconcile/v1alpha2
          kind: Mailbox
          metadata: {name: a}
          spec: {emailAddress: a@contoso.example}
    bad:
      - documents: |
          apiVersion: reconcile/v1alpha2
          kind: Mailbox
          metadata: {name: a}
          spec:
            emailAddress: a@contoso.example
            type: queue
        line: 6
"""


def _trial(text: str) -> tuple[Trial, Tried]:
    result = load_texts({"environment.yaml": ENVIRONMENT, "rule.yaml": text})
    assert result.desired is not None
    assert [finding.message for finding in result.findings] == []
    declared = result.desired.policies[Key("PolicyRule", "own")]
    book, faults = compile_rules([declared])
    assert faults == ()
    trial = Trial(declared, Around(clock=time.thread_time))
    return trial, trial.run(book.rules[0])


def _tried(text: str) -> Tried:
    return _trial(text)[1]


def _said(findings: tuple[Finding, ...]) -> list[tuple[str, int]]:
    return [(finding.message, finding.position.line) for finding in findings]


def test_a_rule_that_passes() -> None:
    tried = _tried(RULE)
    assert (tried.rule, tried.good, tried.bad, tried.failures, tried.gaps, tried.passed) == ("own", 2, 1, (), (), True)


def test_a_rule_that_is_off_is_tried_all_the_same() -> None:
    assert _tried(RULE.replace("  severity: warning\n", "  severity: warning\n  enabled: false\n")).passed
    assert not _tried(RULE.replace("  severity: warning\n", "  severity: warning\n  enabled: false\n").replace("line: 6", "line: 5")).passed


# What is changed, what fails, on which line of the rule.
FAILING: list[tuple[str, str, str, int]] = [
    ("owner != null", "owner == null", "the good example 1 has a finding at example.yaml:4: a has no owner", 17),
    ("type: queue, owner: desk", "type: queue", "the good example 1 has a finding at example.yaml:4: a has no owner", 17),
    ("            type: queue\n", "            type: queue\n            owner: desk\n", "the bad example 1 has no finding of the rule", 29),
    ("        line: 6", "        line: 5", "the bad example 1 has its finding at example.yaml:6, expected example.yaml:5", 36),
    ("        line: 6\n", "        line: 6\n        file: b.yaml\n", "the bad example 1 has its finding at example.yaml:6, expected b.yaml:6", 36),
    ("        line: 6\n", "", "the bad example 1 does not say on which line its finding is", 29),
    ("emailAddress: a@contoso.example}", "emailAddress: a}", "the good example 2 (of a user) cannot be looked at: example.yaml:4: ", 22),
    ("spec: {emailAddress: a@contoso.example}", "spec: {emailAddress", "the good example 2 (of a user) cannot be looked at: example.yaml:", 22),
    ("spec: {emailAddress: a@contoso.example}", "spec: {emailAddress: a@contoso.example, profile: x}", "the good example 2 (of a user) cannot be looked at: example.yaml:4: EmailServerProfile 'x' is not declared", 22),
    ("    bad:\n", "      - name: nothing\n    bad:\n", "the good example 3 (nothing) cannot be looked at: it has neither documents nor files", 28),
    ("      - name: of a user\n", "      - name: of a user\n        environment: prod\n", "the good example 2 (of a user) cannot be looked at: it has no environment 'prod'", 22),
    ("      - name: of a user\n", "      - name: of a user\n        parameters: {days: 1}\n", "the good example 2 (of a user) cannot be looked at: the rule has no parameter days that could be 1", 22),
    ("mailbox.owner != null", "mailbox.owner.size() > 2", "the bad example 1: the rule own cannot be judged for Mailbox/a", 29),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message", "line"), FAILING)
def test_what_fails_is_said_at_the_example(old: str, new: str, message: str, line: int) -> None:
    tried = _tried(RULE.replace(old, new, 1))
    assert not tried.passed
    matching = [finding for finding in tried.failures if finding.message.startswith(message)]
    assert [finding.position.line for finding in matching] == [line], _said(tried.failures)
    assert all(finding.rule == "policy/example" and finding.hint for finding in tried.failures)


@pytest.mark.parametrize(("word", "kept"), [("good", "bad"), ("bad", "good")])
def test_both_kinds_of_examples_are_wanted(word: str, kept: str) -> None:
    head, _, examples = RULE.partition("    good:\n")
    good, _, bad = examples.partition("    bad:\n")
    text = head + (f"    good:\n{good}" if kept == "good" else f"    bad:\n{bad}")
    assert _said(_tried(text).failures) == [(f"the rule has no {word} example", 15)]


def test_an_example_may_have_files_environments_and_a_day() -> None:
    example = """\
      - files:
          one.yaml: |
            apiVersion: reconcile/v1alpha2
            kind: Environment
            metadata: {name: one}
            spec: {layers: [one]}
          two.yaml: |
            apiVersion: reconcile/v1alpha2
            kind: Environment
            metadata: {name: two}
            spec: {layers: [two]}
          one/a.yaml: |
            apiVersion: reconcile/v1alpha2
            kind: Mailbox
            metadata: {name: a}
            spec: {emailAddress: a@contoso.example, type: queue}
          two/a.yaml: |
            apiVersion: reconcile/v1alpha2
            kind: Mailbox
            metadata: {name: a}
            spec: {emailAddress: a@contoso.example, type: queue, owner: desk}
        environment: one
        today: 2020-01-01
        file: one/a.yaml
        line: 4
"""
    assert _tried(RULE + example).passed
    assert not _tried(RULE + example.replace("environment: one", "environment: two")).passed
    undecided = _tried(RULE + example.replace("        environment: one\n", ""))
    assert undecided.failures[0].message.endswith("it has several environments (one, two); say with environment: which is looked at")
    dated = RULE.replace("  severity: warning\n", "  severity: warning\n  validFrom: 2026-01-01\n")
    assert _tried(dated).passed
    assert [finding.message for finding in _tried(dated + example).failures] == ["the bad example 2 has no finding of the rule"]


# Assert, what no example tries.
GAPS: list[tuple[str, list[str]]] = [
    ("mailbox.owner != null", []),
    (
        'mailbox.owner != null || mailbox.state == "inactive"',
        ["no example has an object of which `mailbox.state == \"inactive\"` alone is true while the others are not"],
    ),
    (
        'mailbox.owner != null && mailbox.state == "active"',
        ["no example has an object of which `mailbox.state == \"active\"` alone is false while the others are true"],
    ),
    # A guard decides where the rest cannot be told.
    ("mailbox.owner != null && mailbox.owner.size() > 2", ["no example has an object of which `mailbox.owner.size() > 2` alone is false while the others are true"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "gaps"), GAPS)
def test_operands_that_never_decide_are_named(text: str, gaps: list[str]) -> None:
    tried = _tried(RULE.replace("assert: mailbox.owner != null", f"assert: '{text}'"))
    assert tried.failures == ()
    assert [finding.message for finding in tried.gaps] == gaps
    assert tried.passed is (gaps == [])


def test_match_must_be_seen_to_take_and_to_leave_out() -> None:
    always = _tried(RULE.replace('match: mailbox.type == "queue"', 'match: mailbox.type != "forward"').replace("      - name: of a user\n", "      - name: of a user\n        environment: example\n").replace("spec: {emailAddress: a@contoso.example}", "spec: {emailAddress: a@contoso.example, owner: anna}"))  # fmt: skip
    assert [finding.message for finding in always.gaps] == ["no example has an object that match leaves out"]
    assert [finding.rule for finding in always.gaps] == ["policy/untried"]
    plain = RULE.replace('  match: mailbox.type == "queue"\n', "  match: 'true'\n")
    plain = plain.replace("spec: {emailAddress: a@contoso.example}", "spec: {emailAddress: a@contoso.example, owner: anna}")
    assert _tried(plain).passed


def test_mutants_that_no_example_notices_are_named() -> None:
    trial, tried = _trial(RULE)
    assert tried.passed
    assert [*survivors(trial)] == []
    blind = RULE.replace("spec: {emailAddress: a@contoso.example}", "spec: {emailAddress: a@contoso.example, owner: anna}")
    trial, tried = _trial(blind)
    assert tried.passed
    assert [*survivors(trial)] == ["match widened to true"]


def test_a_limit_needs_an_example_on_both_sides() -> None:
    text = RULE.replace("assert: mailbox.owner != null", "assert: mailbox.owner != null && mailbox.owner.size() >= params.least")
    text = text.replace("  examples:\n", "  parameters:\n    least: {description: x, default: 4}\n  examples:\n")
    trial, _ = _trial(text)
    assert "parameter least moved down to 3" in [*survivors(trial)]
    assert "parameter least moved up to 5" not in [*survivors(trial)]


@pytest.mark.parametrize("expression", ["int(mailbox.displayName) / 60", "profile.displayName"])
def test_a_message_that_cannot_be_worked_out_fails_the_example(expression: str) -> None:
    tried = _tried(RULE.replace('"{mailbox.name} has no owner"', f'"{{{expression}}} has no owner"'))
    (failure,) = tried.failures
    assert failure.message == ("the bad example 1 has a message with a part that cannot be worked out: (not known) has no owner")
    assert failure.path == "spec.message"
