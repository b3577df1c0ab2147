"""`lint --baseline`, `--fix` and `--suggest` on folders: what is written, what is refused, and what others may have put in the way."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.main import run
from reconcile.errors import TransientError
from reconcile.source.replace import replace
from support.command import Commands
from support.estate import ENVIRONMENT
from support.own_rules import shipped_off

RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: alerts-on}
spec:
  title: Alerts are on
  severity: error
  message: "{profile.name} mails no alerts"
  rationale: Nobody would know.
  remediation: Switch them on.
  sources: [{title: Handbook, date: "2026"}]
  appliesTo: EmailServerProfile
  assert: profile.sendEmailAlert
  fix: [{field: profile.sendEmailAlert, set: true}]
"""
PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: NAME}
spec:
  displayName: NAME
  serverType: imap-smtp
  sendEmailAlert: false
"""
_ASSIGNMENT = """\
apiVersion: reconcile/v1alpha2
kind: MailboxAssignment
metadata: {name: everyone}
spec: {selector: {everything: true}, settings: {filter: replies}}
"""
_MAILBOX = """\
---
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec: {emailAddress: NAME@contoso.example}
"""
BASELINE = ".reconcile-baseline.json"


class Estate:
    """A folder, and lint on it. Only findings of the rule of this page count here."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys
        self.err = ""

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def lint(self, *words: str) -> int:
        code = run(["lint", "-C", str(self.root), *words])
        self.out, self.err = self._capsys.readouterr()
        return code

    def found(self, *words: str) -> dict[str, Any]:
        self.lint("-o", "json", *words)
        document: dict[str, Any] = json.loads(self.out)
        return document

    def rules(self, *words: str) -> list[str]:
        """Those that count, of ours and about the baseline."""
        ours = ("alerts-on", "baseline/")
        return [one["rule"] for one in self.found(*words)["findings"] if "accepted" not in one and one["rule"].startswith(ours)]

    def contents(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def estate(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Estate:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(cache))
    made = Estate(tmp_path / "estate", capsys)
    for name, text in {
        "environment.yaml": ENVIRONMENT,
        "rule.yaml": RULE,
        "quiet.yaml": shipped_off(),
        "first.yaml": PROFILE.replace("NAME", "first"),
    }.items():
        made.write(name, text)
    return made


def test_a_baseline_is_made_once_and_then_only_shrinks(estate: Estate) -> None:
    estate.write("second.yaml", PROFILE.replace("NAME", "second"))
    assert estate.rules() == ["alerts-on", "alerts-on"]
    assert estate.lint("--baseline", "write") == 0
    written = (estate.root / BASELINE).read_bytes()
    assert estate.rules() == []
    assert estate.lint("--baseline", "ignore") == 3
    # What is new counts, wherever the old has moved to.
    (estate.root / "first.yaml").rename(estate.root / "moved.yaml")
    estate.write("third.yaml", PROFILE.replace("NAME", "third"))
    assert estate.rules() == ["alerts-on"]
    assert estate.lint("--baseline", "write") == 1
    assert "there is a baseline already" in estate.err
    assert "--baseline shrink" in estate.err
    assert (estate.root / BASELINE).read_bytes() == written
    # What is gone can be taken out, and does not come back unseen.
    estate.write("second.yaml", PROFILE.replace("NAME", "second").replace("Alert: false", "Alert: true"))
    assert estate.rules() == ["baseline/can-shrink", "alerts-on"]
    assert estate.rules("-e", "test") == ["alerts-on"], "of a part nobody knows what is gone"
    assert estate.lint("--baseline", "shrink") == 3, "the new one is not taken in"
    assert "accepts 1 finding less" in estate.err
    assert estate.rules() == ["alerts-on"]
    estate.write("second.yaml", PROFILE.replace("NAME", "second"))
    assert estate.rules() == ["alerts-on", "alerts-on"]
    shrunk = (estate.root / BASELINE).read_bytes()
    assert estate.lint("--baseline", "shrink") == 3
    assert "stays as it is" in estate.err
    assert (estate.root / BASELINE).read_bytes() == shrunk


def test_shrinking_waits_until_everything_can_be_read(estate: Estate) -> None:
    assert estate.lint("--baseline", "write") == 0
    written = (estate.root / BASELINE).read_bytes()
    first = (estate.root / "first.yaml").read_text()
    estate.write("first.yaml", first + "  ]\n")
    assert "baseline/can-shrink" not in estate.rules()
    assert estate.lint("--baseline", "shrink") == 1
    assert "mend the errors first" in estate.err
    assert (estate.root / BASELINE).read_bytes() == written
    (estate.root / BASELINE).unlink()
    assert estate.lint("--baseline", "write") == 1
    assert not (estate.root / BASELINE).exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--baseline", "write", "-e", "test"),
        ("--baseline", "shrink", "-e", "test"),
        ("--baseline", "write", "--revision", "HEAD"),
        ("--baseline", "shrink", "--fix"),
        ("--fix", "--suggest"),
        ("--fix", "--revision", "HEAD"),
        ("--baseline", "grow"),
    ],
)
def test_what_cannot_be_meant_is_refused(estate: Estate, words: tuple[str, ...]) -> None:
    before = estate.contents()
    assert estate.lint(*words) == 64
    assert estate.contents() == before


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty", b"", "is no baseline"),
        ("binary", b"\x00\xff", "is no baseline"),
        ("a list", b"[]", "is no baseline"),
        ("of a conflict", b"<<<<<<< ours\n{}\n", "is no baseline"),
        ("of a newer version", b'{"formatVersion": "9.0", "findings": []}', "Use a newer reconcile"),
        ("without findings", b'{"formatVersion": "1.0"}', "is no baseline"),
    ],
)
def test_a_bad_baseline_ends_lint_and_nothing_else(estate: Estate, tmp_path: Path, name: str, data: bytes, says: str) -> None:
    (estate.root / BASELINE).write_bytes(data)
    assert estate.lint() == 1, name
    assert says in estate.err
    assert run(["plan", "-C", str(estate.root), "--state-dir", str(tmp_path / "state")]) == 0


