"""The rule book of an estate: shipped rules and its own, kept compiled between runs, and nothing read that has not changed."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from reconcile.desired import policies as reader
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState
from reconcile.policy import cel
from reconcile.source.document_cache import SqliteDocumentCache
from reconcile.wiring import policies
from reconcile.wiring.policies import Rules, rules_named, rules_of, shipped_rules
from support.estate import ENVIRONMENT, load_texts

OWN = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: own}
spec:
  title: x
  severity: warning
  message: "{mailbox.name}"
  rationale: x
  remediation: x
  sources: [{title: x, date: "2026"}]
  appliesTo: Mailbox
  assert: mailbox.owner != null
  parameters:
    days: {description: x, default: 3, minimum: 1}
"""
SETTINGS = """\
apiVersion: reconcile/v1alpha2
kind: PolicySettings
metadata: {name: s}
spec: {rules: {own: {parameters: {days: 0}}}}
"""


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder of shipped rules, which has settled."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "a.yaml").write_text(OWN.replace("name: own", "name: shipped"))
    (folder / "providers").mkdir()
    (folder / "providers" / "p.yaml").write_text("not: read\n")
    monkeypatch.setattr(policies, "shipped_folder", lambda: folder)
    # What was written just now may change again unseen, and is not kept.
    later = time.time() + 60
    monkeypatch.setattr(policies, "time", SimpleNamespace(time=lambda: later))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> SqliteDocumentCache:
    return SqliteDocumentCache(tmp_path / "cache", program="test")


def _desired(**files: str) -> DesiredState:
    texts: dict[str, str | bytes] = {"environment.yaml": ENVIRONMENT, **{f"{name}.yaml": text for name, text in files.items()}}
    desired = load_texts(texts).desired
    assert desired is not None
    return desired


def _ids(rules: Rules) -> list[str]:
    return [rule.id for rule in rules.book]


def _nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> object:
        raise AssertionError("read or compiled again")

    monkeypatch.setattr(cel, "check", never)
    monkeypatch.setattr(reader, "read_policies", never)


def test_the_second_time_nothing_is_read_or_compiled(shipped: Path, cache: SqliteDocumentCache, monkeypatch: pytest.MonkeyPatch) -> None:
    desired = _desired(own=OWN)
    first = rules_of(desired, cache)
    assert (_ids(first), first.findings, first.shipped) == (["own", "shipped"], (), frozenset({"shipped"}))
    _nothing_is_compiled(monkeypatch)
    again = rules_of(desired, cache)
    assert (_ids(again), again.findings, again.shipped) == (["own", "shipped"], (), frozenset({"shipped"}))
    assert {rule.id: rule.parameters for rule in again.book} == {rule.id: rule.parameters for rule in first.book}


def test_a_changed_shipped_file_is_read_again(shipped: Path, cache: SqliteDocumentCache) -> None:
    assert _ids(rules_of(None, cache)) == ["shipped"]
    (shipped / "a.yaml").write_text(OWN.replace("name: own", "name: other-one"))
    assert _ids(rules_of(None, cache)) == ["other-one"]


def test_a_changed_rule_of_the_estate_is_compiled_again(shipped: Path, cache: SqliteDocumentCache) -> None:
    assert rules_of(_desired(own=OWN), cache).findings == ()
    bad = rules_of(_desired(own=OWN.replace("mailbox.owner", "mailbox.onwer")), cache)
    assert [finding.rule for finding in bad.findings] == ["policy/expression"]
    assert _ids(bad) == ["shipped"], "what does not compile is left out, and the others count"
    assert [finding.rule for finding in rules_of(_desired(own=OWN.replace("mailbox.owner", "mailbox.onwer")), cache).findings] == [
        "policy/expression"
    ], "told each time"


def test_programs_of_another_build_of_the_library_are_not_used(
    shipped: Path, cache: SqliteDocumentCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _ids(rules_of(None, cache)) == ["shipped"]
    monkeypatch.setattr("reconcile.wiring.policies._library", lambda: "another")
    _nothing_is_compiled(monkeypatch)
    with pytest.raises(AssertionError, match="read or compiled again"):
        rules_of(None, cache)


def test_only_the_documents_of_named_rules_are_looked_at(
    shipped: Path, cache: SqliteDocumentCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = rules_of(None, cache)
    (shipped / "b.yaml").write_text(OWN.replace("severity: warning", "severity: no such thing"))
    assert [one.metadata.name for one in rules_named({"shipped", "policy/expression"}, [rules], cache)] == ["shipped"]
    assert [*rules_named({"own"}, [rules], cache)] == []
    _nothing_is_compiled(monkeypatch)
    assert [*rules_named({"policy/expression"}, [rules], cache)] == []


def test_ranges_are_kept_too(shipped: Path, cache: SqliteDocumentCache) -> None:
    desired = _desired(own=OWN, settings=SETTINGS)
    for _ in range(2):
        (finding,) = rules_of(desired, cache).findings
        assert (finding.rule, finding.message) == ("policy/parameter-value", "days of own is 0, expected at least 1")


def test_the_name_of_a_shipped_rule_is_taken(shipped: Path, cache: SqliteDocumentCache) -> None:
    desired = _desired(own=OWN.replace("name: own", "name: shipped").replace("severity: warning", "severity: error"))
    for _ in range(2):
        rules = rules_of(desired, cache)
        (finding,) = rules.findings
        assert (finding.rule, str(finding.position), finding.resource) == (
            "policy/rule-name",
            "own.yaml:3:18",
            Key("PolicyRule", "shipped"),
        )
        assert [str(rule.severity) for rule in rules.book] == ["warning"]


@pytest.mark.parametrize("damage", [b"", b"{}", b"{}\n", b"{}\n[1, []]", b'{"own": 3}\n[]', b"\xff\n\xff"])
def test_what_is_damaged_is_made_again(shipped: Path, cache: SqliteDocumentCache, damage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, bytes] = {}
    put = cache.put
    monkeypatch.setattr(cache, "put", lambda entries: (kept.update(entries), put(entries)))
    rules_of(None, cache)
    put(dict.fromkeys((key for key in kept if key.startswith("shipped-rules")), damage))
    assert _ids(rules_of(None, cache)) == ["shipped"]


def test_without_a_cache_it_works_too(shipped: Path) -> None:
    assert _ids(rules_of(_desired(own=OWN), None)) == ["own", "shipped"]


def test_files_of_the_package_are_named_as_such(shipped: Path) -> None:
    declared, findings = shipped_rules(None)
    assert findings == ()
    assert declared[Key("PolicyRule", "shipped")].place(("spec", "assert")).file == "reconcile/policies/a.yaml"
