"""Whose approval counts: a table over what settings ask for and what is known from outside."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from reconcile.model.policy_settings import Approver, bare_key, is_public_key
from reconcile.policy.approvals import Means, NotProved, Proof, Proved, approved_by, means_of, proof

KEY = "ssh-ed25519 " + "A" * 68
WITH_KEY = Approver(name="security", keys=(f"{KEY} security@contoso.example",))
WITHOUT = Approver(name="mail")


def signed(keys: Collection[str]) -> Proof:
    return Proved("signed") if KEY in keys else NotProved("another key")


def unsigned(keys: Collection[str]) -> Proof:
    return NotProved("not signed")


def never(keys: Collection[str]) -> Proof:
    raise AssertionError("nobody asked for signatures")


@pytest.mark.parametrize(
    ("name", "who", "approvers", "means", "reviewers", "signature", "expected"),
    [
        ("nobody is named", "anybody", None, Means.NAMES, (), never, True),
        ("nobody is named, in a change", "anybody", None, Means.REVIEWS, (), never, False),
        ("nobody is named, reviewed", "anybody", None, Means.REVIEWS, ("anybody",), never, True),
        ("nobody is named, somebody else's review", "anybody", None, Means.REVIEWS, ("other",), never, False),
        ("named", "mail", (WITHOUT,), Means.NAMES, (), never, True),
        ("not among them", "me", (WITHOUT,), Means.NAMES, (), never, False),
        ("not among them, reviewed", "me", (WITHOUT,), Means.REVIEWS, ("me",), never, False),
        ("nobody may", "me", (), Means.NAMES, (), never, False),
        ("reviewed", "mail", (WITHOUT,), Means.REVIEWS, ("mail",), never, True),
        ("reviewed by another", "mail", (WITHOUT, WITH_KEY), Means.REVIEWS, ("security",), never, False),
        ("signed instead", "security", (WITH_KEY,), Means.REVIEWS, (), signed, True),
        ("neither", "security", (WITH_KEY,), Means.REVIEWS, (), unsigned, False),
        ("signed", "security", (WITH_KEY,), Means.SIGNATURES, (), signed, True),
        ("reviewed, not signed", "security", (WITH_KEY,), Means.SIGNATURES, ("security",), unsigned, False),
        ("has no key", "mail", (WITHOUT, WITH_KEY), Means.SIGNATURES, ("mail",), never, False),
    ],
)
def test_proof(
    name: str,
    who: str,
    approvers: tuple[Approver, ...] | None,
    means: Means,
    reviewers: tuple[str, ...],
    signature: object,
    expected: bool,
) -> None:
    found = proof(who, approvers=approvers, means=means, reviewers=reviewers, signature=signature)  # type: ignore[arg-type]
    assert isinstance(found, Proved) is expected, name
    assert isinstance(found, Proved) or found.why


@pytest.mark.parametrize(
    ("declared", "approvers", "expected"),
    [
        (None, (), Means.NAMES),
        (None, (WITHOUT,), Means.REVIEWS),
        (None, (WITHOUT, WITH_KEY), Means.SIGNATURES),
        ("names", (WITH_KEY,), Means.NAMES),
        ("reviews", (WITH_KEY,), Means.REVIEWS),
    ],
)
def test_what_is_asked_for(declared: str | None, approvers: tuple[Approver, ...], expected: Means) -> None:
    assert means_of(declared, approvers) is expected


def test_each_of_several_is_asked_once() -> None:
    found = approved_by(["mail", "me", "mail"], approvers=(WITHOUT,), means=Means.REVIEWS, reviewers=("mail",), signature=never)
    assert [(name, isinstance(one, Proved)) for name, one in found.items()] == [("mail", True), ("me", False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (KEY, True),
        (f"{KEY} a comment, with * and \"quotes\"", True),
        (f"ssh-rsa {'A' * 370}==", True),
        (f"sk-ssh-ed25519@openssh.com {'A' * 90}", True),
        ("", False),
        ("ssh-ed25519", False),
        ("ssh-ed25519 short", False),
        (f"ssh-dss {'A' * 400}", False),
        (f"ssh-ed25519-cert-v01@openssh.com {'A' * 400}", False),
        (f"cert-authority {KEY}", False),
        (f'namespaces="git" {KEY}', False),
        (f"* {KEY}", False),
        (f" {KEY}", False),
        (f"{KEY}\n* {KEY}", False),
        (f"ssh-ed25519 {'A' * 60}\u2028{'A' * 10}", False),
        (f"ssh-ed25519 {'ä' * 68}", False),
    ],
)  # fmt: skip
def test_a_public_key_is_one_line_without_options(text: str, expected: bool) -> None:
    assert is_public_key(text) is expected
    if expected:
        assert bare_key(text).count(" ") == 1
    else:
        with pytest.raises(ValueError, match="is no public SSH key"):
            bare_key(text)


def test_several_settings_are_put_together_and_the_stronger_counts() -> None:
    """Who may approve may stand in one document, what proves it in another; where two differ, the stronger holds and lint says so."""
    from reconcile.policy.configure import configure, settings_of
    from reconcile.policy.rule import RuleBook
    from support.estate import ENVIRONMENT, load_texts

    def found(*specs: str) -> tuple[Means, list[str]]:
        texts = {
            f"s{number}.yaml": f"apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {{name: s{number}}}\nspec: {spec}\n"
            for number, spec in enumerate(specs)
        }
        desired = load_texts({"environment.yaml": ENVIRONMENT, **texts}).desired
        assert desired is not None
        configuration = configure(RuleBook(), {}, settings_of(desired.policies.values(), "test"))
        return configuration.approvals, [finding.rule for finding in configuration.findings]

    who = "{approvers: [{name: mail}]}"
    assert found(who) == (Means.REVIEWS, [])
    assert found(who, "{approvals: names}") == (Means.NAMES, [])
    assert found(who, "{approvals: signatures}") == (Means.SIGNATURES, [])
    assert found("{approvals: names}", "{approvals: signatures}", "{approvals: reviews}")[0] is Means.SIGNATURES
    assert "policy/settings-conflict" in found("{approvals: names}", "{approvals: signatures}")[1]
    assert found() == (Means.NAMES, [])
