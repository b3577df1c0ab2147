"""docs/policies has a page for each rule that comes with reconcile, and an index; both are made from the rules."""

from __future__ import annotations

import os

import pytest

from reconcile.model.policy_rule import PolicyRule
from reconcile.report.rule_page import BEGIN, END, rule_page, with_index
from support.rule_book import FOLDER, shipped

PAGES = FOLDER.parent / "docs" / "policies"
#: Pages that people write, and the one of the variables.
OTHERS = {"index.md", "coverage.md", "plan-rules.md", "variables.md"}
HOW = "run: REFRESH=1 pytest tests/unit/policy/test_rule_pages.py"


def _rule(name: str) -> PolicyRule:
    document = shipped().trials[name].declared.document
    assert isinstance(document, PolicyRule)
    return document


def _refreshing() -> bool:
    return os.environ.get("REFRESH") == "1"


@pytest.mark.parametrize("name", shipped().trials)
def test_the_page_of_a_rule_is_current(name: str) -> None:
    """`REFRESH=1 pytest tests/unit/policy/test_rule_pages.py` writes it."""
    page = PAGES / f"{name}.md"
    expected = rule_page(_rule(name))
    if _refreshing():
        page.write_text(expected, encoding="utf-8")
    assert page.is_file(), HOW
    assert page.read_text(encoding="utf-8") == expected, HOW


def test_the_index_is_current() -> None:
    page = PAGES / "index.md"
    expected = with_index(page.read_text(encoding="utf-8"), [_rule(name) for name in shipped().trials])
    if _refreshing():
        page.write_text(expected, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == expected, HOW


def test_no_page_is_of_a_rule_that_is_gone() -> None:
    left = {page.name for page in PAGES.glob("*.md")} - OTHERS - {f"{name}.md" for name in shipped().trials}
    if _refreshing():
        for page in [PAGES / name for name in left]:
            # What people wrote is left for them to name above.
            if "\n## How it is checked\n" in page.read_text(encoding="utf-8"):
                page.unlink()
                left.discard(page.name)
    assert left == set(), HOW


def test_no_rule_takes_the_name_of_another_page() -> None:
    assert not OTHERS & {f"{name}.md" for name in shipped().trials}


def test_a_page_without_markers_is_refused() -> None:
    for page in ("", BEGIN, END):
        with pytest.raises(ValueError, match="has no markers"):
            with_index(page, [])
