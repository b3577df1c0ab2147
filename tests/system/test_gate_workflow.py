"""The workflows and hooks that call reconcile ci: their form, and their scripts run as a pipeline runs them."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from reconcile.cli.main import reconcile
from support.gated import SETTINGS, gated, mailbox, profile
from support.published_schemas import violations
from support.repository import Repository
from support.tree import ROOT

GATE = ROOT / ".github" / "workflows" / "policy-gate.yml"
EXAMPLES = ROOT / "docs" / "examples" / "gate"
WORKFLOWS = [GATE, EXAMPLES / "policy-gate.yml", EXAMPLES / "policy-gate-comment.yml"]


def read(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    return document


def scripts(path: Path) -> list[str]:
    return [step["run"] for job in read(path)["jobs"].values() for step in job.get("steps", ()) if "run" in step]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_asks_for_little_and_trusts_nobody(path: Path) -> None:
    document, text = read(path), path.read_text("utf-8")
    assert violations("github-workflow.json", document) == []
    assert document["permissions"] == {}, "what is not said is nothing"
    assert "pull_request_target" not in text
    assert "secrets." not in text
    assert "secrets: inherit" not in text
    for job in document["jobs"].values():
        assert set(job["permissions"].items()) <= {("contents", "read"), ("pull-requests", "read"), ("pull-requests", "write")}
        assert "uses" in job or job["timeout-minutes"] <= 15
        for step in job.get("steps", ()):
            assert "uses" not in step, "no action of anybody"
            writes = "write" in job["permissions"].values()
            assert not (writes and "reconcile" in step.get("run", "")), "who reads the change may not write"
            if "venv/bin/reconcile" in step.get("run", ""):
                assert not any("TOKEN" in name for name in step["env"])
        if "uses" in job:
            assert re.search(r"@[0-9a-f]{40}$", job["uses"]), "pinned by the full id of a commit"
    for script in scripts(path):
        assert "${{" not in script, "an expression inside a script is text of a stranger inside a program"
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_the_options_of_the_scripts_exist() -> None:
    command = reconcile.get_command(click.Context(reconcile), "ci")
    assert command is not None
    known = {name for option in command.params for name in option.opts}
    for path in (GATE, EXAMPLES / "gitlab-ci.yml"):
        line = path.read_text("utf-8").replace("\\\n", " ")
        (call,) = re.findall(r"bin/reconcile ci [^\n]*", line)
        assert set(re.findall(r"(?<= )--?[a-zA-Z-]+", call)) <= known


class Runner:
    """One machine of a pipeline: a folder, the variables of GitHub, and a `gh` that answers from files and writes down what it is asked."""

    def __init__(self, folder: Path, repository: Repository) -> None:
        self.folder = folder
        (folder / "work").mkdir(parents=True)
        tools = folder / "tools"
        tools.mkdir()
        fake = tools / "gh"
        fake.write_text(f"#!{sys.executable}\n{FAKE_GH}")
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        bare = folder / "forge" / "contoso" / "estate.git"
        subprocess.run(["git", "clone", "-q", "--bare", str(repository.root), str(bare)], check=True, capture_output=True)
        subprocess.run(["git", "-C", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
        self.answers = folder / "answers"
        self.answers.mkdir()
        self.variables = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "GITHUB_REPOSITORY": "contoso/estate",
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_OUTPUT": str(folder / "output"),
            "ANSWERS": str(self.answers),
            "RECONCILE_CACHE_DIR": str(folder / "cache"),
        }

    def job(self, name: str, inputs: Mapping[str, str], outputs: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Runs the steps of a job until one fails: the code, and what they said. Nothing is installed: reconcile is this one."""
        said = ""
        for step in read(GATE)["jobs"][name]["steps"]:
            if step["name"] == "Install reconcile":
                place = self.folder / "work" / "venv" / "bin"
                place.mkdir(parents=True)
                (place / "reconcile").write_text(f'#!/bin/sh\nexec {sys.executable} -m reconcile.cli.main "$@"\n')
                (place / "reconcile").chmod(0o755)
                continue
            environment = {variable: self._value(text, inputs, outputs or {}) for variable, text in step.get("env", {}).items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.folder / "work",
                env={**self.variables, **environment},
                capture_output=True,
                text=True,
            )
            said += done.stdout + done.stderr
            if done.returncode != 0:
                return done.returncode, said
        return 0, said

    def _value(self, text: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
        def one(found: re.Match[str]) -> str:
            for name in found[1].split("||"):
                where, _, key = name.strip().rpartition(".")
                value = {"inputs": inputs, "needs.check.outputs": outputs}.get(
                    where, {"token": "t0ken", "server_url": f"file://{self.folder}/forge"}
                )[key]
                if value:
                    return value
            return ""

        return re.sub(r"\$\{\{ (.*?) \}\}", one, text)

    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "output").read_text().splitlines() if (self.folder / "output").exists() else []
        return dict(line.split("=", 1) for line in lines)

    def asked(self) -> list[list[str]]:
        """The calls of gh, in order."""
        file = self.answers / "asked"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


