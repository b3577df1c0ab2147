"""Waivers in lint, as people write them, on real repositories with real signatures."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import reconcile.wiring.policies
from reconcile.cli.main import run
from support.command import Commands
from support.own_rules import shipped_off
from support.repository import Repository, new_repository
from support.signing import SigningKey, new_key, signed_commit
from support.waived import ENVIRONMENT, ESTATE, MAILBOX, RULE, SOON, settings, waiver

Lint = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def repository(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(cache))
    (tmp_path / "no-rules").mkdir()
    monkeypatch.setattr(reconcile.wiring.policies, "shipped_folder", lambda: tmp_path / "no-rules")
    return new_repository(tmp_path / "estate")


@pytest.fixture
def security(tmp_path: Path) -> SigningKey:
    return new_key(tmp_path / "keys", "security")


@pytest.fixture
def stranger(tmp_path: Path) -> SigningKey:
    return new_key(tmp_path / "keys", "stranger")


@pytest.fixture
def lint(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Rule → what counts of it ("accepted" where nothing does), of waivers with their reason; only what this page is about."""

    def found(*words: str) -> dict[str, str]:
        code = run(["lint", "-C", str(repository.root), "-o", "json", *words])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        said = {
            one["rule"]: f"accepted by {one['accepted']['name']}" if "accepted" in one else one["message"]
            for one in document["findings"]
            if one["rule"] == "our-names" or one["rule"].startswith("waiver/")
        }
        assert (code == 3) == any(not text.startswith("accepted") for rule, text in said.items() if rule in {"our-names", *_ERRORS})
        return said

    return found


_ERRORS = {"waiver/unproved-approver", "waiver/unknown-approver", "waiver/too-long", "waiver/unknown-rule", "waiver/not-waivable"}
ACCEPTED = {"our-names": "accepted by sales"}


def test_without_approvers_any_name_will_do(repository: Repository, lint: Lint) -> None:
    repository.write({**ESTATE, "waivers/sales.yaml": waiver("whoever wrote this")})
    assert lint() == ACCEPTED
    assert lint("-e", "test") == ACCEPTED


def test_who_names_oneself_is_not_among_the_approvers(repository: Repository, lint: Lint) -> None:
    repository.write({**ESTATE, "settings.yaml": settings(("security-desk", "")), "waivers/sales.yaml": waiver("myself")})
    assert set(lint()) == {"our-names", "waiver/unknown-approver"}
    repository.write({"waivers/sales.yaml": waiver("security-desk")})
    assert lint() == ACCEPTED, "without keys the review was asked for when it was let in"


def test_a_signature_of_the_approver_counts(repository: Repository, lint: Lint, security: SigningKey) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    assert lint() == ACCEPTED
    assert lint("--revision", "HEAD") == ACCEPTED
    repository.commit("something else", {"README.md": "x"})
    assert lint() == ACCEPTED


def test_it_counts_in_a_folder_of_a_repository_and_in_a_bare_one(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], security: SigningKey
) -> None:
    below = {
        f"mail/estate/{path}": text for path, text in {**ESTATE, "settings.yaml": settings(("security-desk", security.public))}.items()
    }
    repository.commit("estate", below)
    signed_commit(repository, "waive", {"mail/estate/waivers/sales.yaml": waiver()}, security)
    assert run(["lint", "-C", str(repository.root / "mail" / "estate")]) == 0
    repository.git("mv", "mail/estate", "top")
    repository.commit("move")
    assert run(["lint", "-C", str(repository.root / "top")]) == 3, "a moved file needs a new signature"
    assert "is not signed" in capsys.readouterr().out
    top = new_repository(tmp_path / "top")
    top.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(top, "waive", {"waivers/sales.yaml": waiver()}, security)
    top.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    assert run(["lint", "-C", str(tmp_path / "bare"), "--revision", "main"]) == 0


def test_a_shallow_clone_says_what_it_lacks(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], security: SigningKey
) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    repository.commit("later", {"README.md": "x"})
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.root}", str(tmp_path / "shallow"))
    assert run(["lint", "-C", str(tmp_path / "shallow")]) == 3
    assert "git fetch --unshallow" in capsys.readouterr().out


def test_an_unsigned_commit_is_no_proof(repository: Repository, lint: Lint, security: SigningKey) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    commit = repository.commit("waive", {"waivers/sales.yaml": waiver()})
    said = lint()
    assert f"commit {commit[:12]} is not signed" in said["waiver/unproved-approver"]
    assert said["our-names"] == "sales is no name of ours"


def test_what_is_not_committed_is_no_proof(repository: Repository, lint: Lint, security: SigningKey) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    repository.write({"waivers/sales.yaml": waiver()})
    assert "not committed" in lint()["waiver/unproved-approver"]


def test_outside_of_a_repository_nothing_is_proved(tmp_path: Path, repository: Repository, lint: Lint, security: SigningKey) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    (repository.root / ".git").rename(tmp_path / "elsewhere")
    assert "no commit that wrote" in lint()["waiver/unproved-approver"]


