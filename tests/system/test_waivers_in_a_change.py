"""Waivers that a change brings: they accept nothing in it without proof from outside of the change, and nothing of it may be forged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import reconcile.wiring.policies
from reconcile.cli.main import run
from support.repository import Repository, new_repository
from support.signing import SigningKey, new_key, signed_commit
from support.waived import ENVIRONMENT, ESTATE, MAILBOX, RULE, settings, waiver

NEW = {"ours.yaml": MAILBOX.replace("sales", "our-x"), "environment.yaml": ENVIRONMENT, "rule.yaml": RULE}
Gate = Callable[..., dict[str, bool]]


@pytest.fixture
def security(tmp_path: Path) -> SigningKey:
    return new_key(tmp_path / "keys", "security")


@pytest.fixture
def stranger(tmp_path: Path) -> SigningKey:
    return new_key(tmp_path / "keys", "stranger")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    (tmp_path / "no-rules").mkdir()
    monkeypatch.setattr(reconcile.wiring.policies, "shipped_folder", lambda: tmp_path / "no-rules")
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    return new_repository(tmp_path / "estate")


@pytest.fixture
def gate(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Gate:
    """Rule → whether it counts, of findings that the change brings."""

    def judged(*words: str) -> dict[str, bool]:
        run(["ci", "-C", str(repository.root), "--base", "main", "-o", "json", *words])
        document = json.loads(capsys.readouterr().out)
        return {one["rule"]: "accepted" not in one for one in document["findings"] if one["new"]}

    return judged


def begin(repository: Repository, *approvers: tuple[str, str], more: str = "") -> None:
    """A base that names these approvers, and a branch for the change."""
    repository.commit("base", {**NEW, "settings.yaml": settings(*approvers, more=more or "  failOn: error\n")})
    repository.git("checkout", "-q", "-b", "change")


def head(repository: Repository) -> str:
    return repository.git("rev-parse", "HEAD")


CHANGE: dict[str, str | None] = {"sales.yaml": MAILBOX, "waivers/sales.yaml": waiver()}
COUNTS = {"our-names": True, "waiver/unproved-approver": True}


def test_without_approvers_it_waits_until_it_is_merged(repository: Repository, gate: Gate) -> None:
    begin(repository)
    repository.commit("change", CHANGE)
    assert gate() == {"our-names": True, "waiver/waits": True}
    # A review of the one whom it names is proof here too.
    assert gate("--approval", f"security-desk@{head(repository)}") == {"our-names": False}
    assert gate("--approval", f"somebody@{head(repository)}") == {"our-names": True, "waiver/waits": True}
    repository.git("branch", "-f", "main", "change")
    repository.commit("later", {"info.yaml": MAILBOX.replace("sales", "info")})
    assert gate() == {"our-names": True}, "of the new mailbox; the old one is waived by the base"


def test_a_signature_with_a_key_of_the_base_counts(repository: Repository, gate: Gate, security: SigningKey, stranger: SigningKey) -> None:
    begin(repository, ("security-desk", security.public))
    repository.commit("change", {"sales.yaml": MAILBOX})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    assert gate() == {"our-names": False}
    signed_commit(repository, "again", {"waivers/sales.yaml": waiver(more="  ticket: CHG-7\n")}, stranger)
    assert gate() == COUNTS
    repository.commit("and again", {"waivers/sales.yaml": waiver()})
    assert gate() == COUNTS, "the same words as were signed, in a commit that is not"


def test_one_that_the_base_took_back_counts_no_more(repository: Repository, gate: Gate, security: SigningKey) -> None:
    """It was signed, and still stands in a change that was begun before."""
    begin(repository, ("security-desk", security.public))
    repository.git("checkout", "-q", "main")
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    repository.git("checkout", "-q", "-B", "change")
    repository.commit("change", {"sales.yaml": MAILBOX})
    assert gate() == {"our-names": False}
    repository.git("checkout", "-q", "main")
    repository.commit("take it back", {"waivers/sales.yaml": None})
    repository.git("checkout", "-q", "change")
    assert gate() == {"our-names": True}


@pytest.mark.slow
@pytest.mark.parametrize("others", [0, 60])
@pytest.mark.parametrize("at", ["1000000000 +0000", "1800000000 +0000"])
def test_a_merge_brings_back_nothing_that_was_taken_back(
    repository: Repository, gate: Gate, security: SigningKey, others: int, at: str
) -> None:
    """Its tree is that of the commit that was signed, so that git finds nothing changed on that side; its dates are what its author likes.
    With many files git is not asked for each by name."""
    more = {
        f"waivers/{number}.yaml": waiver().replace("{name: sales}", f"{{name: w{number}}}").replace("[sales]", "[info]")
        for number in range(others)
    }
    begin(repository, ("security-desk", security.public))
    repository.git("checkout", "-q", "main")
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver(), **more}, security)
    repository.git("branch", "old")
    repository.commit("take it back", {"waivers/sales.yaml": None})
    who = {f"GIT_{one}_{what}": value for one in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "x"), ("EMAIL", "x@contoso.example"))}
    who |= {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    repository.git("checkout", "-q", "-B", "change", "old")
    repository.commit("change", {"sales.yaml": MAILBOX})
    idle = repository.git("commit-tree", "main^{tree}", "-p", "main", "-m", "idle", **who)
    made = repository.git("commit-tree", "change^{tree}", "-p", idle, "-p", "old", "-m", "merge", **who)
    assert gate("--revision", made) == COUNTS


def test_a_key_that_the_change_brings_counts_for_nothing(
    repository: Repository, gate: Gate, security: SigningKey, stranger: SigningKey
) -> None:
    begin(repository, ("security-desk", security.public))
    mine = settings(("security-desk", stranger.public), more="  approvals: names\n")
    repository.commit("take over", {"settings.yaml": mine})
    signed_commit(repository, "waive", CHANGE, stranger)
    assert gate() == COUNTS


def test_who_is_named_by_the_change_alone_is_nobody(repository: Repository, gate: Gate, security: SigningKey) -> None:
    begin(repository, ("security-desk", security.public))
    repository.commit("change", {**CHANGE, "settings.yaml": settings(("me", "")), "waivers/sales.yaml": waiver("me")})
    assert gate("--approval", f"me@{head(repository)}") == {"our-names": True, "waiver/unknown-approver": True}


@pytest.mark.parametrize("key", [False, True])
def test_a_review_counts_for_the_file_it_was_about(repository: Repository, gate: Gate, security: SigningKey, key: bool) -> None:
    begin(repository, ("security-desk", security.public if key else ""), more="  approvals: reviews\n")
    reviewed = repository.commit("change", CHANGE)
    assert gate() == COUNTS
    assert gate("--approval", f"security-desk@{reviewed}") == {"our-names": False}
    assert gate("--approval", f"mail-desk@{reviewed}") == COUNTS
    repository.commit("something else", {"README.md": "x"})
    assert gate("--approval", f"security-desk@{reviewed}") == {"our-names": False}
    repository.commit("more", {"waivers/sales.yaml": waiver(more="  environments: [test]\n")})
    assert gate("--approval", f"security-desk@{reviewed}") == COUNTS
    assert gate("--approval", f"security-desk@{'0' * 40}") == COUNTS


def test_where_signatures_are_asked_for_a_review_is_not_enough(repository: Repository, gate: Gate, security: SigningKey) -> None:
    begin(repository, ("security-desk", security.public))
    reviewed = repository.commit("change", CHANGE)
    assert gate("--approval", f"security-desk@{reviewed}") == COUNTS


def test_a_waiver_that_the_change_takes_out_accepts_nothing_more(repository: Repository, gate: Gate) -> None:
    repository.commit("base", {**ESTATE, "waivers/sales.yaml": waiver()})
    repository.git("checkout", "-q", "-b", "change")
    repository.commit("take it out", {"waivers/sales.yaml": None})
    assert gate() == {"our-names": True}


def test_one_that_is_only_moved_is_that_of_the_base(repository: Repository, gate: Gate) -> None:
    repository.commit("base", {**ESTATE, "waivers/sales.yaml": waiver()})
    repository.git("checkout", "-q", "-b", "change")
    repository.commit(
        "move", {"waivers/sales.yaml": None, "elsewhere/sales.yaml": waiver(), "info.yaml": MAILBOX.replace("sales", "our-i")}
    )
    assert gate() == {}


def test_a_wider_one_under_the_old_name_is_new(repository: Repository, gate: Gate) -> None:
    repository.commit("base", {**ESTATE, "waivers/sales.yaml": waiver()})
    repository.git("checkout", "-q", "-b", "change")
    wide = waiver().replace("{names: [sales]}", "{everything: true}")
    repository.commit("wider", {"waivers/sales.yaml": wide, "info.yaml": MAILBOX.replace("sales", "info")})
    assert gate() == {"our-names": True, "waiver/waits": True}


def test_a_baseline_that_is_there_can_only_shrink(repository: Repository, gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write({**ESTATE})
    assert run(["lint", "-C", str(repository.root), "--baseline", "write"]) == 0
    repository.commit("base")
    repository.git("checkout", "-q", "-b", "change")
    file = repository.root / ".reconcile-baseline.json"
    document = json.loads(file.read_text())
    (one,) = document["findings"]
    capsys.readouterr()
    for grown in (
        [one, {**one, "fingerprint": "0" * 32, "about": "Mailbox/info"}],
        [{**one, "count": 2}],
    ):
        repository.commit(
            "by hand", {file.name: json.dumps({**document, "findings": grown}), "info.yaml": MAILBOX.replace("sales", "info")}
        )
        assert gate() == {"baseline/grows": True, "our-names": True}
    repository.commit("broken", {file.name: "<<<<<<<\n", "info.yaml": None})
    assert gate() == {"baseline/unreadable": True}
    repository.commit("shrunk", {file.name: json.dumps({**document, "findings": []}), "sales.yaml": None})
    assert gate() == {}


@pytest.mark.parametrize("words", ["security-desk", "@" + "a" * 40, "x@main", "x@" + "a" * 39, "x@" + "A" * 40, "x@" + "a" * 40 + "\n"])
def test_an_approval_names_a_person_and_a_whole_commit(repository: Repository, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    begin(repository)
    assert run(["ci", "-C", str(repository.root), "--base", "main", "--approval", words]) == 1
    assert "is not NAME@COMMIT" in capsys.readouterr().err
