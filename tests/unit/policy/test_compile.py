"""Rules become programs, or findings at the very character of their file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.model.finding import Severity
from reconcile.policy.compile import first_sentence
from reconcile.policy.rule import RuleBook
from reconcile.report.findings_text import findings_text
from support.judging import FILE, compiled, rule, rule_text

_HEAD = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: tried}
spec:
  title: A rule
  severity: error
  message: "{mailbox.name} is wrong"
  rationale: Because.
  remediation: Mend it.
  sources: [{title: A page, date: "2016"}]
  appliesTo: Mailbox
"""


@pytest.mark.parametrize(
    ("written", "line", "column", "end"),
    [
        ("  assert: mailbox.tipe == null\n", 12, 11, 23),
        ("  assert: 'mailbox.tipe == null'\n", 12, 12, 24),
        ('  assert: "mailbox.tipe == null"\n', 12, 12, 24),
        ("  assert: |\n    true &&\n      mailbox.tipe == null\n", 14, 7, 19),
        ("  assert: >-\n    true &&\n    mailbox.tipe == null\n", 14, 5, 17),
        ("  assert: >-\n    true\n\n    && mailbox.tipe == null\n", 15, 8, 20),
        ("  assert: true &&\n    mailbox.tipe\n    == null\n", 13, 5, 17),
        ("  assert: 'mailbox.type == ''queu'''\n", 12, 28, 35),
        ("  assert: 'mailbox.name == ''x'' && mailbox.tipe == null'\n", 12, 37, 49),
        ("  assert: 'mailbox.name == '''' && mailbox.tipe == null'\n", 12, 36, 48),
        ('  assert: "mailbox.name == \\"x\\" && mailbox.tipe == null"\n', 12, 37, 49),
        ('  assert: "mailbox.name == \'\\U0001F600\\u00e9\\x41\\t\' && mailbox.tipe == null"\n', 12, 56, 68),
        ('  assert: "true &\\\n    & mailbox.tipe == null"\n', 13, 7, 19),
        ("  match: mailbox.tipe == null\n  assert: 'true'\n", 12, 10, 22),
    ],
)  # fmt: skip
def test_a_fault_stands_at_its_character_however_yaml_wraps_it(written: str, line: int, column: int, end: int) -> None:
    book, findings = compiled(_HEAD + written)
    assert not book.rules
    (finding,) = findings
    place = finding.position
    assert (finding.rule, finding.severity) == ("policy/expression", Severity.ERROR)
    assert (place.file, place.line, place.column, place.end_column) == (FILE, line, column, end)


@pytest.mark.parametrize(
    ("assert_", "message", "caret"),
    [
        ("mailbox.incomming == null", "unknown variable mailbox.incomming", "mailbox.incomming"),
        ("mailbox.incoming == 3", "== does not fit what it is given: (string, int)", "=="),
        ('mailbox.incoming == "serverside"', "mailbox.incoming is never 'serverside'", '"serverside"'),
    ],
)
def test_lint_shows_file_line_column_and_caret(assert_: str, message: str, caret: str) -> None:
    text = _HEAD + f"  assert: {assert_}\n"
    _, findings = compiled(text)
    shown = "\n".join(findings_text(findings, lambda _: text.encode(), color=False, columns=120))
    column = 11 + assert_.index(caret)
    assert message in shown
    assert f"{FILE}:12:{column}" in shown
    line = next(line for line in shown.splitlines() if "^" in line)
    written = next(line for line in shown.splitlines() if assert_ in line)
    assert line.index("^") == written.index(assert_) + assert_.index(caret)


def test_braces_of_the_message_are_checked_where_they_stand() -> None:
    text = _HEAD.replace("{mailbox.name} is", "{mailbox.name}, {mailbox.nam} is") + "  assert: 'true'\n"
    _, (finding,) = compiled(text)
    assert (finding.position.line, finding.position.column, finding.position.end_column) == (7, 30, 41)
    assert finding.message == "unknown variable mailbox.nam"
    _, (unclosed,) = compiled(_HEAD.replace("{mailbox.name} is", "{mailbox.name is") + "  assert: 'true'\n")
    assert unclosed.message == "{ without }"


