"""The rules that come with reconcile: all can be read, and each passes its examples."""

from __future__ import annotations

import pytest

from reconcile.wiring.policies import shipped_folder
from support.rule_book import FOLDER, shipped


def test_the_folder_is_the_one_of_the_package() -> None:
    assert shipped_folder() == FOLDER
    assert len(shipped().trials) > 50


def test_every_document_can_be_read_and_every_rule_compiles() -> None:
    assert shipped().wrong == []


@pytest.mark.parametrize("name", shipped().trials)
def test_it_passes_its_examples(name: str) -> None:
    rule = shipped().book.get(name)
    assert rule is not None, "it does not compile"
    tried = shipped().trials[name].run(rule)
    assert [f"{finding.position}: {finding.message}" for finding in (*tried.failures, *tried.gaps)] == []
