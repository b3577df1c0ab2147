"""When the loop judges again, and what it tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconcile.controller.rules import AGAIN, AGAIN_WITH_WAIVERS, Rules, judged_as
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.position import Position
from reconcile.ports.source import SourceFile
from support.estate import ENVIRONMENT, load_texts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILES = (SourceFile("a.yaml", "1", 3),)
WAIVER = """\
apiVersion: reconcile/v1alpha2
kind: Waiver
metadata: {name: w}
spec: {rules: [x], selector: {everything: true}, reason: r, approver: a, expires: "2026-11-22T12:00:03Z"}
"""


def finding(severity: Severity, *, accepted: bool = False) -> Finding:
    waived = Accepted(by="waiver", name="w") if accepted else None
    return Finding(rule="x", severity=severity, message="m", position=Position("a.yaml", 1), accepted=waived)


@pytest.mark.parametrize(
    ("name", "revision", "files", "baseline", "after", "expected"),
    [
        ("the same", "r", FILES, None, timedelta(0), True),
        ("nearly an hour later", "r", FILES, None, AGAIN - timedelta(seconds=1), True),
        ("an hour later", "r", FILES, None, AGAIN, False),
        ("the clock was put back", "r", FILES, None, timedelta(seconds=-1), False),
        ("another revision", "s", FILES, None, timedelta(0), False),
        ("another file", "r", (SourceFile("a.yaml", "2", 3),), None, timedelta(0), False),
        ("a file more", "r", (*FILES, SourceFile("b.yaml", "1", 1)), None, timedelta(0), False),
        ("a baseline", "r", FILES, b"{}", timedelta(0), False),
    ],
)
def test_judged_again_when_it_could_come_to_something_else(
    name: str, revision: str, files: tuple[SourceFile, ...], baseline: bytes | None, after: timedelta, expected: bool
) -> None:
    assert judged_as("r", FILES, None, NOW, None).holds(revision, files, baseline, NOW + after) is expected, name


def test_a_file_that_may_change_unseen_is_never_the_same() -> None:
    racy = (SourceFile("a.yaml", "", 3),)
    assert not judged_as("r", racy, None, NOW, None).holds("r", racy, None, NOW)


def test_judged_again_at_the_instant_a_waiver_ends() -> None:
    desired = load_texts({"environment.yaml": ENVIRONMENT, "waiver.yaml": WAIVER}).desired
    as_ = judged_as("r", FILES, None, NOW, desired)
    assert as_.holds("r", FILES, None, NOW + timedelta(seconds=2))
    assert not as_.holds("r", FILES, None, NOW + timedelta(seconds=3))
    later = judged_as("r", FILES, None, NOW + timedelta(seconds=3), desired)
    assert later.until == NOW + timedelta(seconds=3) + AGAIN
    assert AGAIN_WITH_WAIVERS < AGAIN


def test_what_counts_stands_until_it_is_mended() -> None:
    assert Rules(found=lambda: [finding(Severity.INFORMATION), finding(Severity.ERROR, accepted=True)]).run().found == ""
    told = Rules(found=lambda: [finding(Severity.WARNING), finding(Severity.ERROR)]).run()
    assert told.found.startswith("error[x] a.yaml:1:1: m, and 1 more")
    # Nothing waits for anybody: whoever is called when something stalls is not called for a finding.
    assert told.stalled == told.retry == ""
    assert told.detail == {"errors": 1, "warnings": 1}
    assert told.code == 0
