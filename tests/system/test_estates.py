"""The rule book is held against tests/estates: what is right earns no error and no warning, each mistake exactly what a specialist expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import pytest

from reconcile.desired.lint import lint
from reconcile.model.finding import Finding, Severity
from reconcile.source.folder import FolderSource
from reconcile.wiring.judging import rule_checks
from support.rule_book import shipped
from support.written_estates import Written, correct, mistakes

TODAY: Final = datetime(2026, 11, 22, tzinfo=UTC)


class _Kept(dict[str, bytes]):
    """A document cache that lasts as long as the tests, so that the rules are compiled once."""

    def get(self, keys: Sequence[str]) -> Mapping[str, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}

    def put(self, entries: Mapping[str, bytes]) -> None:
        self.update(entries)


_CACHE: Final = _Kept()


@lru_cache(maxsize=128)
def _findings(one: Written) -> tuple[Finding, ...]:
    """Errors and warnings of an estate."""
    source = FolderSource(one.root)
    listing = source.list()
    result = lint(
        listing.files,
        listing.findings,
        source.read,
        environment=None,
        source="",
        revision="",
        checks=rule_checks(_CACHE, today=TODAY),
    )
    assert not [finding for finding in result.findings if finding.rule.startswith("policy/")]
    return tuple(finding for finding in result.findings if finding.severity > Severity.INFORMATION)


def _place(finding: Finding) -> tuple[str, str, str, int]:
    return (finding.rule, str(finding.severity), finding.position.file, finding.position.line)


@pytest.mark.parametrize("one", correct(), ids=str)
def test_a_correct_estate_earns_no_error_and_no_warning(one: Written) -> None:
    assert [f"{finding.position}: {finding.rule}: {finding.message}" for finding in _findings(one)] == []


@pytest.mark.parametrize("one", mistakes(), ids=str)
def test_a_mistake_earns_what_a_specialist_expects(one: Written) -> None:
    expected = {(entry.rule, entry.severity, entry.file, entry.line) for entry in one.expected}
    assert {_place(finding) for finding in _findings(one)} == expected


@pytest.mark.parametrize("one", mistakes(), ids=str)
def test_what_is_found_says_what_to_do(one: Written) -> None:
    for finding in _findings(one):
        assert finding.hint
        assert "{" not in finding.message
        assert finding.values, "the values that made it fire"


def test_each_mistake_names_rules_that_come_with_reconcile() -> None:
    assert {entry.rule for one in mistakes() for entry in one.expected} <= shipped().trials.keys()
