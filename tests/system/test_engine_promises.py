"""An estate taken over from the product, planned for our own engine: nothing is promised that status then denies."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.command import Commands

ENGINE = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata:
  name: engine
spec:
  target:
    type: engine
  layers: [base, engine]
---
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata:
  name: microsoft-exchange-online
management:
  lifecycle: managed
spec:
  serverType: imap-smtp
  incoming:
    server: imap.contoso.example
  outgoing:
    server: smtp.contoso.example
---
apiVersion: reconcile/v1alpha2
kind: Organization
metadata:
  name: organization
spec:
  approval:
    requireForUsers: APPROVAL
    requireForQueues: APPROVAL
"""


@pytest.fixture
def estate(tmp_path: Path, commands: Commands) -> Path:
    """As docs/take-over.md, sections 2 and 6."""
    export, estate = tmp_path / "prod.json", tmp_path / "estate"
    assert commands.run("sandbox", "export", "--mailboxes", "60", "--out", str(export)).code == 0
    assert commands.run("import", "--from", f"snapshot:{export}", "--into", str(estate)).code == 0
    for name in ("base", "engine"):
        (estate / name).mkdir()
    for name in ("profiles", "mailboxes", "organization.yaml"):
        (estate / name).rename(estate / "base" / name)
    own = estate / "environment.yaml"
    own.write_text(own.read_text("utf-8").rstrip() + "\n  layers: [base]\n", "utf-8")
    approve(estate, "false")
    return estate


def approve(estate: Path, word: str) -> None:
    (estate / "engine" / "all.yaml").write_text(ENGINE.replace("APPROVAL", word), "utf-8")


def test_what_is_promised_is_what_status_shows(commands: Commands, estate: Path) -> None:
    where = ("-C", str(estate), "-e", "engine")
    plan = json.loads(commands.run("plan", *where, "--output", "json").out)["plan"]
    promised = {
        change["key"] for change in plan["changes"] if any(words.startswith("incoming mail starts") for words in change["consequences"])
    }
    denied = {
        change["key"]
        for change in plan["changes"]
        if "incoming mail is asked for and will not start: see the notes" in change["consequences"]
    }
    assert denied
    counts = re.compile(r"nothing is received[^:]*: (\d+) mailbox")
    noted = sum(int(found.group(1)) for note in plan["notes"] if (found := counts.search(note["message"])))
    assert commands.run("apply", *where, "--yes").code == 0
    statuses = json.loads(commands.run("status", *where, "--output", "json").out)["mailboxes"]
    stalled = {f"Mailbox/{one['mailbox']}" for one in statuses if one["health"] == "stalled"}
    off = {f"Mailbox/{one['mailbox']}" for one in statuses if one["health"] == "off"}
    assert stalled <= denied <= stalled | off
    assert promised.isdisjoint(stalled | off)
    assert noted == len(denied)
    assert any(
        "exchange-zuerich declares no password: nothing is received" in note["message"]
        and note["position"]["file"] == "base/profiles/exchange-zuerich.yaml"
        for note in plan["notes"]
    )
    assert not any("deleteAfterProcessing" in note["message"] for note in plan["notes"])


def test_approval_is_named_with_its_line(commands: Commands, estate: Path) -> None:
    approve(estate, "true")
    shown = commands.run("plan", "-C", str(estate), "-e", "engine").out
    assert re.search(
        r"i Organization/organization: approval.requireForUsers: the address waits for approval: .* # engine/all.yaml:\d+$",
        shown,
        re.MULTILINE,
    )
    assert "incoming mail starts" not in shown


def test_the_product_is_asked_nothing(commands: Commands, estate: Path) -> None:
    name = next(line.split()[-1] for line in (estate / "environment.yaml").read_text("utf-8").splitlines() if line.startswith("  name:"))
    shown = commands.run("plan", "-C", str(estate), "-e", name).out
    assert "Unsupported" not in shown
