"""`reconcile lint` and `reconcile schema`, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconcile.cli.main import run
from reconcile.desired.schema import render
from support.estate import ENVIRONMENT, PROFILE, QUIET, mailbox


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    root = tmp_path / "estate"
    root.mkdir()
    for name, text in {"environment.yaml": f"{ENVIRONMENT}---\n{QUIET}", "profile.yaml": PROFILE, "sales.yaml": mailbox()}.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_a_clean_estate_ends_with_0_and_prints_no_data(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "-C", str(estate)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "no findings in 3 files\n"


def test_errors_end_with_3(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (estate / "sales.yaml").write_text(mailbox(more="  incoming: serverside\n  credentials: {password: hunter2}\n"), encoding="utf-8")
    assert run(["lint", "-C", str(estate)]) == 3
    printed = capsys.readouterr()
    assert "error[schema/value]" in printed.out
    assert "--> sales.yaml:8:13" in printed.out
    assert "hunter2" not in printed.out + printed.err
    assert printed.err == "2 errors in 1 file; 3 files read\n"


def test_a_misspelt_secret_is_not_shown(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (estate / "sales.yaml").write_text(mailbox(more="  credentials:\n    pasword: hunter2\n"), encoding="utf-8")
    assert run(["lint", "-C", str(estate)]) == 3
    printed = capsys.readouterr()
    assert "did you mean password?" in printed.out
    assert "hunter2" not in printed.out + printed.err


def test_json(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (estate / "sales.yaml").write_text(mailbox(more="  incoming: serverside\n"), encoding="utf-8")
    assert run(["lint", "-C", str(estate), "-o", "json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["formatVersion"] == "1.1"
    assert document["exit"] == "findings"
    assert document["counts"] == {"error": 1, "warning": 0, "information": 0, "accepted": 0}
    assert document["environments"] == ["test"]
    (finding,) = document["findings"]
    assert (finding["file"], finding["line"], finding["column"], finding["endColumn"]) == ("sales.yaml", 8, 13, 23)
    assert finding["resource"] == "Mailbox/sales"


@pytest.mark.parametrize("name", ["--fail-on", "--gate"])
@pytest.mark.parametrize(("gate", "code"), [("error", 0), ("warning", 3), ("information", 3), ("never", 0)])
def test_the_gate(name: str, gate: str, code: int, estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = mailbox().replace("{name: sales}", "{name: sales, annotations: {imap-password: x}}")
    (estate / "sales.yaml").write_text(text, encoding="utf-8")
    assert run(["lint", "-C", str(estate), name, gate]) == code
    assert "warning[secret/exposed]" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "code"), [([], 3), (["--fail-on", "error"], 0)])
def test_the_settings_of_the_estate_say_what_fails(words: list[str], code: int, estate: Path) -> None:
    text = mailbox().replace("{name: sales}", "{name: sales, annotations: {imap-password: x}}")
    (estate / "sales.yaml").write_text(text, encoding="utf-8")
    assert run(["lint", "-C", str(estate)]) == 0
    (estate / "environment.yaml").write_text(f"{ENVIRONMENT}---\n{QUIET.replace('spec: {', 'spec: {failOn: warning, ')}", encoding="utf-8")
    assert run(["lint", "-C", str(estate), *words]) == code


def test_several_reports_at_once(estate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (estate / "sales.yaml").write_text(mailbox(more="  incoming: serverside\n"), encoding="utf-8")
    (estate / ".git").mkdir()  # paths in reports begin at the root of the repository
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "lint.xml").symlink_to(victim)
    wanted = {form: tmp_path / f"lint.{form}" for form in ("text", "json", "sarif", "github", "gitlab", "markdown")} | {
        "junit": tmp_path / "lint.xml"
    }
    words = [word for form, file in wanted.items() for word in ("--report", f"{form}={file}")]
    assert run(["lint", "-C", str(estate), "--output", "github", *words]) == 3
    printed = capsys.readouterr().out
    assert printed.startswith("::error file=sales.yaml,line=8,endLine=8,col=13,endColumn=22,title=schema/value::")
    assert wanted["github"].read_text() == printed
    assert json.loads(wanted["json"].read_text())["findings"][0]["file"] == "sales.yaml"
    assert json.loads(wanted["sarif"].read_text())["runs"][0]["results"][0]["ruleId"] == "schema/value"
    assert json.loads(wanted["gitlab"].read_text())[0]["check_name"] == "schema/value"
    assert wanted["text"].read_text().startswith("error[schema/value]")
    assert wanted["markdown"].read_text().startswith("<!-- reconcile lint -->")
    assert "<failure" in wanted["junit"].read_text()
    assert victim.read_text() == "mine", "a link was followed"
    assert sorted(path.name for path in tmp_path.iterdir() if "unfinished" in path.name) == []


@pytest.mark.parametrize("report", ["sarif", "=x", "pdf=x", "sarif="])
def test_a_report_needs_form_and_file(report: str, estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "-C", str(estate), "--report", report]) == 64
    assert "FORMAT=FILE" in capsys.readouterr().err


def test_a_report_that_cannot_be_written(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "-C", str(estate), "--report", f"sarif={estate}/no/such/folder"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_every_environment_is_checked_or_the_one_named(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = "".join(
        ENVIRONMENT.replace("name: test", f"name: {name}").replace("spec: {", f"spec: {{layers: [{name}], ") + "---\n"
        for name in ("one", "two")
    )
    (estate / "environment.yaml").write_text(two, encoding="utf-8")
    for name in ("one", "two"):
        (estate / name).mkdir()
        (estate / name / "sales.yaml").write_text(mailbox(profile=f"missing-{name}"), encoding="utf-8")
    assert run(["lint", "-C", str(estate)]) == 3
    both = capsys.readouterr().out
    assert "missing-one" in both
    assert "missing-two" in both
    assert run(["lint", "-C", str(estate), "-e", "one"]) == 3
    one = capsys.readouterr().out
    assert "missing-one" in one
    assert "missing-two" not in one
    assert run(["lint", "-C", str(estate), "-e", "tow"]) == 3
    unknown = capsys.readouterr().out
    assert "did you mean two?" in unknown
    assert "declared twice" not in unknown


def test_the_second_run_comes_from_the_cache_and_says_the_same(estate: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (estate / "bad.yaml").write_text(mailbox("bad", more="  incoming: x\n"), encoding="utf-8")
    printed = []
    for options in ([], [], ["--no-cache"]):
        assert run(["lint", "-C", str(estate), *options]) == 3
        printed.append(capsys.readouterr().out)
    assert len(set(printed)) == 1
    assert (tmp_path / "cache").is_dir()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-C", "nowhere"], 1, "cannot read the folder"),
        (["--revision", "HEAD"], 1, "not a git repository"),
        (["--gate", "fatal"], 64, "Invalid value"),
    ],
)
def test_what_cannot_be_read_as_a_whole(
    arguments: list[str], code: int, words: str, estate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(estate)
    assert run(["lint", *arguments]) == code
    printed = capsys.readouterr()
    assert words in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("kind", [None, "Mailbox", "mailbox"])
def test_schema(kind: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", *([kind] if kind else [])]) == 0
    printed = capsys.readouterr().out
    assert printed == render("Mailbox" if kind else None)
    assert json.loads(printed)["$schema"].endswith("2020-12/schema")


def test_a_missing_c_extension_is_said_with_the_next_step(estate: Path) -> None:
    program = "import sys; sys.modules['_ruamel_yaml'] = None; from reconcile.cli.main import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "lint", "-C", str(estate)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "install the package ruamel.yaml.clib" in done.stderr
    assert "Traceback" not in done.stderr
