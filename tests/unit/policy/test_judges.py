"""Which documents judge an environment, and which edits of them are told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconcile.desired.load import load
from reconcile.model.resource import DesiredState
from reconcile.policy.judges import judge_changes, judged_by
from support.estate import Texts

RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {{name: {name}}}
spec:
  title: T
  severity: error
  message: m
  rationale: r
  remediation: r
  sources: [{{title: House rule, date: "2026"}}]
  appliesTo: Mailbox
  assert: mailbox.displayName != "{word}"
"""
SETTINGS = """\
apiVersion: reconcile/v1alpha2
kind: PolicySettings
metadata: {{name: {name}}}
spec: {{rules: {{some-rule: {{enabled: {enabled}}}}}}}
"""


def environment(name: str, *layers: str, brakes: str = "{}") -> str:
    return (
        f"apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {{name: {name}}}\n"
        f"spec: {{layers: [{', '.join(layers)}], brakes: {brakes}}}\n"
    )


def states(files: Mapping[str, str], *names: str) -> dict[str, DesiredState]:
    source = Texts(files)
    listing = source.list()
    found = {}
    for name in names:
        result = load(listing.files, listing.findings, source.read, environment=name, source="memory", revision="")
        assert result.desired is not None, result.findings
        found[name] = result.desired
    return found


BASE = {
    "e.yaml": environment("one", "base", "one") + "---\n" + environment("two", "base", "two"),
    "base/rule.yaml": RULE.format(name="shared", word="x"),
    "base/settings.yaml": SETTINGS.format(name="shared", enabled="true"),
    "one/rule.yaml": RULE.format(name="own", word="x"),
    "one/settings.yaml": SETTINGS.format(name="lax", enabled="false"),
    "two/rule.yaml": RULE.format(name="strict", word="x"),
}


def names(documents: Mapping[object, object]) -> list[str]:
    return sorted(map(str, documents))


def test_an_environment_is_judged_by_the_same_one_at_the_base() -> None:
    base = states(BASE, "one", "two")
    edited = states({**BASE, "one/rule.yaml": RULE.format(name="own", word="y"), "base/settings.yaml": ""}, "one")["one"]
    judges = judged_by(base)(edited)
    assert names(judges) == ["PolicyRule/own", "PolicyRule/shared", "PolicySettings/lax", "PolicySettings/shared"]
    assert judges is base["one"].policies


def test_a_new_environment_is_judged_by_every_rule_and_by_what_all_share() -> None:
    base = states(BASE, "one", "two")
    new = states({**BASE, "e.yaml": environment("three", "two")}, "three")["three"]
    assert names(judged_by(base)(new)) == ["PolicyRule/own", "PolicyRule/shared", "PolicyRule/strict", "PolicySettings/shared"]
    assert names(judged_by({})(new)) == []


def told(change: Mapping[str, str], files: tuple[str, ...] = (), grown: tuple[str, ...] = ()) -> list[tuple[str, str, tuple[str, ...]]]:
    changed = {path: text for path, text in {**BASE, **change}.items() if text}
    found = judge_changes(states(BASE, "one", "two"), states(changed, "one", "two"), files, baseline="b.json", grown=grown)
    return [(one.what, one.action, one.changes) for one in found]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        (
            {
                "base/mailbox.yaml": "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: m}\nspec: {emailAddress: m@contoso.example}\n"
            },
            [],
        ),
        ({"base/rule.yaml": "# moved, and nothing else\n" + RULE.format(name="shared", word="x")}, []),
        (
            {"base/rule.yaml": RULE.format(name="shared", word="y")},
            [("PolicyRule/shared", "changed", ('spec.assert: mailbox.displayName != "x" → mailbox.displayName != "y"',))],
        ),
        ({"one/rule.yaml": ""}, [("PolicyRule/own", "removed", ())]),
        ({"two/more.yaml": SETTINGS.format(name="more", enabled="false")}, [("PolicySettings/more", "added", ())]),
        (
            {"one/settings.yaml": SETTINGS.format(name="lax", enabled="true")},
            [("PolicySettings/lax", "changed", ("spec.rules.some-rule.enabled: false → true",))],
        ),
        (
            {
                "e.yaml": environment("one", "base", "one", brakes="{bulkDelete: {count: 900}}")
                + "---\n"
                + environment("two", "base", "two")
            },
            [("brakes of Environment/one", "changed", ("brakes.bulkDelete.count: not set → 900",))],
        ),
        (
            {"e.yaml": environment("one", "base") + "---\n" + environment("two", "base", "two")},
            [("PolicyRule/own", "removed", ()), ("PolicySettings/lax", "removed", ())],
        ),
    ],
)
def test_edits_are_told_once_with_what_they_change(change: dict[str, str], expected: list[tuple[str, str, tuple[str, ...]]]) -> None:
    assert told(change) == expected


@pytest.mark.parametrize(
    ("file", "judges"),
    [
        (".github/workflows/x.yml", True),
        (".github/CODEOWNERS", True),
        (".gitlab-ci.yml", True),
        (".pre-commit-config.yaml", True),
        ("CODEOWNERS", True),
        ("estate/CODEOWNERS", False),
        # It can give a work tree other words than those that were judged.
        (".gitattributes", True),
        ("estate/mailboxes/.gitattributes", True),
        ("estate/x.gitattributes", False),
        (".forgejo/workflows/gate.yml", True),
        ("bitbucket-pipelines.yml", True),
        ("readme.md", False),
        ("estate/.github/x", False),
        ("github/x", False),
    ],
)
def test_files_that_call_the_gate(file: str, judges: bool) -> None:
    assert told({}, (file,)) == ([(file, "changed", ())] if judges else [])


def test_a_baseline_is_told_when_it_accepts_more() -> None:
    assert told({}, ("b.json",)) == []
    assert told({}, ("b.json",), ("r on a",)) == [("b.json", "changed", ("accepts r on a",))]
    many = told({}, (), tuple(f"r on {number}" for number in range(20)))[0][2]
    assert (len(many), many[-1]) == (9, "and 12 more")


def test_what_is_added_pushes_nothing_out_of_sight() -> None:
    more = {f"base/more{number}.yaml": RULE.format(name=f"a{number}", word="x") for number in range(50)}
    head = {**BASE, **more, "base/settings.yaml": SETTINGS.format(name="shared", enabled="false")}
    told = judge_changes(states(BASE, "one", "two"), states(head, "one", "two"), [".github/workflows/gate.yml"], baseline="b", grown=["x"])
    assert [one.what for one in told[:3]] == ["PolicySettings/shared", ".github/workflows/gate.yml", "b"]
    assert {one.action for one in told[3:]} == {"added"}
