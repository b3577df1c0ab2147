"""Assignments from the command line: lint, plan, apply, render and coverage over layers, and what a bad assignment leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.assigned import document
from support.command import Commands
from support.estate import PROFILE
from support.own_rules import shipped_off

ENVIRONMENT = document("Environment", "prod", {"target": {"type": "engine"}, "layers": ["base", "prod"]})
ORGANIZATION = document("Organization", "contoso", {"defaults": {"outgoing": "server-side", "appointmentsContactsTasks": "server-side"}})
QUEUES = """apiVersion: reconcile/v1alpha2
kind: MailboxAssignment
metadata: {name: queues}
spec:
  priority: 10
  selector: {types: [queue]}
  settings:
    profile: contoso
    incoming: server-side
"""
IDLE = document("MailboxAssignment", "idle", {"selector": {"domains": ["nowhere.example"]}, "settings": {"filter": "all"}})


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(state=tmp_path / "state", cache=tmp_path / "cache")


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    folder = tmp_path / "estate"
    (folder / "base").mkdir(parents=True)
    (folder / "prod").mkdir()
    (folder / "environment.yaml").write_text(ENVIRONMENT)
    (folder / "base" / "quiet.yaml").write_text(shipped_off())
    (folder / "base" / "profile.yaml").write_text(PROFILE)
    (folder / "base" / "organization.yaml").write_text(ORGANIZATION)
    (folder / "base" / "assignments.yaml").write_text(f"{QUEUES}---\n{IDLE}")
    boxes = [
        document("Mailbox", name, {"emailAddress": f"{name}@contoso.example", "type": owner})
        for name, owner in (("sales", "queue"), ("service", "queue"), ("crew", "user"))
    ]
    (folder / "base" / "mailboxes.yaml").write_text("---\n".join(boxes))
    (folder / "prod" / "sales.yaml").write_text(document("Mailbox", "sales", {"filter": "all"}))
    return folder


def test_from_assignment_to_row(commands: Commands, estate: Path) -> None:
    assert commands.run("lint", "-C", str(estate)).code == 0
    applied = commands.run("apply", "--yes", "-C", str(estate))
    assert applied.code == 0, applied.err
    again = json.loads(commands.run("plan", "-C", str(estate), "-o", "json").out)
    assert again["plan"]["changes"] == []
    assert not any("does not keep" in note["message"] for note in again["plan"]["notes"])

    rendered = json.loads(commands.run("render", "SALES@contoso.example", "-C", str(estate), "-o", "json").out)
    fields = {one["path"]: one for one in rendered["fields"]}
    assert {path: (one["value"], one["origin"], one["by"], one["layer"]) for path, one in fields.items()} == {
        "credentials.allowUse": (False, "documented default", None, None),
        "appointmentsContactsTasks": ("none", "documented default", None, None),
        "deleteAfterProcessing": (False, "documented default", None, None),
        "displayName": ("sales@contoso.example", "documented default", None, None),
        "emailAddress": ("sales@contoso.example", "document", None, "base"),
        "filter": ("all", "document", None, "prod"),
        "incoming": ("server-side", "assignment", "MailboxAssignment/queues", "base"),
        "outgoing": ("server-side", "organization default", "Organization/contoso", "base"),
        "profile": ("contoso", "assignment", "MailboxAssignment/queues", "base"),
        "state": ("active", "documented default", None, None),
        "type": ("queue", "document", None, "base"),
    }
    assert fields["profile"]["position"] == {"file": "base/assignments.yaml", "line": 8, "column": 14}
    assert rendered["exit"] == "nothing-to-do"

    text = commands.run("render", "sales", "-C", str(estate)).out
    assert "MailboxAssignment/queues        base/assignments.yaml:8 (layer base)" in text
    assert "prod/sales.yaml:1 (layer prod)" in text

    # One edit of the assignment moves both queues, and the plan says where it was written.
    assignments = estate / "base" / "assignments.yaml"
    assignments.write_text(assignments.read_text().replace("incoming: server-side", "incoming: none"))
    plan = json.loads(commands.run("plan", "-C", str(estate), "-o", "json").out)["plan"]
    assert [(one["key"], [(field["path"], field["after"]) for field in one["fields"]]) for one in plan["changes"]] == [
        ("Mailbox/sales", [("incoming", "none")]),
        ("Mailbox/service", [("incoming", "none")]),
    ]
    assert {field["cause"]["position"]["file"] for one in plan["changes"] for field in one["fields"]} == {"base/assignments.yaml"}
    assert {field["cause"]["position"]["line"] for one in plan["changes"] for field in one["fields"]} == {9}


@pytest.mark.slow
def test_coverage_says_what_is_left_over(commands: Commands, estate: Path) -> None:
    found = commands.run("coverage", "-C", str(estate))
    assert found.code == 0
    assert "queues            10  declared        2         2  incoming, profile" in found.out
    assert "1 assignment selects nothing: idle" in found.out
    assert "1 mailbox is selected by none: crew" in found.out
    assert "1 mailbox gets no profile from anywhere: crew" in found.out
    assert "the target was not looked at" in found.out

    # Once applied, what only the target has is looked at too: here a mailbox that somebody else's estate put there.
    assert commands.run("apply", "--yes", "-C", str(estate)).code == 0
    other = document("Mailbox", "stranger", {"emailAddress": "stranger@contoso.example"})
    (estate / "prod" / "stranger.yaml").write_text(other)
    assert commands.run("apply", "--yes", "-C", str(estate)).code == 0
    (estate / "prod" / "stranger.yaml").write_text(json.dumps(json.loads(other) | {"management": {"onRemoval": "forget"}}))
    assert commands.run("apply", "--yes", "-C", str(estate)).code == 0
    (estate / "prod" / "stranger.yaml").unlink()
    assert commands.run("apply", "--yes", "-C", str(estate)).code == 0
    result = json.loads(commands.run("coverage", "-C", str(estate), "-o", "json").out)
    assert result["uncovered"] == ["stranger@contoso.example"]
    assert json.loads(commands.run("coverage", "--offline", "-C", str(estate), "-o", "json").out)["uncovered"] is None

    # An assignment over the target takes it over, and render finds it.
    spec = {"selector": {"names": ["stranger"], "scope": "target"}, "settings": {"profile": "contoso"}}
    (estate / "prod" / "rows.yaml").write_text(document("MailboxAssignment", "rows", spec))
    result = json.loads(commands.run("coverage", "-C", str(estate), "-o", "json").out)
    assert (result["uncovered"], result["takenOver"]) == ([], 1)
    rendered = commands.run("render", "stranger", "-C", str(estate)).out
    assert "MailboxAssignment/rows" in rendered
    plan = json.loads(commands.run("plan", "-C", str(estate), "-o", "json").out)["plan"]
    assert [(one["action"], one["key"]) for one in plan["changes"]] == [("adopt", "Mailbox/stranger")]
    assert commands.run("apply", "--yes", "-C", str(estate)).code == 0
    assert commands.run("plan", "--detailed-exitcode", "-C", str(estate)).code == 0


def test_a_bad_assignment_changes_nothing(commands: Commands, estate: Path) -> None:
    assert commands.run("apply", "--yes", "-C", str(estate)).code == 0
    assignments = estate / "base" / "assignments.yaml"
    assignments.write_text(assignments.read_text().replace("incoming: server-side", "incoming: sometimes"))
    planned = commands.run("plan", "-C", str(estate), "-o", "json")
    plan = json.loads(planned.out)["plan"]
    assert planned.code == 3
    assert plan["changes"] == []
    assert [one["key"] for one in plan["held"]] == ["Mailbox/sales", "Mailbox/service", "MailboxAssignment/queues"]
    rendered = commands.run("render", "sales", "-C", str(estate), "-o", "json")
    assert rendered.code == 3
    assert "MailboxAssignment/queues (base/assignments.yaml:1) has errors" in json.loads(rendered.out)["held"]
    assert "Mailbox/sales is held" in commands.run("render", "sales", "-C", str(estate)).out


@pytest.mark.parametrize(("word", "hint"), [("salse", "Did you mean sales?"), ("Mailbox/salse", "Did you mean Mailbox/sales?")])
def test_nothing_of_that_name(commands: Commands, estate: Path, word: str, hint: str) -> None:
    found = commands.run("render", word, "-C", str(estate))
    assert found.code == 1
    assert f"nothing called '{word}'" in found.err
    assert hint in found.err
