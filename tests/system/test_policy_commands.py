"""`reconcile policy` and `reconcile explain RULE` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Commands

ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: test}
spec: {timeZone: UTC}
"""
SETTINGS = """\
apiVersion: reconcile/v1alpha2
kind: PolicySettings
metadata: {name: ours}
spec:
  rules:
    incoming-uses-tls: {severity: warning, reason: The scanners know no TLS}
    outgoing-uses-tls: {enabled: false}
    start-date-recent: {parameters: {days: 100}}
"""
PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: scanners}
spec:
  displayName: Scanners
  serverType: imap-smtp
  incoming: {server: imap.contoso.example, tls: none}
  outgoing: {server: smtp.contoso.example, tls: none}
"""


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    folder = tmp_path / "estate"
    folder.mkdir()
    for name, text in (("environment", ENVIRONMENT), ("settings", SETTINGS), ("scanners", PROFILE)):
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_new_writes_a_rule_that_passes_and_fires(commands: Commands, estate: Path) -> None:
    subjects = ("Mailbox", "EmailServerProfile", "Organization", "Environment", "Change", "Plan")
    for subject in subjects:
        done = commands.run("policy", "new", f"own-{subject.lower()}", "--applies-to", subject, "-C", str(estate))
        assert done.code == 0, done.err
        assert done.out == f"{estate}/policies/own-{subject.lower()}.yaml\n"
        assert "CHANGE-ME" in Path(done.out.strip()).read_text()
    tried = commands.run("policy", "test", "--mutate", str(estate / "policies"))
    assert (tried.code, tried.err) == (0, "6 rules with 17 examples: 6 pass, 0 fail; 24 findings about their documents\n"), tried.out
    assert tried.out.count("warning[document/to-fill-in]") == 24, "four in each"
    listed = json.loads(commands.run("policy", "list", "-o", "json", "-C", str(estate)).out)
    assert {one["rule"]: one["source"] for one in listed["rules"] if one["source"] != "reconcile"} == {
        f"own-{subject.lower()}": f"policies/own-{subject.lower()}.yaml" for subject in subjects
    }
    (estate / "support.yaml").write_text(
        "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: support}\n"
        "spec: {emailAddress: support@contoso.example, type: queue, profile: scanners}\n"
    )
    linted = json.loads(commands.run("lint", "-o", "json", "-C", str(estate)).out)
    assert ("own-mailbox", "support has no owner") in {(one["rule"], one["message"]) for one in linted["findings"]}


@pytest.mark.slow
def test_new_overwrites_nothing_and_stays_in_the_estate(commands: Commands, estate: Path, tmp_path: Path) -> None:
    there = estate / "policies" / "own.yaml"
    there.parent.mkdir()
    there.write_text("mine\n")
    (estate / "link.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    for words, said in (
        (("own",), "exists, and nothing is overwritten"),
        (("own", "--file", "link.yaml"), "exists, and nothing is overwritten"),
        (("incoming-uses-tls",), "is a rule that comes with reconcile"),
        (("Own",), "cannot name a rule"),
        (("own-\n",), "cannot name a rule"),
        (("own", "--file", "../own.yaml"), "is no file of the estate"),
        (("own", "--file", str(tmp_path / "own.yaml")), "is no file of the estate"),
        (("own", "--file", "own.txt"), "is no file of the estate"),
    ):
        done = commands.run("policy", "new", *words, "-C", str(estate))
        assert (done.code, said in done.err) == (1, True), (words, done.err)
    assert there.read_text() == "mine\n"
    assert sorted(path.name for path in estate.iterdir()) == ["environment.yaml", "link.yaml", "policies", "scanners.yaml", "settings.yaml"]


def test_new_says_which_folder_no_environment_takes(commands: Commands, estate: Path) -> None:
    (estate / "environment.yaml").write_text(ENVIRONMENT.replace("{timeZone: UTC}", "{timeZone: UTC, layers: [base]}"))
    (estate / "base").mkdir()
    (estate / "scanners.yaml").rename(estate / "base" / "scanners.yaml")
    assert "add policies to the layers" in commands.run("policy", "new", "own", "-C", str(estate)).err
    assert "layers" not in commands.run("policy", "new", "other", "--file", "base/other.yaml", "-C", str(estate)).err


def test_a_failing_rule_ends_with_1_and_shows_its_line(commands: Commands, estate: Path) -> None:
    commands.run("policy", "new", "own", "-C", str(estate))
    rule = estate / "policies" / "own.yaml"
    rule.write_text(rule.read_text().replace("line: 1", "line: 2"))
    done = commands.run("policy", "test", str(rule))
    assert done.code == 1
    assert "error[policy/example]: the bad example 1 has its finding at example.yaml:1, expected example.yaml:2" in done.out
    assert "        line: 2\n" in done.out
    assert "FAILS (1)" in done.out
    document = json.loads(commands.run("policy", "test", str(rule), "-o", "json").out)
    assert (document["exit"], document["rules"][0]["passed"]) == ("failure", False)
    assert {one["rule"] for one in document["findings"]} == {"document/to-fill-in"}
    assert document["rules"][0]["failures"][0]["line"] == rule.read_text().splitlines().index("        line: 2") + 1
    rule.write_text("apiVersion: reconcile/v1alpha2\nkind: PolicyRule\nmetadata: {name: own}\nspec: {title: x}\n")
    broken = commands.run("policy", "test", str(rule))
    assert (broken.code, "the field severity is missing" in broken.out) == (1, True)


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\xff\xfe\0", b"# nothing\n", b"- [", b"kind: Mailbox\n"])
def test_a_file_without_rules_is_no_success(commands: Commands, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(content)
    assert commands.run("policy", "test", str(file)).code == 1


def test_a_link_is_not_followed_and_nothing_of_it_is_shown(commands: Commands, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-secret-value\n")
    (tmp_path / "rules").mkdir()
    link = tmp_path / "rules" / "link.yaml"
    link.symlink_to(secret)
    for words in (str(link), str(link.parent)):
        done = commands.run("policy", "test", words)
        assert (done.code, "link" in done.out + done.err) == (1, True)
        assert "canary" not in done.out + done.err


def test_rules_are_tried_by_name(commands: Commands, estate: Path) -> None:
    done = commands.run("policy", "test", "incoming-uses-tls", "-C", str(estate))
    assert (done.code, "incoming-uses-tls" in done.out) == (0, True), done.err
    wrong = commands.run("policy", "test", "incoming-use-tls", "-C", str(estate))
    assert (wrong.code, "did you mean incoming-uses-tls?" in wrong.err) == (1, True)


def test_list_says_what_rules_weigh_here_and_why(commands: Commands, estate: Path) -> None:
    done = commands.run("policy", "list", "-C", str(estate))
    assert done.code == 0, done.err
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert "warning (set by PolicySettings/ours)" in lines["incoming-uses-tls"]
    assert "off (PolicySettings/ours)" in lines["outgoing-uses-tls"]
    assert done.err.endswith("environment test\n")
    off = commands.run("policy", "list", "--off", "--tag", "security", "-C", str(estate))
    assert [line.split()[0] for line in off.out.splitlines()] == ["rule", "outgoing-uses-tls"]
    document = json.loads(commands.run("policy", "list", "--severity", "warning", "-o", "json", "-C", str(estate)).out)
    rules = {one["rule"]: one for one in document["rules"]}
    assert {one["effectiveSeverity"] for one in rules.values()} == {"warning"}
    mine = rules["incoming-uses-tls"]
    assert (mine["severity"], mine["setBy"], mine["reason"]) == (
        "error",
        {"severity": "PolicySettings/ours"},
        "The scanners know no TLS",
    )
    assert rules["start-date-recent"]["parameters"] == {"days": 100}


def test_list_shows_rules_as_they_come_where_no_estate_is(commands: Commands, tmp_path: Path, estate: Path) -> None:
    alone = commands.run("policy", "list", "-C", str(tmp_path / "nothing"))
    assert (alone.code, "without settings of an environment" in alone.err) == (0, True)
    wrong = commands.run("policy", "list", "-e", "tset", "-C", str(estate))
    assert (wrong.code, "declares no Environment 'tset'" in wrong.err) == (1, True)


def test_explain_tells_a_rule_a_verdict_and_a_finding(commands: Commands, estate: Path) -> None:
    rule = commands.run("explain", "incoming-uses-tls", "-C", str(estate))
    assert rule.code == 0, rule.err
    assert rule.out.startswith("incoming-uses-tls (warning, set by PolicySettings/ours, error as it comes)\n")
    assert "set so because: The scanners know no TLS" in rule.out
    assert "1 finding in test\n" in rule.out
    fires = commands.run("explain", "incoming-uses-tls", "scanners", "-C", str(estate))
    assert "EmailServerProfile/scanners: the rule is broken" in fires.out
    assert "at scanners.yaml:7:49" in fires.out
    assert "  profile.incoming.tls  none" in fires.out
    document = json.loads(commands.run("explain", "incoming-uses-tls", "EmailServerProfile/scanners", "-o", "json", "-C", str(estate)).out)
    assert document["verdict"]["outcome"] == "fires"
    assert document["verdict"]["assert"] == [{"text": 'profile.incoming.tls != "none"', "answer": "false"}]
    by_mark = json.loads(commands.run("explain", document["fingerprint"][:12], "-o", "json", "-C", str(estate)).out)
    assert by_mark["verdict"] == document["verdict"]
    off = commands.run("explain", "outgoing-uses-tls", "scanners", "-C", str(estate))
    assert "the rule is not in force" in off.out
    gone = commands.run("explain", "incoming-uses-tls", "scanner", "-C", str(estate))
    assert (gone.code, "there is no 'scanner' in test" in gone.err) == (1, True)
    unknown = commands.run("explain", "0" * 32, "-C", str(estate))
    assert (unknown.code, "no finding has the fingerprint" in unknown.err) == (1, True)