FAKE_GH = """
import json, os, pathlib, subprocess, sys
answers = pathlib.Path(os.environ["ANSWERS"])
words = sys.argv[1:]
bodies = [pathlib.Path(word.removeprefix("body=@")).read_text() for word in words if word.startswith("body=@")]
with open(answers / "asked", "a") as asked:
    asked.write(json.dumps([*words, *bodies]) + "\\n")
url = next((word for word in words if word.startswith("repos/")), "graphql/reviews")
file = answers / (url.rsplit("/", 1)[1] + ".json")
data = file.read_text() if file.exists() and "--method" not in words else "[]"
if words[:2] == ["api", "graphql"]:
    assert "number=7" in words and "owner=contoso" in words and "name=estate" in words, words
    pages = [[node] for node in json.loads(data)] or [[]]
    data = "".join(json.dumps({"data": {"repository": {"pullRequest": {"reviews": {"nodes": page}}}}}) for page in pages)
if "--jq" in words:
    data = subprocess.run(["jq", "-r", words[words.index("--jq") + 1]], input=data, text=True, capture_output=True, check=True).stdout
sys.stdout.write(data)
"""


@pytest.fixture
def needed() -> None:
    if shutil.which("jq") is None:
        assert not os.environ.get("CI"), "jq is missing: apt-get install jq"
        pytest.skip("jq is missing: apt-get install jq")


def inputs(repository: Repository, **more: str) -> dict[str, str]:
    head = repository.git("rev-parse", "change")
    return {"base": "main", "head": head, "proposed": head, "estate": "estate", "pull-request": "7", "options": "", "package": "x", **more}


@pytest.mark.usefixtures("needed")
def test_the_gate_as_a_pipeline_runs_it(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/profiles/one.yaml": profile("1m")})
    runner = Runner(tmp_path / "runner", repository)
    code, said = runner.job("check", inputs(repository))
    assert code == 3, said
    assert "t0ken" not in said
    assert "::error file=estate/profiles/one.yaml,line=8," in said
    # Nothing of the change lies on the machine.
    assert "1m" not in (runner.folder / "work" / "repository" / "estate" / "profiles" / "one.yaml").read_text()
    comment = gzip.decompress(base64.b64decode(runner.outputs()["comment"])).decode()
    assert comment.startswith("<!-- reconcile ci -->\n### Configuration check failed: 1 new finding at or above error\n")
    assert (runner.folder / "summary").read_text() == comment

    # The first run posts, the second writes over it, and nobody else's comment is taken for ours.
    others = [
        {"id": 1, "user": {"login": "mallory"}, "body": comment},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "x\n" + comment},
    ]
    (runner.answers / "comments.json").write_text(json.dumps(others))
    assert runner.job("comment", inputs(repository), runner.outputs())[0] == 0
    *_, posted = runner.asked()
    assert posted[:5] == ["api", "--silent", "--method", "POST", "repos/contoso/estate/issues/7/comments"]
    assert posted[-1] == comment
    ours = {"id": 3, "user": {"login": "github-actions[bot]"}, "body": comment.replace("\n", "\r\n")}
    (runner.answers / "comments.json").write_text(json.dumps([*others, ours]))
    assert runner.job("comment", inputs(repository), runner.outputs())[0] == 0
    assert runner.asked()[-1][3:5] == ["PATCH", "repos/contoso/estate/issues/comments/3"]


