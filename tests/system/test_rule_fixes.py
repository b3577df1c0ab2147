"""The fixes of the rules that come with reconcile, on the bad examples of these rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconcile.model.policy_rule import PolicyRule, RuleExample
from reconcile.source.document_cache import SqliteDocumentCache
from reconcile.wiring.policies import shipped_rules
from support.mending import TODAY, fixes_of

ENVIRONMENT = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: example}\nspec: {}\n"


def with_fixes() -> Iterator[PolicyRule]:
    for _, one in sorted(shipped_rules(None)[0].items()):
        if isinstance(one.document, PolicyRule) and one.document.spec.fix:
            yield one.document


RULES = [*with_fixes()]
#: Edits that are half of what is to be done: on the bad examples another rule then asks a person for the other half, so nothing is edited.
HALVES = {"act-needs-impersonation": "impersonation-scope-declared", "large-profiles-mail-their-alerts": "alerts-reach-somebody"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> SqliteDocumentCache:
    return SqliteDocumentCache(tmp_path_factory.mktemp("cache"))


def estate(example: RuleExample, rule: PolicyRule) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {**example.files} if example.files else {"example.yaml": example.documents or ""}
    if not any("kind: Environment" in str(text) for text in files.values()):
        files["environment.yaml"] = ENVIRONMENT
    if example.parameters:
        values = ", ".join(f"{name}: {str(value).lower()}" for name, value in example.parameters.items())
        files["settings.yaml"] = (
            "apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {name: example}\n"
            f"spec: {{rules: {{{rule.metadata.name}: {{enabled: true, parameters: {{{values}}}}}}}}}\n"
        )
    return files


@pytest.mark.parametrize("rule", RULES, ids=[rule.metadata.name for rule in RULES])
def test_a_fix_mends_a_bad_example_of_its_rule(rule: PolicyRule, cache: SqliteDocumentCache) -> None:
    """Of a rule that names an edit, the edit is offered on at least one of its bad examples; else nobody would ever see it."""
    told = []
    for example in rule.spec.examples.bad:
        _, mending = fixes_of(estate(example, rule), cache=cache, environment=example.environment, today=example.today or TODAY)
        if any(finding.rule == rule.metadata.name for one in mending.fixes for finding in one.findings):
            return
        told += [one.words for one in mending.suggestions if one.finding.rule == rule.metadata.name]
    half = HALVES.get(rule.metadata.name)
    if half and told and all(f"would bring another finding: {half} on" in words for words in told):
        return
    pytest.fail(f"no bad example of {rule.metadata.name} is mended: {told}")


def test_there_are_some() -> None:
    assert len(RULES) >= 10
