"""Our own estates are models of what the rules ask for: nothing is found in them, and what is accepted says why."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.cli.main import run
from reconcile.desired.lint import LintResult, lint
from reconcile.model.finding import Severity
from reconcile.wiring.estate import open_source
from reconcile.wiring.judging import rule_checks
from support.command import Commands
from support.first_estate import edit, steps

ROOT = Path(__file__).parents[2]
#: The examples name dates, and rules look at the calendar: they are right on the day they were written.
TODAY = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def reconcile(tmp_path: Path) -> Commands:
    return Commands(state=tmp_path / "state", cache=tmp_path / "cache")


def judged(estate: Path) -> LintResult:
    source = open_source(estate, None)
    checks = rule_checks(None, today=TODAY)
    listing = source.list()
    found = lint(
        listing.files, listing.findings, source.read, environment=None, source=source.label, revision=source.revision, checks=checks
    )
    return checks.finished(found, whole=True)


def started(folder: Path) -> Path:
    """What `reconcile init` writes."""
    assert run(["init", str(folder)]) == 0
    return folder


def on_the_sandbox(folder: Path) -> Path:
    """The same, edited as the page of the first estate says."""
    started(folder)
    for file, block in steps():
        if file != "sh":
            edit(folder / file, block)
    return folder


@pytest.mark.parametrize("estate", ["desired-state", "docs/examples/environments"])
def test_nothing_is_found_in_an_example(estate: str) -> None:
    result = judged(ROOT / estate)
    assert [str(finding) for finding in result.findings if finding.counts] == []
    assert result.environments


@pytest.mark.parametrize("make", [started, on_the_sandbox])
def test_nothing_is_found_in_a_new_estate(make: object, tmp_path: Path) -> None:
    assert callable(make)
    found = judged(make(tmp_path / "estate")).findings
    assert [str(finding) for finding in found if finding.rule != "document/to-fill-in"] == []
    assert found, "what is still to be filled in is said"


def test_what_the_example_accepts_is_what_it_waives() -> None:
    accepted = [(finding.rule, finding.accepted.name) for finding in judged(ROOT / "desired-state").findings if finding.accepted]
    assert sorted(accepted) == [
        ("queue-addresses-need-approval", "addresses-of-the-sandbox"),
        ("user-addresses-need-approval", "addresses-of-the-sandbox"),
    ]


def test_an_export_brings_no_false_alarms(reconcile: Commands, tmp_path: Path) -> None:
    """The product that does not exist has four things wrong with it on purpose; nothing is said of what no export shows."""
    export, estate = tmp_path / "prod.json", tmp_path / "contoso"
    assert reconcile.run("sandbox", "export", "--mailboxes", "120", "--out", str(export)).code == 0
    assert reconcile.run("import", "--from", f"snapshot:{export}", "--into", str(estate)).code == 0
    found = Counter((finding.severity, finding.rule) for finding in judged(estate).findings)
    assert {rule for severity, rule in found if severity is Severity.ERROR} == {"profile-is-active"}
    assert {rule for severity, rule in found if severity is Severity.WARNING} == {
        "individual-credentials-fit-connections",
        "large-profiles-mail-their-alerts",
        "start-date-declared",
        "tracking-counter-is-long-enough",
    }
    words = reconcile.run("lint", "-C", str(estate))
    assert words.code == 3
    shown = [line for line in words.out.splitlines() if line.startswith(("error[", "warning[", "information["))]
    assert len(shown) < 25, "a newcomer reads causes, not objects"
    counts = json.loads(reconcile.run("lint", "-C", str(estate), "-o", "json").out)["counts"]
    assert counts["error"] == found[Severity.ERROR, "profile-is-active"]
