"""`reconcile init`: the estate it writes is right as written, and nothing is ever overwritten."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.cli.init import FILES
from reconcile.sandbox.corpus.addresses import mailboxes
from reconcile.sandbox.ews.values import text_of
from reconcile.sandbox.world import Place, World
from support.command import Commands, Result


def reconcile(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "reconcile.cli.main", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def over() -> str:
    return "imap"


@pytest.fixture
def estate(tmp_path: Path, over: str) -> Path:
    folder = tmp_path / "mine"
    done = reconcile("init", str(folder), *([] if over == "imap" else ["--with", over]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == sorted(str(path) for path in folder.rglob("*") if path.is_file())
    return folder


@pytest.mark.parametrize("over", FILES)
def test_lint_lists_what_is_to_be_filled_in_and_nothing_else(estate: Path, over: str) -> None:
    done = reconcile("lint", "-C", str(estate), "--fail-on", "warning", "--output", "json")
    document = json.loads(done.stdout)
    marked = {
        (name, number)
        for name in FILES[over].values()
        if name.endswith(".yaml")
        for number, line in enumerate((estate / name).read_text(encoding="utf-8").splitlines(), start=1)
        if "CHANGE-ME" in line
    }
    found = document["findings"]
    assert (done.returncode, {one["rule"] for one in found}, document["documents"]) == (3, {"document/to-fill-in"}, 4)
    assert {(one["file"], one["line"]) for one in found} == marked
    assert all(": " in one["message"] for one in found), "each says what belongs there"


@pytest.mark.parametrize("over", FILES)
def test_nothing_is_said_of_it_once_it_is_filled_in(estate: Path) -> None:
    for file in estate.rglob("*.yaml"):
        file.write_text(re.sub(r" # CHANGE-ME.*", "", file.read_text(encoding="utf-8")), encoding="utf-8")
    done = reconcile("lint", "-C", str(estate), "--fail-on", "information", "--output", "json")
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])


def test_the_profile_that_the_page_about_exchange_shows_stands_in_it_without_an_error(estate: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text(encoding="utf-8")
    (estate / "profiles" / "exchange.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    mailbox = estate / "mailboxes" / "sales.yaml"
    written = (
        mailbox.read_text(encoding="utf-8").replace("profile: main", "profile: exchange").replace("outgoing: none", "outgoing: server-side")
    )
    mailbox.write_text(written, encoding="utf-8")
    found = json.loads(reconcile("lint", "-C", str(estate), "--output", "json").stdout)["findings"]
    assert [one for one in found if one["severity"] == "error"] == []
    assert found != [], "the mailbox's own account is not used any more"


@pytest.mark.parametrize("over", FILES)
def test_every_file_for_people_says_what_to_change_or_why(estate: Path, over: str) -> None:
    for name in FILES[over].values():
        assert "#" in (estate / name).read_text(encoding="utf-8"), name
    assert sum("CHANGE-ME" in (estate / name).read_text(encoding="utf-8") for name in FILES[over].values()) >= 5


@pytest.mark.parametrize("over", ["exchange"])
def test_what_is_commented_out_can_be_taken_in(estate: Path) -> None:
    """Lines that show a setting are settings, and not prose."""
    taken = 0
    for file in estate.rglob("*.yaml"):
        text, lines = re.subn(r"^( +)# (?= *(?:- |[a-zA-Z]+:(?: |$)))", r"\1", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        file.write_text(text, encoding="utf-8")
        taken += lines
    found = json.loads(reconcile("lint", "-C", str(estate), "--output", "json").stdout)["findings"]
    assert ([one for one in found if one["severity"] == "error"], taken) == ([], 7)


@pytest.mark.slow
@pytest.mark.parametrize("over", ["exchange"])
def test_one_for_exchange_works_on_the_sandbox_as_its_readme_says(estate: Path, tmp_path: Path) -> None:
    place = Place(directory=tmp_path / "sandbox", secrets_directory=tmp_path / "sandbox" / "secrets")
    with World(place=place, mailboxes=mailboxes(1), now=lambda: datetime.now(UTC)) as world:
        world.fill()
        readme = (estate / "README.md").read_text(encoding="utf-8")
        edits = {
            "environments/production.yaml": {
                "https://exchange.contoso.example/EWS/Exchange.asmx": "https://localhost:20443/EWS/Exchange.asmx"
            },
            "profiles/exchange.yaml": {
                "authentication: ntlm": "authentication: basic",
                "username: CONTOSO\\crm-service": "username: sandbox-service",
                "ref: file:exchange.password": "ref: file:mailboxes/sandbox-service.password",
                "# caCertificate: file:contoso-ca.pem": "caCertificate: file:sandbox-ca.pem",
            },
        }
        for name, lines in edits.items():
            text = (estate / name).read_text(encoding="utf-8")
            for old, new in lines.items():
                assert (old in text, f"`{new}`" in readme) == (True, True), new
                text = text.replace(old, new)
            (estate / name).write_text(text.replace("20443", str(world.ports.ews)), encoding="utf-8")
        commands = Commands(state=tmp_path / "state", cache=tmp_path / "cache")

        def run(*words: str) -> Result:
            done = commands.run(*words, "-C", str(estate), RECONCILE_SECRETS_DIR=str(place.secrets_directory))
            assert done.code == 0, (words, done)
            return done

        assert "basic-authentication" in run("lint").out
        run("apply", "--yes")
        assert "sales" in run("test-mailbox", "sales").out
        sales = world.exchange.organization.mailbox("sales@contoso.example")
        assert sales is not None
        run("sync")
        listed = run("activities", "list", "--limit", "200", "--output", "json").out.splitlines()
        assert len(listed) >= 50
        run("activities", "items", "add", "task", "--owner", "sales", "--set", "subject=Call back", "--set", "scheduledend=2026-03-12")
        run("sync")
        tasks = sales.distinguished("tasks")
        assert tasks is not None
        assert [text_of(sales, item, "Subject") for item in tasks.items.values()] == ["Call back"]


def test_editors_find_the_schema_each_file_names(estate: Path) -> None:
    named = 0
    for file in estate.rglob("*.yaml"):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        schema = file.parent / first.partition("$schema=")[2]
        kind = next(line.split()[1] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("kind:"))
        assert json.loads(schema.read_text(encoding="utf-8"))["properties"]["kind"]["const"] == kind
        named += 1
    assert named == 4


@pytest.mark.parametrize("name", [".gitignore", "mailboxes/sales.yaml"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, name: str) -> None:
    there = tmp_path / name
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text("mine")
    done = reconcile("init", str(tmp_path))
    assert done.returncode == 1
    assert name in done.stderr
    assert "next:" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [there]
    assert there.read_text() == "mine"


def test_the_state_of_a_working_copy_is_not_committed(estate: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(estate)], check=True)
    secret = estate / ".reconcile" / "secrets" / "reconcile.key"
    secret.parent.mkdir(parents=True)
    secret.write_text("key")
    listed = subprocess.run(
        ["git", "-C", str(estate), "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    ).stdout
    assert "mailboxes/sales.yaml" in listed
    assert ".reconcile" not in listed
