"""Each shipped rule is made wrong on purpose: assert negated, match widened and emptied, numbers moved by one. An example must notice."""

from __future__ import annotations

import pytest

from reconcile.model.policy_rule import PolicyRule
from reconcile.policy.mutants import mutants, survivors
from support.rule_book import shipped


@pytest.mark.parametrize("name", shipped().trials)
def test_its_examples_notice_when_it_is_wrong(name: str) -> None:
    """Survivors are changes of the rule that none of its examples shows."""
    trial = shipped().trials[name]
    assert shipped().book.get(name) is not None, "it does not compile"
    document = trial.declared.document
    assert isinstance(document, PolicyRule)
    assert len([*mutants(document.spec)]) > 0
    assert [*survivors(trial)] == []


def test_what_is_done_to_rules() -> None:
    done = {how for trial in shipped().trials.values() for how in _done(trial.declared.document)}
    assert {"assert negated", "match widened to true", "match emptied to false"} < done
    assert any(how.startswith("parameter") for how in done)


def _done(document: object) -> list[str]:
    assert isinstance(document, PolicyRule)
    return [mutant.how for mutant in mutants(document.spec)]
