"""How a rule came to its verdict about one object: values, operands, and every way it can end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.model.key import Key
from reconcile.policy.compile import compile_rules
from reconcile.policy.rule import Rule
from reconcile.policy.verdict import Part, Verdict, verdict
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox

TODAY = datetime(2026, 11, 22, tzinfo=UTC)
RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: own}
spec:
  title: x
  severity: warning
  message: x
  rationale: x
  remediation: x
  sources: [{title: x, date: "2026"}]
  appliesTo: Mailbox
  match: mailbox.type == "queue"
  assert: mailbox.owner != null || profile.state == "inactive"
  parameters:
    days: {description: x, default: 3}
"""
#: An error and false together would be false.
FAILING = RULE.replace("mailbox.owner != null ||", "mailbox.owner.size() > params.days &&").replace('"inactive"', '"active"')
EXTERNAL = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: theirs}
management: {lifecycle: external}
spec: {emailAddress: theirs@contoso.example}
"""


def _verdict(about: Key, *, text: str = RULE, more: str = "") -> Verdict | None:
    files: dict[str, str | bytes] = {
        "environment.yaml": ENVIRONMENT,
        "profile.yaml": PROFILE,
        "sales.yaml": mailbox(more=more),
        "anna.yaml": mailbox("anna").replace("type: queue", "type: user"),
        "none.yaml": mailbox("none").replace("  profile: contoso\n", ""),
        "theirs.yaml": EXTERNAL,
        "rule.yaml": text,
    }
    desired = load_texts(files).desired
    assert desired is not None
    book, faults = compile_rules(desired.policies.values())
    assert faults == ()
    rule: Rule = book.rules[0]
    return verdict(rule, desired, about, today=TODAY)


SALES = Key("Mailbox", "sales")


def test_what_fires_says_with_which_values() -> None:
    found = _verdict(SALES)
    assert found == Verdict(
        about=SALES,
        outcome="fires",
        values=(("mailbox.owner", "null"), ("mailbox.type", "queue"), ("profile.state", "active")),
        match=(Part(text='mailbox.type == "queue"', answer="true"),),
        assert_=(Part(text="mailbox.owner != null", answer="false"), Part(text='profile.state == "inactive"', answer="false")),
    )


@pytest.mark.parametrize(
    ("about", "text", "more", "outcome"),
    [
        (SALES, RULE, "  owner: desk\n", "holds"),
        (Key("Mailbox", "anna"), RULE, "", "passed-over"),
        (Key("Mailbox", "none"), RULE, "", "not-known"),
        (SALES, FAILING, "", "failed"),
        (SALES, RULE.replace("severity: warning", "severity: warning\n  enabled: false"), "", "not-in-force"),
        (SALES, RULE.replace("severity: warning", "severity: warning\n  validFrom: 2026-11-23"), "", "not-in-force"),
        (SALES, RULE.replace('  match: mailbox.type == "queue"\n', ""), "", "fires"),
    ],
)
def test_every_way_to_end(about: Key, text: str, more: str, outcome: str) -> None:
    found = _verdict(about, text=text, more=more)
    assert found is not None
    assert found.outcome == outcome


def test_what_is_not_known_is_named() -> None:
    found = _verdict(Key("Mailbox", "none"))
    assert found is not None
    assert dict(found.values)["profile.state"] == "not known"
    assert (found.match, found.assert_) == ((), ())


def test_what_fails_says_why_at_its_operand() -> None:
    found = _verdict(SALES, text=FAILING)
    assert found is not None
    assert [part.answer for part in found.assert_] == [
        "a value is null, or of another type, where one is needed: (null_type).size()",
        "true",
    ]


@pytest.mark.parametrize("about", [Key("Mailbox", "theirs"), Key("Mailbox", "nobody"), Key("EmailServerProfile", "contoso")])
def test_what_is_no_subject_has_no_verdict(about: Key) -> None:
    assert _verdict(about) is None
