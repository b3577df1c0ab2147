"""Our own shapes of documents for other programs: they notice what is wrong, and pass nothing that a published schema refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from reconcile.report.rule_facts import facts
from reconcile.report.sarif import sarif
from support.findings import rule, sample
from support.published_schemas import NOT_HERE, OWN, published
from support.tree import ROOT


def _documents() -> Iterator[tuple[str, Any]]:
    yield "sarif-schema-2.1.0.json", json.loads("".join(sarif(sample(), facts([rule()]), version="0.1.0")))
    examples = ROOT / "docs" / "examples" / "gate"
    yaml = YAML(typ="safe", pure=True)
    for path in (ROOT / ".github" / "workflows" / "policy-gate.yml", examples / "policy-gate.yml", examples / "policy-gate-comment.yml"):
        yield "github-workflow.json", yaml.load(path.read_text("utf-8"))
    yield "pre-commit-hooks.json", yaml.load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


DOCUMENTS = [pytest.param(name, document, id=f"{name}-{number}") for number, (name, document) in enumerate(_documents())]
_NOTHING = object()


def _mutants(document: Any) -> Iterator[tuple[str, Any]]:
    """(what was done, the document with one thing wrong): each value taken out, made another type, or joined by a stranger."""
    for path in _paths(document, ()):
        for wrong in (_NOTHING, 7, "\x00 no such word", [], {}, None):
            changed = copy.deepcopy(document)
            inside = changed
            for part in path[:-1]:
                inside = inside[part]
            if wrong is _NOTHING:
                del inside[path[-1]]
            else:
                inside[path[-1]] = wrong
            yield f"{path} {'taken out' if wrong is _NOTHING else repr(wrong)}", changed
        if path and isinstance(path[-1], str):
            changed = copy.deepcopy(document)
            inside = changed
            for part in path[:-1]:
                inside = inside[part]
            inside["noSuchField"] = 1
            yield f"{path[:-1]} and a stranger", changed


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, (dict, list)):
        # Two of each list show what a third would.
        for key, inner in [*(value.items() if isinstance(value, dict) else enumerate(value))][: 2 if isinstance(value, list) else None]:
            yield (*path, key)
            yield from _paths(inner, (*path, key))


@pytest.mark.parametrize(("name", "document"), DOCUMENTS)
def test_a_shape_takes_what_we_write_and_notices_what_is_wrong(name: str, document: Any) -> None:
    own = jsonschema_rs.validator_for(OWN[name])
    assert [error.message for error in own.iter_errors(document)] == []
    refused = [not own.is_valid(mutant) for _, mutant in _mutants(document)]
    assert len(refused) > 50
    assert sum(refused) / len(refused) > 0.5, "a shape that takes anything shows nothing"


@pytest.mark.parametrize(("name", "document"), [one for one in DOCUMENTS if "workflow" not in str(one.id)])
def test_a_shape_passes_nothing_that_the_published_schema_refuses(name: str, document: Any) -> None:
    schema = published(name)
    if schema is None:
        pytest.skip(NOT_HERE)
    own, theirs = jsonschema_rs.validator_for(OWN[name]), jsonschema_rs.validator_for(schema)
    assert [error.message for error in theirs.iter_errors(document)] == []
    assert [what for what, mutant in _mutants(document) if own.is_valid(mutant) and not theirs.is_valid(mutant)] == []
