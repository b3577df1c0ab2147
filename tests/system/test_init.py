"""`reconcile init`: the estate it writes is right as written, and nothing is ever overwritten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconcile.cli.init import FILES


def reconcile(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "reconcile.cli.main", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    done = reconcile("init", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == sorted(str(path) for path in folder.rglob("*") if path.is_file())
    return folder


def test_it_lints_clean_as_written(estate: Path) -> None:
    done = reconcile("lint", "-C", str(estate), "--gate", "information", "--output", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["findings"], document["documents"]) == (0, [], 4)


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


def test_every_file_for_people_says_what_to_change_or_why(estate: Path) -> None:
    for name in FILES.values():
        assert "#" in (estate / name).read_text(encoding="utf-8"), name
    assert sum("CHANGE-ME" in (estate / name).read_text(encoding="utf-8") for name in FILES.values()) >= 5


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
