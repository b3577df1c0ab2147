"""Rules from the command line: an estate's own and the shipped ones, at the right line, cold and warm, for one environment and for all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.command import Commands
from support.judging import PROFILE, rule_text

_ENVIRONMENT = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: %s}\nspec: {layers: [%s, rules]}\n"
_MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata:
  name: sales
spec:
  emailAddress: sales@contoso.example
  profile: mail
  incoming: server-side
  owner: Nobody
"""
_RULE = rule_text(
    "mailbox.owner != 'Nobody'",
    name="has-an-owner",
    severity="error",
    message='"{mailbox.name} belongs to {mailbox.owner}"',
    at="[mailbox.owner]",
)


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    folder = tmp_path / "estate"
    for name in ("production", "test"):
        (folder / name).mkdir(parents=True)
        (folder / f"{name}.yaml").write_text(_ENVIRONMENT % (name, name), encoding="utf-8")
        (folder / name / "profile.yaml").write_text(PROFILE, encoding="utf-8")
    (folder / "production" / "sales.yaml").write_text(_MAILBOX, encoding="utf-8")
    (folder / "rules").mkdir()
    (folder / "rules" / "own.yaml").write_text(_RULE, encoding="utf-8")
    return folder


def _findings(commands: Commands, estate: Path, *more: str) -> list[dict[str, Any]]:
    done = commands.run("lint", "-C", str(estate), "-o", "json", *more)
    assert done.code in (0, 3), done.err
    found: list[dict[str, Any]] = json.loads(done.out)["findings"]
    return found


def test_a_rule_of_the_estate_fires_at_its_line(commands: Commands, estate: Path) -> None:
    done = commands.run("lint", "-C", str(estate))
    assert done.code == 3
    assert "error[has-an-owner]: sales belongs to Nobody" in done.out
    assert "--> production/sales.yaml:9:10" in done.out
    assert "  owner: Nobody\n" in done.out
    assert "^^^^^^" in done.out
    assert "= help: Mend it." in done.out


def test_what_is_kept_between_runs_changes_nothing(commands: Commands, estate: Path) -> None:
    cold = _findings(commands, estate)
    assert _findings(commands, estate) == cold
    assert _findings(commands, estate, "--no-cache") == cold
    assert [one for one in cold if one["rule"] == "has-an-owner"]
    # An edited rule counts at once.
    text = _RULE.replace("mailbox.owner != 'Nobody'", "mailbox.owner != 'Somebody'")
    assert text != _RULE
    (estate / "rules" / "own.yaml").write_text(text, encoding="utf-8")
    assert not [one for one in _findings(commands, estate) if one["rule"] == "has-an-owner"]


def test_one_environment_is_judged_with_the_others_in_sight(commands: Commands, estate: Path) -> None:
    (estate / "test" / "sales.yaml").write_text(_MAILBOX, encoding="utf-8")
    (estate / "rules" / "own.yaml").write_text(
        rule_text("size(counts.elsewhere) == 0", name="only-here", message='"also in {counts.elsewhere}"'), encoding="utf-8"
    )
    both = [(one["file"], one["message"]) for one in _findings(commands, estate) if one["rule"] == "only-here"]
    assert both == [("production/sales.yaml", "also in test"), ("test/sales.yaml", "also in production")]
    one = [(one["file"], one["message"]) for one in _findings(commands, estate, "-e", "test") if one["rule"] == "only-here"]
    assert one == both[1:]


def test_a_rule_with_a_fault_is_told_at_its_character_and_the_others_run(commands: Commands, estate: Path) -> None:
    bad = rule_text("mailbox.ownr == null", name="misspelt")
    (estate / "rules" / "bad.yaml").write_text(bad, encoding="utf-8")
    done = commands.run("lint", "-C", str(estate))
    assert done.code == 3
    line = next(number for number, line in enumerate(bad.splitlines(), start=1) if "mailbox.ownr" in line)
    column = bad.splitlines()[line - 1].index("mailbox.ownr") + 1
    assert "error[policy/expression]: unknown variable mailbox.ownr" in done.out
    assert f"--> rules/bad.yaml:{line}:{column}" in done.out
    assert "^^^^^^^^^^^^\n" in done.out
    assert "= help: did you mean mailbox.owner?" in done.out
    assert "error[has-an-owner]" in done.out


def test_a_rule_that_fails_is_told_and_ends_with_3(commands: Commands, estate: Path) -> None:
    (estate / "rules" / "own.yaml").write_text(
        rule_text("mailbox.labels.team == 'a'", name="labelled", severity="information"), encoding="utf-8"
    )
    done = commands.run("lint", "-C", str(estate))
    assert done.code == 3
    assert "error[policy/rule-failed]: the rule labelled cannot be judged for Mailbox/sales: Key not found in map" in done.out
    assert "--> rules/own.yaml:1:1" in done.out
