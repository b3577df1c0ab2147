"""Findings as a comment: it fits, it says what was cut, and nothing in it is anything but text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.report.findings_markdown import counted_findings, findings_markdown
from reconcile.report.markdown_blocks import LIMIT
from reconcile.report.rule_facts import RuleFacts, facts
from support.comment import harm, headings
from support.findings import HOSTILE, finding, rule, sample

TEXT = st.text(max_size=30) | st.sampled_from(
    (HOSTILE, "</details>", "<!-- x", "- a\n# b", "```", "@all", "#1", "GH-1", "https://x.example")
)
FINDINGS = st.builds(
    Finding,
    rule=TEXT,
    severity=st.sampled_from(Severity),
    message=TEXT,
    position=st.builds(Position, TEXT, st.integers(1, 3)),
    hint=TEXT,
    path=TEXT,
    resource=st.none() | st.builds(Key, st.sampled_from(("Mailbox", "x")), TEXT),
    cause=st.none() | st.builds(Key, TEXT, TEXT),
    accepted=st.none() | st.builds(Accepted, by=st.just("waiver"), name=TEXT),
)


@given(st.lists(FINDINGS, max_size=8), TEXT)
@settings(max_examples=200, deadline=None)
def test_no_data_becomes_html_a_link_an_image_or_a_mention(found: list[Finding], words: str) -> None:
    hostile = RuleFacts(id="a", title=words, severity=Severity.ERROR, why=words, remedy=words, sources=(words,), tags=(words,))
    known = {one.rule: hostile for one in found[::2]}
    text = findings_markdown(found, known, show_accepted=True)
    assert list(harm(text)) == []
    assert headings(text) == ["h3", *["h4"] * len({(one.rule, one.severity) for one in found})]


def test_harm_is_noticed() -> None:
    for text in ("<b>x</b>\n", "[x](https://x.example)", "@all", "# h\n\n    code\n", "1. x"):
        assert [*harm(text)], text


@pytest.mark.parametrize("limit", [400, 700, 5_000, 20_000, LIMIT])
def test_it_fits_and_says_what_was_cut(limit: int) -> None:
    found = [
        replace(finding(number, rule=f"rule-{number % 40}", cause=None), resource=Key("Mailbox", f"user{number:06}"))
        for number in range(3000)
    ]
    text = findings_markdown(found, facts([rule("rule-0")]), limit=limit)
    assert len(text) <= limit
    assert "findings did not fit into this comment" in text
    assert list(harm(text)) == []
    shown = text.count(" synchronises appointments")
    assert f"**{3000 - shown:,} findings did not fit" in text


def test_ten_thousand_mailboxes_of_one_profile_are_one_line() -> None:
    text = findings_markdown([finding(number) for number in range(10_000)], facts([rule()]))
    assert "10,000 mailboxes for this reason" in text
    assert " and 9,000 more" in text
    assert "did not fit" not in text


def test_folded_names_stay_inside_their_finding() -> None:
    text = findings_markdown([finding(number) for number in range(3)], facts())
    assert "    `user000000`, `user000001`, `user000002`" in text
    assert list(harm(text)) == []


def test_accepted_findings_are_a_number_unless_they_are_asked_for() -> None:
    known = facts()
    assert "legacy speaks" not in findings_markdown(sample(), known)
    assert "accepted by waiver legacy-until-spring until 2027-03-31" in findings_markdown(sample(), known, show_accepted=True)
    assert counted_findings(sample()) == "6 errors · 3 warnings · 1 information · 2 accepted"
    assert counted_findings([]) == "none"


def test_the_same_findings_give_the_same_text() -> None:
    assert findings_markdown(sample(), facts()) == findings_markdown(sample(), facts())