SECURITY, STRANGER = ("security", True), ("stranger", True)


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    ("reviews", "code"),
    [
        ([], 3),
        ([(SECURITY, "APPROVED", "head")], 0),
        ([(SECURITY, "APPROVED", "older")], 3),
        ([(STRANGER, "APPROVED", "head")], 3),
        ([(SECURITY, "APPROVED", "head"), (SECURITY, "COMMENTED", "head")], 0),
        ([(SECURITY, "APPROVED", "head"), (SECURITY, "CHANGES_REQUESTED", "head")], 3),
        ([(SECURITY, "DISMISSED", "head")], 3),
        # Whoever took a name that nobody had at the forge may review what is public, and approves nothing.
        ([(("security", False), "APPROVED", "head")], 3),
        # An account that is gone, and a commit that is.
        ([((None, True), "APPROVED", "head"), (SECURITY, "APPROVED", None)], 3),
        ([((None, True), "APPROVED", "head"), (("mail-lead", True), "APPROVED", "head")], 0),
    ],
)
def test_reviews_at_the_forge_are_the_approval(
    reviews: list[tuple[tuple[str | None, bool], str, str | None]], code: int, tmp_path: Path
) -> None:
    repository = gated(tmp_path / "repository", {"estate/policies/settings.yaml": SETTINGS.replace("mail-lead", "me")})
    runner = Runner(tmp_path / "runner", repository)
    commits = {"head": repository.git("rev-parse", "change"), "older": repository.git("rev-parse", "main")}
    told = [
        {
            "author": {"login": name} if name else None,
            "state": state,
            "commit": {"oid": commits[commit]} if commit else None,
            "authorCanPushToRepository": pushes,
        }
        for (name, pushes), state, commit in reviews
    ]
    (runner.answers / "reviews.json").write_text(json.dumps(told))
    ended, said = runner.job("check", inputs(repository))
    assert ended == code, said


@pytest.mark.usefixtures("needed")
def test_names_from_outside_are_words_not_programs(tmp_path: Path) -> None:
    repository = gated(tmp_path / "repository", {"estate/mailboxes/new.yaml": mailbox("new")})
    runner = Runner(tmp_path / "runner", repository)
    code, said = runner.job("check", inputs(repository, base="$(touch pwned)`touch pwned`;touch pwned"))
    assert code != 0
    assert not [*tmp_path.rglob("pwned")], said
    code, _ = runner.job("comment", inputs(repository, **{"pull-request": "7/../8"}), {"comment": "x"})
    assert code == 1


def test_the_comment_fits_one_variable() -> None:
    """The longest comment, compressed badly, passes through the output of a job: Linux takes 131,072 octets."""
    assert len(base64.b64encode(gzip.compress(os.urandom(90_000)))) < 131_072


def test_the_hooks_name_commands_that_exist() -> None:
    hooks = YAML(typ="safe", pure=True).load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert violations("pre-commit-hooks.json", hooks) == []
    assert [hook["id"] for hook in hooks] == ["reconcile-lint", "reconcile-fix"]
    for hook in hooks:
        program, command, *options = hook["entry"].split()
        assert (program, command) == ("reconcile", "lint")
        assert (
            subprocess.run([sys.executable, "-m", "reconcile.cli.main", command, *options, "--help"], capture_output=True).returncode == 0
        )
        assert re.search(hook["files"], "desired-state/mailboxes/sales.yaml")
        assert not hook["pass_filenames"]


def test_the_template_for_gitlab() -> None:
    job = read(EXAMPLES / "gitlab-ci.yml")["configuration-check"]
    assert job["variables"]["GIT_DEPTH"] == "0"
    assert job["artifacts"]["reports"] == {"codequality": "gate-result/code-quality.json", "junit": "gate-result/junit.xml"}
    assert job["artifacts"]["when"] == "always"
    for line in (*job["before_script"], *job["script"]):
        assert subprocess.run(["bash", "-n"], input=line, text=True, capture_output=True).returncode == 0
