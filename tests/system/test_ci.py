"""reconcile ci on a repository with a base and a change: what it would post, and what it may not be talked into."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reconcile.wiring.policies
from reconcile.cli.main import run
from support.gated import ENVIRONMENT, RULE, SETTINGS, base_files, gated, mailbox, profile
from support.golden import Golden
from support.repository import Repository

CASES = Path(__file__).parents[1] / "golden" / "gate"
FILES = ("annotations.txt", "code-quality.json", "comment.md", "findings.sarif", "junit.xml", "result.json", "summary.md")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No rules but those of the estate, so that nothing changes here when a rule is written elsewhere."""
    (tmp_path / "no-rules").mkdir()
    monkeypatch.setattr(reconcile.wiring.policies, "shipped_folder", lambda: tmp_path / "no-rules")
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


def gate(repository: Repository, *words: str, base: str = "main") -> int:
    return run(["ci", "-C", str(repository.root / "estate"), "--base", base, "--out", str(repository.root.parent / "out"), *words])


def approval(repository: Repository, name: str = "mail-lead") -> str:
    """A review of what HEAD is."""
    return f"{name}@{repository.git('rev-parse', 'HEAD')}"


def result(repository: Repository) -> dict[str, object]:
    document: dict[str, object] = json.loads((repository.root.parent / "out" / "result.json").read_text())
    return document


def rules(repository: Repository, *, new: bool = True) -> list[str]:
    found = result(repository)["findings"]
    assert isinstance(found, list)
    return sorted(one["rule"] for one in found if one["new"] is new)


GOOD = {"estate/mailboxes/m1.yaml": mailbox("m1", incoming="none"), "estate/mailboxes/new.yaml": mailbox("new")}
BAD = {
    "estate/profiles/one.yaml": profile("1m"),
    "estate/mailboxes/m1.yaml": mailbox("m1", incoming="serverside"),
    "estate/mailboxes/nameless.yaml": mailbox("nameless", named=False),
    "estate/policies/settings.yaml": SETTINGS.replace("rules: {", "failOn: error\n  rules: {patient-polling: {enabled: false}, "),
    "estate/policies/more.yaml": RULE.partition("---")[0].replace("patient-polling", "another-rule"),
    "estate/environment.yaml": ENVIRONMENT.replace("percent: 30", "percent: 100"),
    ".github/workflows/gate.yml": "on: push\n",
}
GONE: dict[str, str | None] = {f"estate/mailboxes/m{number}.yaml": None for number in range(1, 5)}


