"""What of a change is new, and what it ends with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.apply.gate import code_of, split
from reconcile.model.change import BrakeTripped, Held, HeldBecause, Plan
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.gate import Compared
from reconcile.model.key import Key
from reconcile.model.position import Position
from support.findings import finding

BASELINE = Accepted(by="baseline")
WEAK = replace(finding(1), severity=Severity.WARNING)


@pytest.mark.parametrize(
    ("name", "base", "head", "new", "old", "mended"),
    [
        ("nothing", [], [], 0, 0, 0),
        ("it came", [], [finding(1)], 1, 0, 0),
        ("it was there", [finding(1)], [finding(1)], 0, 1, 0),
        ("it moved and says it differently", [finding(1)], [replace(finding(1), position=Position("z.yaml", 7), message="m")], 0, 1, 0),
        ("it went", [finding(1)], [], 0, 0, 1),
        ("another of the same kind at the same field", [finding(1)], [finding(1), finding(1)], 1, 1, 0),
        ("one of two went", [finding(1), finding(1)], [finding(1)], 0, 1, 1),
        ("another resource", [finding(1)], [finding(2)], 1, 0, 1),
        ("another field", [finding(1)], [replace(finding(1), path="spec.other")], 1, 0, 1),
        ("it grew worse", [WEAK], [finding(1)], 1, 0, 0),
        ("it grew better", [finding(1)], [WEAK], 0, 1, 0),
        ("it was accepted and counts now", [replace(finding(1), accepted=BASELINE)], [finding(1)], 1, 0, 0),
        ("it counted and is accepted now", [finding(1)], [replace(finding(1), accepted=BASELINE)], 0, 1, 0),
    ],
)
def test_what_is_new(name: str, base: list[Finding], head: list[Finding], new: int, old: int, mended: int) -> None:
    found = split(head, base)
    assert (len(found.new), len(found.old), found.mended) == (new, old, mended)


def plan(**more: object) -> Compared:
    known = {"target": "git", "environment": "prod", "organization_id": None, "source": "x", "revision": "", "changes": ()}
    return Compared(environment="prod", plan=Plan(**{**known, **more}))  # type: ignore[arg-type]


BRAKE = BrakeTripped(name="bulk-delete", message="m", count=4, of=9, limit=3, keys=())
NOTHING, FINDINGS, STANDS, UNKNOWN = ExitCode.NOTHING_TO_DO, ExitCode.FINDINGS, ExitCode.BRAKE, ExitCode.COULD_NOT_OBSERVE


def held(because: HeldBecause) -> Compared:
    return plan(held=(Held(key=Key("Mailbox", "a"), reason="r", because=because),))


@pytest.mark.parametrize(
    ("name", "new", "old", "environments", "code", "strict"),
    [
        ("nothing", [], [], [plan()], NOTHING, NOTHING),
        ("a new error", [finding(1)], [], [plan()], FINDINGS, FINDINGS),
        ("a new warning", [WEAK], [], [plan()], NOTHING, NOTHING),
        ("a new error that is accepted", [replace(finding(1), accepted=BASELINE)], [], [plan()], NOTHING, NOTHING),
        ("an old error", [], [finding(1)], [plan()], NOTHING, FINDINGS),
        ("a brake", [finding(1)], [], [plan(), plan(brakes=(BRAKE,))], STANDS, STANDS),
        ("protected", [], [], [held(HeldBecause.PROTECTED)], FINDINGS, FINDINGS),
        ("ambiguous", [], [], [held(HeldBecause.AMBIGUOUS)], FINDINGS, FINDINGS),
        ("held by an old finding", [], [finding(1)], [held(HeldBecause.FINDING)], NOTHING, FINDINGS),
        ("unknown at the base", [], [], [held(HeldBecause.UNOBSERVED)], NOTHING, UNKNOWN),
        ("not compared", [], [], [Compared(environment="x", problem="p", code=UNKNOWN)], UNKNOWN, UNKNOWN),
        ("removed, as was meant", [], [], [Compared(environment="x", problem="p", code=NOTHING)], NOTHING, NOTHING),
    ],
)
def test_what_it_ends_with(
    name: str, new: list[Finding], old: list[Finding], environments: list[Compared], code: ExitCode, strict: ExitCode
) -> None:
    for is_strict, expected in ((False, code), (True, strict)):
        assert code_of(new, old, environments, fail_on=Severity.ERROR, strict=is_strict, waits=False) is expected


def test_the_gate_is_set_by_severity() -> None:
    def code(fail_on: Severity | None) -> ExitCode:
        return code_of([WEAK], [], [], fail_on=fail_on, strict=False, waits=False)

    assert [code(one) for one in (None, Severity.ERROR, Severity.WARNING, Severity.INFORMATION)] == [NOTHING, NOTHING, FINDINGS, FINDINGS]


def test_a_missing_approval_fails() -> None:
    assert code_of([], [], [plan()], fail_on=None, strict=False, waits=True) is FINDINGS
