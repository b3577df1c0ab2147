"""docs/security.md names, for each requirement, code that is there and tests that are there and run."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
#: What a review asks for, by the numbers of the page.
WANTED = {1, 2, 3, 4, 9, 11, 12, 13, 14, 15, 16, 17, 18, 21, 22, 24, 25, 26, 27, 37, 38, 39}
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ROWS = {int(number): (asked, guards, tests) for number, asked, guards, tests in _ROW.findall(PAGE.read_text())}


def _named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def _tests(file: str) -> dict[str, list[str]]:
    """Names of the tests in a file (`Class::name` in a class), each with its decorators as text."""
    found: dict[str, list[str]] = {}
    for node in ast.parse((ROOT / file).read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        before = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for each in inner:
            if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
                found[before + each.name] = [ast.unparse(one) for one in each.decorator_list]
    return found


def test_every_requirement_has_its_row_once() -> None:
    assert set(ROWS) == WANTED
    assert len(_ROW.findall(PAGE.read_text())) == len(WANTED)


@pytest.mark.parametrize("number", sorted(WANTED))
def test_guards_and_tests_are_there(number: int) -> None:
    asked, guards, tests = ROWS[number]
    assert len(asked) > 30
    assert _named(guards)
    assert _named(tests)
    for guard in _named(guards):
        assert (ROOT / "src" / "reconcile" / guard).is_file(), guard
    for test in _named(tests):
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), test
        assert name in _tests(file), test
        assert not [one for one in _tests(file)[name] if "skip" in one or "xfail" in one], test


def test_it_can_be_found() -> None:
    assert "](security.md)" in (ROOT / "docs" / "index.md").read_text()


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", PAGE.read_text()):
        assert (PAGE.parent / target).is_file(), target