@pytest.mark.parametrize(("name", "change", "code"), [("good", GOOD, 0), ("bad", BAD, 3), ("gone", GONE, 4)])
def test_what_is_posted_byte_for_byte(
    name: str, change: dict[str, str | None], code: int, tmp_path: Path, golden: Golden, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = gated(tmp_path / "repository", change)
    assert gate(repository, "--output", "github") == code
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    for file in FILES:
        golden.check((out / file).read_text("utf-8"), CASES / name / file)
    printed = capsys.readouterr()
    assert printed.out == (out / "annotations.txt").read_text()
    golden.check(printed.err, CASES / name / "stderr.txt")


def test_the_second_run_posts_the_same(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", BAD)
    posted = []
    for _ in range(2):
        gate(repository)
        posted.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert posted[0] == posted[1]


# Who judges


def test_rules_that_the_change_switches_off_still_judge_it(tmp_path: Path) -> None:
    off = {
        "estate/policies/settings.yaml": SETTINGS.replace("rules: {", "rules: {patient-polling: {enabled: false}, "),
        "estate/profiles/one.yaml": profile("1m"),
    }
    repository = gated(tmp_path / "repository", off)
    assert gate(repository) == 3
    assert rules(repository) == ["patient-polling"]
    assert "rules.patient-polling.enabled: not set → false" in (tmp_path / "out" / "comment.md").read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"estate/policies/rules.yaml": None, "estate/policies/settings.yaml": None},
        {"estate/policies/rules.yaml": RULE.replace('duration("300s")', 'duration("1s")')},
        {"estate/policies/rules.yaml": RULE.replace("severity: error", "severity: information")},
        {
            "estate/policies/settings.yaml": SETTINGS.replace(
                "rules: {", "failOn: error\n  rules: {patient-polling: {severity: information}, "
            )
        },
        {
            "estate/policies/waiver.yaml": "apiVersion: reconcile/v1alpha2\nkind: Waiver\nmetadata: {name: mine}\nspec:\n  rules: [patient-polling]\n"
            "  selector: {everything: true}\n  reason: because\n  approver: mail-lead\n  expires: 2099-01-01\n"
        },
        # An environment that takes its policies no more, and one of another name.
        {"estate/environment.yaml": ENVIRONMENT.replace("spec:\n", "spec:\n  layers: [profiles, mailboxes]\n")},
        {"estate/environment.yaml": ENVIRONMENT.replace("prod", "prod-two")},
    ],
)
def test_no_edit_of_what_judges_excuses_the_change(change: dict[str, str | None], tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/profiles/one.yaml": profile("1m"), **change})
    assert gate(repository) in (3, 4)
    assert "patient-polling" in rules(repository)
    if "estate/environment.yaml" not in change or "layers" in str(change):
        assert result(repository)["judges"], "the edit is told"


def test_brakes_are_those_of_the_base(tmp_path: Path) -> None:
    change = {**GONE}
    change["estate/environment.yaml"] = ENVIRONMENT.replace("count: 3, percent: 30", "count: 100, percent: 100")
    repository = gated(tmp_path / "repository", change)
    assert gate(repository) == 4
    comment = (tmp_path / "out" / "comment.md").read_text()
    assert "**`bulk-delete`**" in comment
    assert "- `brakes of Environment/prod` changed at `environment.yaml:1`" in comment
    assert gate(repository, "--lift-brake", "bulk-delete") == 3, "nobody approved that the brakes are looser from now on"
    assert gate(repository, "--lift-brake", "bulk-delete", "--approval", approval(repository)) == 0


def test_who_must_approve_stands_in_the_base(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/policies/settings.yaml": SETTINGS.replace("mail-lead", "me")})
    comment = tmp_path / "out" / "comment.md"
    assert gate(repository) == 3
    assert "### Configuration check failed: an approval is missing" in comment.read_text()
    assert "**Approval needed** from one of `mail-lead`, `security`." in comment.read_text()
    assert result(repository)["approvers"] == ["mail-lead", "security"]
    # Only of those, and only of this commit.
    assert gate(repository, "--approval", approval(repository, "me")) == 3
    assert gate(repository, "--approval", f"security@{repository.git('rev-parse', 'main')}") == 3
    assert gate(repository, "--approval", approval(repository, "security")) == 0
    assert "changed at `policies/settings.yaml:1`, approved: security (reviewed by security)" in comment.read_text()


def test_who_approved_the_estate_did_not_approve_the_pipeline(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/mailboxes/new.yaml": mailbox("new")})
    before = approval(repository)
    assert gate(repository, "--approval", before) == 0
    repository.commit("Reword", {})
    assert gate(repository, "--approval", before) == 0, "the same files"
    repository.commit("Judge nobody", {".github/workflows/policy-gate.yml": "on: push\n"})
    assert gate(repository, "--approval", before) == 3
    assert "approved" not in str(result(repository)["judges"])
    assert gate(repository, "--approval", approval(repository)) == 0


def test_what_was_approved_may_be_merged_by_the_forge(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/policies/settings.yaml": SETTINGS.replace("mail-lead", "me")})
    proposed = repository.git("rev-parse", "change")
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile", {"estate/mailboxes/other.yaml": mailbox("other")})
    someone = {
        f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "x"), ("EMAIL", "x@contoso.example"))
    }
    repository.git("checkout", "-q", "-b", "merge")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge", "change", **someone)
    assert gate(repository, "--approval", f"security@{proposed}") == 3, "this is not what was looked at"
    assert gate(repository, "--approval", f"security@{proposed}", "--proposed", proposed) == 0
    assert "other" not in (tmp_path / "out" / "comment.md").read_text(), "what others merged meanwhile is no part of the change"


def test_without_approvers_at_the_base_an_edit_is_told_and_fails_nothing(tmp_path: Path) -> None:
    nobody = SETTINGS.partition("  approvers")[0]
    repository = gated(tmp_path / "repository", {"estate/policies/settings.yaml": nobody})
    repository.git("checkout", "-q", "main")
    repository.commit("Name nobody", {"estate/policies/settings.yaml": nobody})
    repository.git("checkout", "-q", "-b", "next")
    repository.commit("Name me", {"estate/policies/settings.yaml": SETTINGS})
    assert gate(repository) == 0
    assert "from whoever merges: the base names no approvers" in (tmp_path / "out" / "comment.md").read_text()


def test_a_baseline_that_grows_is_an_edit_and_accepts_nothing_yet(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/profiles/one.yaml": profile("1m")})
    assert run(["lint", "-C", str(repository.root / "estate"), "--baseline", "write"]) == 0
    repository.commit("Accept it")
    assert gate(repository) == 3
    assert rules(repository) == ["patient-polling"]
    assert "1 new finding at or above error" in str(result(repository)["verdict"])
    assert "`estate/.reconcile-baseline.json` changed" in (tmp_path / "out" / "comment.md").read_text()
    assert "`accepts patient-polling on EmailServerProfile/one" in (tmp_path / "out" / "comment.md").read_text()
    # Once it is merged it counts, and shrinking it needs nobody.
    repository.git("branch", "-f", "main", "change")
    repository.commit("Mend it", {"estate/profiles/one.yaml": profile()})
    assert run(["lint", "-C", str(repository.root / "estate"), "--baseline", "shrink"]) == 0
    repository.commit("Shrink")
    assert gate(repository) == 0
    assert result(repository)["judges"] == []


def test_a_rule_that_does_not_compile_is_told_before_it_judges_anybody(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/policies/rules.yaml": RULE.replace("profile.minPollingInterval)", "profile.no)")})
    assert gate(repository) == 3
    assert any(rule.startswith("policy/") for rule in rules(repository))


# What is new


def test_what_was_there_before_fails_only_a_strict_gate(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/mailboxes/m5.yaml": mailbox("m5", outgoing="server-side")})
    assert gate(repository, "--fail-on", "information") == 0
    assert rules(repository) == []
    assert rules(repository, new=False) == ["named-mailboxes"]
    assert gate(repository, "--fail-on", "information", "--fail-on-existing") == 3
    assert gate(repository, "--fail-on", "never", "--fail-on-existing") == 0


def test_a_finding_that_moves_with_its_resource_is_not_new(tmp_path: Path) -> None:
    moved = {"estate/mailboxes/m0.yaml": None, "estate/mailboxes/other.yaml": "# moved\n" + mailbox("m0", named=False)}
    repository = gated(tmp_path / "repository", moved)
    assert gate(repository, "--fail-on", "information") == 0
    assert (rules(repository), rules(repository, new=False)) == ([], ["named-mailboxes"])


def test_what_one_environment_puts_up_with_is_new_in_another(tmp_path: Path) -> None:
    layers = {"prod": "[policies, common, prod]", "test": "[policies, common, test]"}
    environments = {
        f"estate/{name}.yaml": ENVIRONMENT.replace("name: prod", f"name: {name}").replace("spec:\n", f"spec:\n  layers: {folders}\n")
        for name, folders in layers.items()
    }
    files = {"estate/policies/rules.yaml": RULE, "estate/policies/settings.yaml": SETTINGS, "estate/common/one.yaml": profile()}
    files |= {
        "estate/test/weak.yaml": profile("1m").replace("name: one", "name: weak").replace("Profile one", "Weak"),
        "estate/prod/m.yaml": mailbox("m"),
    }
    repository = gated(tmp_path / "repository", {})
    repository.git("checkout", "-q", "main")
    repository.git("rm", "-rq", "estate")
    repository.commit("Two environments", {**files, **environments})
    repository.git("checkout", "-q", "-b", "next")
    repository.commit("Something", {"estate/prod/n.yaml": mailbox("n")})
    assert (gate(repository), rules(repository, new=False)) == (0, ["patient-polling"])
    weaker = environments["estate/prod.yaml"].replace("common, prod]", "common, prod, test]")
    repository.commit("Take the layer of the other", {"estate/prod.yaml": weaker})
    assert (gate(repository), rules(repository)) == (3, ["patient-polling"])


def test_what_is_mended_is_counted(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/mailboxes/m0.yaml": mailbox("m0")})
    assert gate(repository) == 0
    assert "1 finding of the base is mended." in (tmp_path / "out" / "comment.md").read_text()


def test_a_change_that_is_behind_is_compared_with_where_it_began(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", GOOD)
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile", {"estate/mailboxes/m4.yaml": None, "estate/policies/rules.yaml": RULE.replace("300s", "1200s")})
    repository.git("checkout", "-q", "change")
    assert gate(repository) == 0, "the profile was like this where the change began"
    comment = (tmp_path / "out" / "comment.md").read_text()
    assert "the base has moved on" in comment
    assert "m4" not in comment
    assert rules(repository, new=False) == ["named-mailboxes", "patient-polling"], "judged by the rules of today"


def test_an_environment_that_leaves_is_told(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/environment.yaml": ENVIRONMENT.replace("prod", "prod-two")})
    assert gate(repository) == 4
    assert gate(repository, "--lift-brake", "environment-removed", "--approval", approval(repository)) == 0
    assert "`prod`\n\nCould not be compared: the change declares it no more" in (tmp_path / "out" / "comment.md").read_text()


def test_a_repository_that_had_no_estate(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {})
    repository.git("checkout", "-q", "--orphan", "fresh")
    repository.git("rm", "-rq", "--cached", ".")
    (repository.root / "readme").write_text("x")
    repository.git("add", "readme")
    repository.record("Begin")
    repository.git("checkout", "-qf", "-b", "first")
    repository.commit("Lay the estate", {file: text for file, text in base_files().items() if "polic" not in file})
    assert gate(repository, base="fresh") == 0
    assert "environment prod was not declared there yet" in (tmp_path / "out" / "comment.md").read_text()


# What cannot be read


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--base", "nowhere"], 1, "git fetch origin nowhere"),
        (["--base", "--upload-pack=x"], 1, "no revision"),
        (["--base", "main", "--revision", "nowhere"], 1, "no revision"),
        (["--base", "main", "--revision", ""], 1, "without a name"),
        (["--base", "main", "--proposed", ""], 1, "without a name"),
        (["--base", " "], 1, "without a name"),
        (["--base", "main", "--name", "x --><b>"], 64, "letters, digits"),
        (["--base", "main", "--name", "a--b"], 64, "letters, digits"),
        (["--base", "main", "--approval", "security"], 1, "NAME@COMMIT"),
        (["--base", "main", "--proposed", "nowhere"], 1, "no revision"),
        ([], 64, "--base"),
    ],
)
def test_what_is_typed_wrong(words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = gated(tmp_path / "repository", GOOD)
    assert run(["ci", "-C", str(repository.root / "estate"), *words]) == code
    assert said in capsys.readouterr().err


def test_nothing_is_written_through_a_link_of_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = gated(tmp_path / "repository", GOOD)
    victim = tmp_path / "victim"
    victim.mkdir()
    monkeypatch.chdir(repository.root)
    (repository.root / "out").symlink_to(victim)
    for out in ("out", "out/below", str(repository.root / "out" / "below")):
        assert run(["ci", "-C", "estate", "--base", "main", "--out", out]) == 1
    assert [*victim.iterdir()] == []
    (repository.root / "fine").mkdir()
    (repository.root / "fine" / "comment.md").symlink_to(victim / "file")
    assert run(["ci", "-C", "estate", "--base", "main", "--out", "fine"]) == 0
    assert not (victim / "file").exists()
    assert not (repository.root / "fine" / "comment.md").is_symlink()
