"""Files of an older apiVersion: read as if they were of today, and rewritten without a needless change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.desired.migrations import MIGRATIONS, migrated
from reconcile.desired.rewrite import rewrite
from reconcile.desired.yaml import read_values
from reconcile.model.key import API_VERSION, Key
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox


def old(text: str) -> str:
    return text.replace("reconcile/v1alpha2", "reconcile/v1alpha1").replace("layers:", "folders:")


NEW_ENVIRONMENT = ENVIRONMENT.replace("spec: {", "spec: {layers: [base, live], ")

CASES = [
    ("plain", mailbox()),
    ("flow", NEW_ENVIRONMENT),
    (
        "block",
        "apiVersion: reconcile/v1alpha2 # as of May\nkind: Environment\nmetadata: {name: x}\nspec:\n  # where\n  layers: # here\n    - base\n",
    ),
    ("quoted", "apiVersion: 'reconcile/v1alpha2'\nkind: \"Environment\"\nmetadata: {name: x}\nspec: {\"layers\": ['base']}\n"),
    ("several", f"# first\n{mailbox('a')}---\n# second\n{NEW_ENVIRONMENT}...\n---\n{mailbox('c')}"),
    ("Windows", mailbox().replace("\n", "\r\n")),
    ("with a mark", "\ufeff" + mailbox()),
    ("on one line", '{"apiVersion": "reconcile/v1alpha2", "kind": "Environment", "metadata": {"name": "x"}, "spec": {"layers": ["base"]}}'),
    ("others between", "other: file\n---\n" + mailbox()),
    ("words of other fields", mailbox(more="  displayName: 'folders: reconcile/v1alpha1'\n")),
]


@pytest.mark.parametrize("text", [text for _, text in CASES], ids=[name for name, _ in CASES])
def test_nothing_but_the_words_changes(text: str) -> None:
    before = (
        old(text)
        if "displayName: 'folders" not in text
        else text.replace("apiVersion: reconcile/v1alpha2", "apiVersion: reconcile/v1alpha1")
    )
    result = rewrite(before.encode(), file="f.yaml")
    assert result.findings == ()
    assert result.content is not None
    assert result.content.decode() == text
    assert rewrite(result.content, file="f.yaml").content is None


@pytest.mark.parametrize(
    "text", [mailbox(), "kind: x\n", "", "# nothing\n", mailbox().replace("v1alpha2", "v9"), mailbox().replace("v1alpha2", "v1alpha10")]
)
def test_what_is_not_old_is_left_alone(text: str) -> None:
    assert rewrite(text.encode(), file="f.yaml").content is None


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a: 'x", old(mailbox()).encode() + b"---\n: x: y", old(mailbox()).encode() + b"a: &b c\n"])
def test_what_cannot_be_read_is_reported_and_left_alone(data: bytes) -> None:
    result = rewrite(data, file="f.yaml")
    assert result.content is None
    assert result.findings


def test_a_value_over_several_lines_is_not_guessed_at() -> None:
    result = rewrite(b"apiVersion: >-\n  reconcile/v1alpha1\nkind: Mailbox\n", file="f.yaml")
    assert (result.content, [finding.rule for finding in result.findings]) == (None, ["document/not-migrated"])


def test_every_version_leads_to_todays() -> None:
    for version in MIGRATIONS:
        seen = [version]
        while seen[-1] in MIGRATIONS:
            seen.append(MIGRATIONS[seen[-1]].to)
            assert len(seen) <= len(MIGRATIONS) + 1
        assert seen[-1] == API_VERSION


def test_old_documents_mean_what_new_ones_mean_and_are_told_of_once() -> None:
    files: dict[str, str | bytes] = {"e.yaml": NEW_ENVIRONMENT, "base/p.yaml": PROFILE, "live/m.yaml": mailbox() + "---\n" + mailbox("n")}
    new = load_texts(files).desired
    read = load_texts({path: old(str(text)) for path, text in files.items()}).desired
    assert new is not None
    assert read is not None
    assert read.resources == new.resources
    (finding,) = read.findings
    assert (finding.rule, finding.message[:15], str(finding.position)) == (
        "document/old-api-version",
        "4 documents are",
        "base/p.yaml:1:13",
    )
    assert str(read.locate(Key("Environment", "test"), "layers")) == "e.yaml:4:8"


def test_a_finding_points_into_the_old_field() -> None:
    result = load_texts({"e.yaml": old(NEW_ENVIRONMENT), "base/p.yaml": old(PROFILE)})
    (finding,) = (one for one in result.findings if one.rule == "environment/empty-folder")
    assert str(finding.position).startswith("e.yaml:4:24")


def test_both_names_at_once_are_an_error() -> None:
    both = old(NEW_ENVIRONMENT).replace("spec: {", "spec: {layers: [base], ")
    assert "schema/unknown-field" in [finding.rule for finding in load_texts({"e.yaml": both, "base/p.yaml": PROFILE}).findings]


@given(st.permutations(["mailbox", "environment", "new", "profile"]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_rewriting_is_what_reading_does(order: list[str], line_end: str, mark: bool) -> None:
    parts = {"mailbox": old(mailbox()), "environment": old(NEW_ENVIRONMENT), "new": mailbox("new"), "profile": old(PROFILE)}
    data = ("\ufeff" * mark + "---\n".join(parts[name] for name in order).replace("\n", line_end)).encode()
    content = rewrite(data, file="f").content
    assert content is not None
    before, after = read_values(data), read_values(content)
    assert before is not None
    assert after == [(line, migrated(value)) for line, value in before]