def test_the_key_of_a_stranger_is_no_proof(repository: Repository, lint: Lint, security: SigningKey, stranger: SigningKey) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, stranger)
    assert "is signed with another key" in lint()["waiver/unproved-approver"]


def test_the_key_of_another_approver_is_no_proof(repository: Repository, lint: Lint, security: SigningKey, stranger: SigningKey) -> None:
    both = settings(("security-desk", security.public), ("mail-desk", stranger.public))
    repository.commit("estate", {**ESTATE, "settings.yaml": both})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver("mail-desk")}, security)
    assert "is signed with another key" in lint()["waiver/unproved-approver"]


def test_a_key_that_the_signed_commit_brought_is_no_proof(
    repository: Repository, lint: Lint, security: SigningKey, stranger: SigningKey
) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    both = settings(("security-desk", security.public), ("mail-desk", stranger.public))
    signed_commit(repository, "waive", {"settings.yaml": both, "waivers/sales.yaml": waiver("mail-desk")}, stranger)
    assert "brought the key that signed it" in lint()["waiver/unproved-approver"]
    escaped = settings(("security-desk", security.public), more="").replace("  approvers:\n", '  approvers:\n    - {name: mail-desk, keys: ["\\x73' + stranger.public[1:] + '"]}\n')  # fmt: skip
    repository.git("reset", "-q", "--hard", "HEAD^")
    signed_commit(repository, "waive", {"settings.yaml": escaped, "waivers/sales.yaml": waiver("mail-desk")}, stranger)
    assert "brought the key that signed it" in lint()["waiver/unproved-approver"]


def test_a_first_commit_brings_every_key(repository: Repository, lint: Lint, security: SigningKey) -> None:
    files = {**ESTATE, "settings.yaml": settings(("security-desk", security.public)), "waivers/sales.yaml": waiver()}
    signed_commit(repository, "all at once", files, security)
    assert "brought the key that signed it" in lint()["waiver/unproved-approver"]


def test_a_file_that_was_rewritten_after_its_signature_is_no_proof(repository: Repository, lint: Lint, security: SigningKey) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    later = (datetime.now(UTC) + timedelta(days=300)).date().isoformat()
    repository.write({"waivers/sales.yaml": waiver(expires=later)})
    assert "not committed" in lint()["waiver/unproved-approver"]
    # git can be told not to look at a file again.
    repository.git("update-index", "--assume-unchanged", "waivers/sales.yaml")
    assert "no longer what commit" in lint()["waiver/unproved-approver"]
    repository.git("update-index", "--no-assume-unchanged", "waivers/sales.yaml")
    commit = repository.commit("longer", {})
    assert f"commit {commit[:12]} is not signed" in lint()["waiver/unproved-approver"]


def test_a_squashed_merge_loses_the_signature_and_an_ordinary_one_keeps_it(
    repository: Repository, lint: Lint, security: SigningKey
) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    repository.git("checkout", "-q", "-b", "change")
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    repository.git("checkout", "-q", "-b", "squashed", "main")
    repository.git("merge", "-q", "--squash", "change")
    commit = repository.record("waive (#7)")
    assert f"commit {commit[:12]} is not signed" in lint()["waiver/unproved-approver"]
    repository.git("checkout", "-q", "main")
    repository.commit("meanwhile", {"README.md": "x"})
    who = ("-c", "user.name=Forge", "-c", "user.email=forge@contoso.example")
    repository.git(*who, "merge", "-q", "--no-ff", "-m", "Merge change", "change")
    assert lint() == ACCEPTED


def test_reviews_asked_for_by_name_need_no_signature_afterwards(repository: Repository, lint: Lint, security: SigningKey) -> None:
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public), more="  approvals: reviews\n")})
    repository.commit("waive", {"waivers/sales.yaml": waiver()})
    assert lint() == ACCEPTED


def test_a_variable_may_change_without_the_signature(repository: Repository, lint: Lint, security: SigningKey) -> None:
    environment = ENVIRONMENT.replace("timeZone: UTC", f'timeZone: UTC, variables: {{until: "{SOON}"}}')
    repository.commit("estate", {**ESTATE, "environment.yaml": environment, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver(expires="${until}")}, security)
    assert "holds a variable" in lint()["waiver/unproved-approver"]


def test_signed_names_and_keys_that_steer_the_list_of_signers_are_refused(
    repository: Repository, capsys: pytest.CaptureFixture[str], security: SigningKey
) -> None:
    for key in (f"cert-authority {security.public}", f"* {security.public}", "ssh-ed25519 short", f'namespaces="git" {security.public}'):
        repository.write({**ESTATE, "settings.yaml": settings(("security-desk", key)), "waivers/sales.yaml": waiver()})
        assert run(["lint", "-C", str(repository.root)]) == 3
        assert "is no public SSH key of one line" in capsys.readouterr().out, key