@pytest.mark.parametrize("how", ["broken", "link", "folder"])
def test_a_bad_baseline_does_not_stop_the_loop(estate: Estate, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = estate.root / BASELINE
    match how:
        case "broken":
            path.write_text("<<<<<<<\n")
        case "link":
            path.symlink_to(tmp_path)
        case _:
            path.mkdir()
    assert run(["run", "--once", "-C", str(estate.root), "--state-dir", str(tmp_path / "state"), "-o", "json"]) == 0
    events = {event["part"]: event for event in map(json.loads, capsys.readouterr().out.splitlines())}
    assert events["configuration"]["applied"] == 2
    assert events["rules"]["kind"] == "found"
    assert "baseline/unreadable" in events["rules"]["message"]
    assert events["rules"]["errors"] == 2


def test_a_baseline_behind_a_link_is_not_read(estate: Estate, tmp_path: Path) -> None:
    assert estate.lint("--baseline", "write") == 0
    (estate.root / BASELINE).rename(tmp_path / "elsewhere.json")
    (estate.root / BASELINE).symlink_to(tmp_path / "elsewhere.json")
    before = (tmp_path / "elsewhere.json").read_bytes()
    assert estate.lint() == 1
    assert estate.lint("--baseline", "shrink") == 1
    (estate.root / BASELINE).unlink()
    (estate.root / BASELINE).symlink_to(tmp_path / "nowhere.json")
    assert estate.lint() == 1
    assert estate.lint("--baseline", "write") == 1
    assert not (tmp_path / "nowhere.json").exists()
    assert (tmp_path / "elsewhere.json").read_bytes() == before


def test_fix_writes_says_what_and_ends_by_what_is_left(estate: Estate) -> None:
    path = estate.root / "first.yaml"
    path.chmod(0o640)
    assert estate.lint() == 3
    assert estate.lint("--fix") == 0
    assert "fixed first.yaml: set sendEmailAlert: true in EmailServerProfile/first (alerts-on)" in estate.err
    assert path.read_text() == PROFILE.replace("NAME", "first").replace("Alert: false", "Alert: true")
    assert path.stat().st_mode & 0o777 == 0o640
    assert estate.lint("--fix") == 0
    assert "fixed" not in estate.err


def test_the_next_step_is_named_where_edits_are_shown_and_where_there_are_none(estate: Estate) -> None:
    writes, nothing = "` writes these edits", "nothing to edit: no rule names an edit"
    estate.lint()
    assert (writes in estate.err, nothing in estate.err) == (False, False)
    estate.lint("--suggest")
    assert (writes in estate.err, nothing in estate.err) == (True, False)
    (estate.root / "queue.yaml").write_text("apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: q}\nspec: {type: nothing}\n")
    estate.lint("--fix")
    assert (writes in estate.err, nothing in estate.err, "fixed first.yaml" in estate.err) == (False, False, True)
    for word in ("--suggest", "--fix"):
        estate.lint(word)
        assert (writes in estate.err, nothing in estate.err) == (False, True)


def test_fix_in_json_names_what_was_done(estate: Estate) -> None:
    document = estate.found("--suggest")
    (one,) = [entry["fix"] for entry in document["findings"] if entry["rule"] == "alerts-on"]
    assert one == {
        "description": "set sendEmailAlert: true in EmailServerProfile/first",
        "edits": [{"file": "first.yaml", "line": 7, "column": 19, "endLine": 7, "endColumn": 24, "text": "true"}],
    }
    assert "fixed" not in document
    document = estate.found("--fix")
    assert document["fixed"] == [
        {"file": "first.yaml", "resource": "EmailServerProfile/first", "description": one["description"], "rules": ["alerts-on"]}
    ]
    assert estate.found("--fix")["fixed"] == []


def test_what_an_assignment_gives_many_mailboxes_is_suggested_once(estate: Estate) -> None:
    rule = RULE.replace("EmailServerProfile", "Mailbox").replace("profile.sendEmailAlert", "mailbox.filter")
    rule = rule.replace("assert: mailbox.filter", 'assert: mailbox.filter == "all"').replace("set: true", "set: all")
    estate.write("rule.yaml", rule.replace("{profile.name}", "{mailbox.name}"))
    estate.write("all.yaml", _ASSIGNMENT + "".join(_MAILBOX.replace("NAME", f"m{number}") for number in range(3)))
    estate.lint("--suggest")
    (line,) = [line for line in estate.out.splitlines() if line.startswith("suggestion: ")]
    assert line.startswith(
        "suggestion: alerts-on: set filter: all of Mailbox/m0 and 2 more: MailboxAssignment/everyone gives it, at all.yaml:"
    )


def test_each_finding_of_a_file_has_its_own_edit(estate: Estate) -> None:
    documents = [PROFILE.replace("NAME", name) for name in ("one", "two", "three")]
    documents[1] = documents[1].replace("  sendEmailAlert: false\n", "")
    estate.write("all.yaml", "---\n".join(documents))
    found = estate.found("--suggest")["findings"]
    edits = {one["resource"].partition("/")[2]: one["fix"]["edits"] for one in found if one["rule"] == "alerts-on"}
    assert [(name, one["line"], one["text"]) for name in ("one", "two", "three") for one in edits[name]] == [
        ("one", 7, "true"),
        ("two", 15, "  sendEmailAlert: true\n"),
        ("three", 22, "true"),
    ]


def test_what_is_accepted_is_left_alone(estate: Estate) -> None:
    assert estate.lint("--baseline", "write") == 0
    before = estate.contents()
    assert estate.lint("--fix") == 0
    assert estate.contents() == before


def test_fixes_of_one_environment_are_proved_on_all(estate: Estate) -> None:
    (estate.root / "environment.yaml").unlink()
    for name, wanted in (("prod", "profile.sendEmailAlert"), ("test", "!profile.sendEmailAlert")):
        text = ENVIRONMENT.replace("{name: test}", f"{{name: {name}}}").replace("timeZone:", f"layers: [shared, {name}], timeZone:")
        estate.write(f"{name}/environment.yaml", text)
        estate.write(f"{name}/rule.yaml", RULE.replace("assert: profile.sendEmailAlert", f'assert: "{wanted}"'))
    for name in ("first.yaml", "quiet.yaml"):
        (estate.root / "shared").mkdir(exist_ok=True)
        (estate.root / name).rename(estate.root / "shared" / name)
    (estate.root / "rule.yaml").unlink()
    before = estate.contents()
    assert estate.lint("--fix", "-e", "prod") == 3
    assert "nothing is edited, because the edit would not make the finding go away" in estate.out, "it would stand in test"
    assert estate.contents() == before


def test_files_behind_links_are_not_touched(estate: Estate, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (estate.root / "first.yaml").rename(outside / "first.yaml")
    before = (outside / "first.yaml").read_bytes()
    (estate.root / "first.yaml").symlink_to(outside / "first.yaml")
    (estate.root / "folder").symlink_to(outside)
    assert estate.lint("--fix") == 3
    assert (outside / "first.yaml").read_bytes() == before


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(estate: Estate) -> None:
    path = estate.root / "first.yaml"
    before = path.read_bytes()
    path.write_bytes(before + b"# mine\n")
    with pytest.raises(TransientError, match="was changed meanwhile") as caught:
        replace(estate.root, "first.yaml", before, b"theirs", command="lint --fix")
    assert "lint --fix" in caught.value.hint
    assert path.read_bytes() == before + b"# mine\n"
    assert os.listdir(estate.root).count("first.yaml") == 1


def test_a_file_that_cannot_be_written_is_told(estate: Estate) -> None:
    if os.geteuid() == 0:
        # root may write anywhere; a folder that is in the way of the draft stops it all the same.
        (estate.root / f".reconcile-unfinished-{os.getpid()}").mkdir()
    else:
        estate.root.chmod(0o555)
    before = (estate.root / "first.yaml").read_bytes()
    try:
        assert estate.lint("--fix") == 1
    finally:
        estate.root.chmod(0o755)
    assert "cannot be written" in estate.err
    assert (estate.root / "first.yaml").read_bytes() == before


def test_a_run_that_is_killed_leaves_old_files_or_new_ones(estate: Estate, commands: Commands) -> None:
    old = {f"many/{number:03}.yaml": PROFILE.replace("NAME", f"p{number}") for number in range(150)}
    for name, text in old.items():
        estate.write(name, text)
    new = {name: text.replace("Alert: false", "Alert: true") for name, text in old.items()}
    process = commands.start("lint", "-C", str(estate.root), "--fix")
    last = estate.root / "many" / "000.yaml"
    until = time.monotonic() + 60
    while process.poll() is None and last.read_text() == old["many/000.yaml"] and time.monotonic() < until:
        time.sleep(0.001)
    process.kill()
    process.wait()
    after = {name: (estate.root / name).read_text() for name in old}
    assert all(after[name] in (old[name], new[name]) for name in old)
    assert any(after[name] == new[name] for name in old), "it was killed while it wrote"
    assert estate.lint("--fix") == 0
    assert {name: (estate.root / name).read_text() for name in old} == new


def test_fixes_in_sarif_are_of_its_form(estate: Estate) -> None:
    estate.lint("--suggest", "-o", "sarif")
    (one,) = [entry for entry in json.loads(estate.out)["runs"][0]["results"] if entry["ruleId"] == "alerts-on"]
    (fix,) = one["fixes"]
    assert set(fix) == {"description", "artifactChanges"}
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"] == one["locations"][0]["physicalLocation"]["artifactLocation"]
    assert change["replacements"] == [
        {"deletedRegion": {"startLine": 7, "startColumn": 19, "endLine": 7, "endColumn": 24}, "insertedContent": {"text": "true"}}
    ]
