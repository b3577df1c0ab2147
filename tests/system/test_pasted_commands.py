"""Commands in hints, as they work when pasted from the same folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from reconcile.cli.pasted import in_helps, pastable
from support.command import Commands
from support.estate_folder import imap_profile, write_estate

GIVEN = {"directory": "my estate", "state_dir": "/srv/state", "environment": "test"}
ALL = "-C 'my estate' --state-dir /srv/state -e test"
CASES = [
    ("a hint", "Run `reconcile apply` first.", f"Run `reconcile apply {ALL}` first."),
    ("two of them", "`reconcile plan` or `reconcile sync`", f"`reconcile plan {ALL}` or `reconcile sync {ALL}`"),
    ("without quotes", "carry it out with: reconcile apply plan.json", f"carry it out with: reconcile apply {ALL} plan.json"),
    ("below a group", "look with `reconcile lock list`", f"look with `reconcile lock list {ALL}`"),
    ("what it says itself", "`reconcile apply -C other -e prod FILE`", "`reconcile apply -C other -e prod FILE --state-dir /srv/state`"),
    (
        "long names",
        "`reconcile lint --state-dir Y --directory X --environment NAME`",
        "`reconcile lint --state-dir Y --directory X --environment NAME`",
    ),
    ("a command that takes less", "`reconcile migrate --check`", "`reconcile migrate --check -C 'my estate'`"),
    ("one that takes none", "`reconcile version`", "`reconcile version`"),
    ("the folder of a sandbox is no estate", "`reconcile sandbox`", "`reconcile sandbox`"),
    ("a group alone", "`reconcile alerts`", "`reconcile alerts`"),
    ("no command", "`reconcile nothing` and reconcile both", "`reconcile nothing` and reconcile both"),
    ("a name that only ends so", "run my-reconcile apply, or bin/reconcile", "run my-reconcile apply, or bin/reconcile"),
    ("a line of a file", " 12 |   note: `reconcile apply`", " 12 |   note: `reconcile apply`"),
]


@pytest.mark.parametrize(("said", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_options_that_were_given_are_in_what_is_to_be_pasted(said: str, expected: str) -> None:
    assert pastable(said, GIVEN) == expected
    assert pastable(said, {}) == said


def test_where_others_have_their_say_only_quoted_commands_are_meant() -> None:
    said = "reconcile apply the invoices\nsee `reconcile status`"
    assert pastable(said, {"directory": "x"}, quoted=True) == "reconcile apply the invoices\nsee `reconcile status -C x`"


def test_what_a_difference_says_is_left_alone() -> None:
    said = "-  # `reconcile apply`\n  = help: see `reconcile explain x`\n"
    assert in_helps(said, {"directory": "x"}) == "-  # `reconcile apply`\n  = help: see `reconcile explain x -C x`\n"


def test_findings_are_laid_out_alike_wherever_they_go(tmp_path: Path) -> None:
    estate = write_estate(tmp_path / "estate", [imap_profile("main", unknownField="x" * 120)])
    commands = Commands(state=tmp_path / "state", cache=tmp_path / "cache")
    found = [commands.run("lint", "-C", str(estate), COLUMNS=columns).out for columns in ("40", "100")]
    assert found[0] == found[1]
    assert "schema/unknown-field" in found[0]


def test_the_next_step_of_a_saved_plan_works_as_it_is_said(tmp_path: Path) -> None:
    estate = write_estate(tmp_path / "an estate", [imap_profile("main")])
    commands = Commands(state=tmp_path / "nowhere", cache=tmp_path / "cache")
    where = ("-C", str(estate), "--state-dir", str(tmp_path / "state"))
    before = commands.run("status", *where)
    assert f"`reconcile apply -C '{estate}' --state-dir {tmp_path / 'state'}`" in before.err
    said = commands.run("plan", *where, "--out", str(tmp_path / "plan.json")).err
    words = shlex.split(said.split("carry it out with: reconcile ")[1])
    assert commands.run(*words, "--yes").code == 0
    assert commands.run("status", *where).code == 0
    assert not (tmp_path / "nowhere").exists()
