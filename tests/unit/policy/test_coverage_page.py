"""docs/policies/coverage.md: it names rules that exist, each rule stands in one of its tables, and each row says where it is held."""

from __future__ import annotations

import re
from typing import Final

from reconcile.model.policy_rule import PolicyRule
from support.rule_book import shipped
from support.tree import ROOT

PAGE: Final = (ROOT / "docs" / "policies" / "coverage.md").read_text("utf-8")
_OF_PAGES, _, _OF_OTHERS = PAGE.partition("\n## Rules from other sources\n")
#: What looks like the id of a rule; fields and files stand in backticks too, but are written differently.
_ID: Final = re.compile(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`")
#: How a statement can be held by something else than a rule.
_OTHERWISE: Final = (
    "Not checkable: ",
    "Refused by the schema",
    "Engine: ",
    "The kind ",
    "The default of ",
    "tests/",
    "required by the schema",
)


def _rows(text: str) -> list[tuple[str, str]]:
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert all(len(row) == 2 for row in rows)
    return [(row[0], row[1]) for row in rows if row[1] not in ("held by", "source")]


def test_rules_that_are_named_exist() -> None:
    assert sorted(set(_ID.findall(PAGE)) - shipped().trials.keys()) == []


def test_each_rule_stands_in_one_of_the_tables() -> None:
    of_pages, of_others = set(_ID.findall(_OF_PAGES)), set(_ID.findall(_OF_OTHERS))
    missing = sorted(shipped().trials.keys() - of_pages - of_others)
    assert missing == [], "write them beside the sentence of a page they hold, or into the table of other sources"
    assert sorted(of_pages & of_others) == []


def test_each_sentence_says_where_it_is_held() -> None:
    rows = _rows(_OF_PAGES)
    assert len(rows) > 100
    for sentence, held in rows:
        assert sentence.endswith(".")
        assert _ID.search(held) or any(word in held for word in _OTHERWISE), sentence


def test_what_is_not_checkable_names_the_datum_and_who_has_it() -> None:
    for sentence, held in _rows(_OF_PAGES):
        for _, _, rest in [held.partition("Not checkable: ")] if "Not checkable: " in held else []:
            assert re.search(r" (has|have|knows) ?(it|them)?\.|whoever|it speaks of", rest), sentence


def test_other_sources_are_those_of_the_rules() -> None:
    for name, source in _rows(_OF_OTHERS):
        (rule,) = _ID.findall(name)
        document = shipped().trials[rule].declared.document
        assert isinstance(document, PolicyRule)
        assert source in [f"{one.title} ({one.date})" for one in document.spec.sources]