def test_programs_of_the_repository_are_not_run(repository: Repository, lint: Lint, security: SigningKey, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 0\n")
    program.chmod(0o755)
    repository.commit("estate", {**ESTATE, "settings.yaml": settings(("security-desk", security.public))})
    signed_commit(repository, "waive", {"waivers/sales.yaml": waiver()}, security)
    for name in ("gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.defaultKeyCommand"):
        repository.git("config", name, str(program))
    repository.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "nothing"))
    assert lint() == ACCEPTED
    assert not (tmp_path / "ran").exists()


def test_expiry_and_the_longest_run(repository: Repository, lint: Lint) -> None:
    now = datetime.now(UTC)
    repository.write({**ESTATE, "waivers/sales.yaml": waiver(expires="2099-01-01")})
    assert set(lint()) == {"our-names", "waiver/too-long"}
    repository.write({"settings.yaml": settings(more="  maximumWaiverDays: 36500\n")})
    assert lint() == ACCEPTED
    repository.write({"waivers/sales.yaml": waiver(expires=(now - timedelta(seconds=1)).isoformat(timespec="seconds"))})
    assert set(lint()) == {"our-names", "waiver/expired"}
    repository.write({"waivers/sales.yaml": waiver(expires=(now + timedelta(days=3)).isoformat(timespec="seconds"))})
    assert set(lint()) == {"our-names", "waiver/expires-soon"}


def test_a_waiver_of_two_environments_is_used_where_one_needs_it(repository: Repository, lint: Lint) -> None:
    environments = {
        f"{name}/environment.yaml": ENVIRONMENT.replace("{name: test}", f"{{name: {name}}}").replace(
            "timeZone: UTC", f"timeZone: UTC, layers: [shared, {name}]"
        )
        for name in ("prod", "test")
    }
    files = {**environments, "shared/rule.yaml": RULE, "prod/sales.yaml": MAILBOX, "shared/waiver.yaml": waiver(), "test/x.yaml": MAILBOX.replace("sales", "our-x")}  # fmt: skip
    repository.write(dict(files))
    assert lint() == ACCEPTED
    assert "waiver/unused" in lint("-e", "test")
    # The same finding in both, waived in one of them: it counts.
    repository.write({"prod/sales.yaml": None, "shared/sales.yaml": MAILBOX, "shared/waiver.yaml": waiver(more="  environments: [prod]\n")})
    assert lint() == {"our-names": "sales is no name of ours"}
    assert lint("-e", "prod") == ACCEPTED


def test_plan_counts_what_lint_counts(repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["-C", str(repository.root), "--state-dir", str(tmp_path / "state")]
    repository.write({**ESTATE})
    assert run(["plan", *options]) == 0
    assert "rules find 1 error; see `reconcile lint -e test " in capsys.readouterr().err
    repository.write({"waivers/sales.yaml": waiver()})
    assert run(["plan", *options]) == 0
    assert "rules find" not in capsys.readouterr().err
    repository.write({"waivers/sales.yaml": None})
    assert run(["lint", "-C", str(repository.root), "--baseline", "write"]) == 0
    assert run(["plan", *options]) == 0
    assert "rules find" not in capsys.readouterr().err


def test_a_plan_tells_of_no_mere_information_and_its_waiver_is_used(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["-C", str(repository.root), "--state-dir", str(tmp_path / "state")]
    assert "severity: error" in RULE
    repository.write({**ESTATE, "rule.yaml": RULE.replace("severity: error", "severity: information")})
    assert run(["plan", *options]) == 0
    assert "rules find" not in capsys.readouterr().err
    repository.write({"waivers/sales.yaml": waiver()})
    assert run(["plan", *options]) == 0
    assert "rules find" not in capsys.readouterr().err, "a waiver that nothing needs would be a warning"
    repository.write({"waivers/sales.yaml": waiver().replace("names: [sales]", "names: [nobody]")})
    assert run(["plan", *options]) == 0
    assert "rules find 1 warning" in capsys.readouterr().err


@pytest.mark.slow
def test_a_waiver_ends_in_the_running_loop_without_a_commit(repository: Repository, commands: Commands) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=8)).isoformat(timespec="seconds")
    repository.write({**ESTATE, "off.yaml": shipped_off(), "waivers/sales.yaml": waiver(expires=soon)})
    words = commands.arguments("run", "-C", str(repository.root), "--interval", "1", "-o", "json")
    process = subprocess.Popen(words, env=commands.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        events = (json.loads(line) for line in process.stdout)
        told = list(itertools.takewhile(lambda event: "our-names" not in event["message"], events))
        watchdog.cancel()
    finally:
        process.terminate()
        rest = process.communicate(timeout=30)[0]
    assert datetime.now(UTC) >= datetime.fromisoformat(soon), "not before its end"
    assert any(event["part"] == "configuration" for event in told)
    assert "waiver/expires-soon" not in rest
    assert process.returncode == 0
