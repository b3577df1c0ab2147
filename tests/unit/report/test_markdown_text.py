"""Sentences of data as Markdown: words stay words, everything else is code."""

from __future__ import annotations

import pytest

from reconcile.desired.rules import RULES
from reconcile.report.markdown_text import prose


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('write facts.ewsSwitch ("on", "off" or not-set)', 'write `facts.ewsSwitch` ("on", "off" or not-set)'),
        ('"@all" and "#1"', '"`@all`" and "`#1`"'),
        ('see "https://contoso.example".', 'see "`https://contoso.example`".'),
        ('"<b>" [a](b "c")', '"`<b>`" `[a](b` "c")'),
        ('say "deadbeef1"', 'say "`deadbeef1`"'),
    ],
)
def test_quotes_stand_around_words_and_take_nothing_into_code_with_them(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_what_is_said_of_a_finding_holds_no_link_of_the_documentation() -> None:
    """It is printed, and put into comments, where the page is not."""
    assert [rule.id for rule in RULES if "](" in rule.meaning + rule.fix] == []