def test_every_fault_of_a_rule_is_told_and_the_others_are_kept() -> None:
    bad = _HEAD + "  match: mailbox.a == null\n  assert: mailbox.b == null && mailbox.c == null\n  at: [mailbox.incomin]\n"
    book, findings = compiled(bad + "---\n" + rule_text("true", name="sound"))
    assert [one.id for one in book] == ["sound"]
    assert [finding.message for finding in findings] == [
        "unknown variable mailbox.a",
        "unknown variable mailbox.b",
        "unknown variable mailbox.c",
        "unknown field mailbox.incomin",
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"at": "[counts.mailboxes]"}, "unknown field counts.mailboxes"),
        ({"at": "[mailbox]"}, "unknown field mailbox"),
        ({"over": "Organization", "cause": "profile"}, "a rule over Organization has no profile that could be the cause"),
    ],
)
def test_what_a_finding_would_mark_must_be_there(more: dict[str, str], message: str) -> None:
    _, findings = compiled(rule_text("true", **more))
    assert [finding.message for finding in findings] == [message]


def test_groups_of_fields_may_be_marked() -> None:
    assert rule("true", at="[mailbox.credentials, profile.incoming.server, mailbox.name]").at == (
        "mailbox.credentials",
        "profile.incoming.server",
        "mailbox.name",
    )


def test_parameters_are_typed_by_their_default() -> None:
    text = "{most: {description: A number., default: 3}, words: {description: Words., default: [a]}, on: {description: Whether., default: true}}"
    found = rule("size(counts.lookalikes) < params.most && (params.on || mailbox.name in params.words)", parameters=text)
    assert dict(found.parameters) == {"params.most": 3, "params.words": ["a"], "params.on": True}
    _, (finding,) = compiled(rule_text("params.most == 'x'", parameters=text))
    assert finding.message == "== does not fit what it is given: (int, string)"


def test_the_severity_follows_the_date() -> None:
    found = rule("true", escalations="[{from: 2027-01-01, severity: error}, {from: 2026-10-01, severity: information}]")
    dates = [datetime(year, month, 1, tzinfo=UTC) for year, month in ((2026, 9), (2026, 10), (2026, 12), (2027, 1), (2030, 1))]
    assert [str(found.severity_at(date)) for date in dates] == ["warning", "information", "information", "error", "error"]


def test_a_rule_holds_between_its_dates() -> None:
    found = rule("true", validFrom="2026-10-01", validUntil="2027-01-01")
    dates = [datetime(year, month, 1, tzinfo=UTC) for year, month in ((2026, 9), (2026, 10), (2026, 12), (2027, 1))]
    assert [found.holds(date) for date in dates] == [False, True, True, False]
    assert not rule("true", enabled="false").holds(dates[1])


def test_a_book_comes_back_from_its_bytes() -> None:
    text = rule_text(
        "mailbox.type == 'user' && timestamp('2026-01-01T00:00:00Z') < today",
        match="profile.state == 'active'",
        message='"{mailbox.name}: {size(counts.lookalikes)} of {params.most} }}"',
        parameters="{most: {description: A number., default: 3}}",
        at="[mailbox.incoming]",
        cause="profile",
        escalations="[{from: 2027-01-01, severity: error}]",
        validFrom="2026-10-01",
        tags="[security]",
    )
    book, findings = compiled(text)
    assert not findings
    assert RuleBook.load(book.dump()) == book
    assert book.get("tried") is book.rules[0]
    assert book.get("other") is None


@pytest.mark.parametrize("data", [b"", b"{}", b"[2, [{}]]", b"[1, []]", b"[2, 3]", b'[2, [{"id": 1}]]', b"\xff"])
def test_other_bytes_are_no_book(data: bytes) -> None:
    with pytest.raises(ValueError):
        RuleBook.load(data)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Set it. Then go on.", "Set it."),
        ("Set tls to implicit", "Set tls to implicit"),
        ("Set incoming.tls (e.g. implicit) first.\n`Then` on.", "Set incoming.tls (e.g. implicit) first."),
        ("Is it so? Then mend it.", "Is it so?"),
        ("One\nsentence over\nlines. And another.", "One sentence over lines."),
    ],
)
def test_the_hint_is_the_first_sentence(text: str, first: str) -> None:
    assert first_sentence(text) == first
