"""A rule that stands against a plan: nothing is asked of the target, and who approved is written down before anything is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconcile.apply.apply import apply_plan, lift, stopped
from reconcile.controller.configuration import told
from reconcile.errors import SettingsError
from reconcile.model.change import BrakeTripped, Held, HeldBecause, Plan
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Accepted, Severity
from reconcile.model.judgement import Approved, Asked, Judgement, NotApproved
from reconcile.model.key import Key
from reconcile.plan.code import of_plan
from reconcile.report.plan_rules import refusal
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import Faults, MemoryTarget
from support.applying import Bench
from support.findings import finding
from support.specs import estate, mailbox

ESTATE = {"Mailbox/sales": mailbox("sales@contoso.example", profile=None)}
AGAINST = Judgement(findings=(finding(1),))
BRAKE = BrakeTripped(name="bulk-delete", message="m", count=4, of=9, limit=3, keys=())
APPROVED = Judgement(
    findings=(replace(finding(1), accepted=Accepted(by="approval", name="ann")),),
    asked=(
        Asked(rule="a-rule", names=("ann", "bob"), given=(Approved(name="ann", how="signed commit 0123"),)),
        Asked(rule="another", names=("any",), missing=(NotApproved(name="bob", why="no"),)),
    ),
    commit="0123",
)


def planned() -> tuple[Bench, MemoryTarget, MemoryConfiguration, Plan]:
    target, store = MemoryTarget(), MemoryConfiguration()
    bench = Bench(writer=target, store=store)
    return bench, target, store, bench.plan(estate(ESTATE))


def test_nothing_is_written() -> None:
    bench, target, store, plan = planned()
    with store.lock(owner="test", purpose="apply", patience=0):
        report = apply_plan(replace(plan, judgement=AGAINST), bench.tools)
    assert (report.code, report.outcomes, target.rows, store.entries()) == (ExitCode.FINDINGS, (), {}, {})
    assert store.open_intents() == []
    assert list(store.history(limit=None)) == []


def test_who_approved_is_in_the_trail_even_if_the_process_dies_at_the_first_write() -> None:
    bench, target, store, plan = planned()
    target.faults = Faults(fail={"sales": KeyboardInterrupt()})  # type: ignore[dict-item]
    with store.lock(owner="test", purpose="apply", patience=0), pytest.raises(KeyboardInterrupt):
        apply_plan(replace(plan, judgement=APPROVED), bench.tools)
    (record,) = store.history(limit=None)
    assert (record.action, record.key, record.result) == ("approve", "PolicyRule/a-rule", "granted")
    given = [{"name": "ann", "proof": "signed commit 0123"}]
    assert json.loads(record.detail) == {"of": ["ann", "bob"], "minimum": 1, "given": given, "commit": "0123"}


def test_what_only_warns_stops_nothing() -> None:
    bench, target, store, plan = planned()
    warning = Judgement(findings=(replace(finding(1), severity=Severity.WARNING),))
    with store.lock(owner="test", purpose="apply", patience=0):
        assert apply_plan(replace(plan, judgement=warning), bench.tools).code == ExitCode.NOTHING_TO_DO
    assert len(target.rows) == 1
    assert stopped(replace(plan, judgement=replace(warning, fail_on=Severity.WARNING)))
    assert not stopped(replace(plan, judgement=replace(AGAINST, fail_on=None)))


@pytest.mark.parametrize(
    ("brakes", "held", "judgement", "code"),
    [
        ((), (), AGAINST, ExitCode.FINDINGS),
        ((BRAKE,), (), AGAINST, ExitCode.BRAKE),
        ((), (HeldBecause.UNOBSERVED,), AGAINST, ExitCode.COULD_NOT_OBSERVE),
        ((), (), APPROVED, ExitCode.CHANGES_PENDING),
        ((), (), None, ExitCode.CHANGES_PENDING),
    ],
)
def test_the_strongest_reason_is_the_exit_code(
    brakes: tuple[BrakeTripped, ...], held: tuple[HeldBecause, ...], judgement: Judgement | None, code: ExitCode
) -> None:
    plan = replace(planned()[3], brakes=brakes, judgement=judgement)
    plan = replace(plan, held=tuple(Held(key=Key("Mailbox", "x"), reason="r", because=because) for because in held))
    assert of_plan(plan, changes_count=True) == code


def test_lifting_a_brake_lifts_no_rule() -> None:
    plan = replace(planned()[3], brakes=(BRAKE,), judgement=AGAINST)
    lifted = lift(plan, ["bulk-delete"])
    assert (lifted.brakes, lifted.lifted, stopped(lifted)) == ((), ("bulk-delete",), True)
    assert lift(lifted, ["bulk-delete"]) == lifted
    with pytest.raises(SettingsError, match="no brake"):
        lift(plan, [finding(1).rule])


def test_the_loop_says_what_it_waits_for() -> None:
    bench, _, store, plan = planned()
    waits = replace(AGAINST, asked=(Asked(rule=finding(1).rule, names=("ann",), missing=(NotApproved(name="ann", why="no"),)),))
    plan = replace(plan, judgement=waits)
    with store.lock(owner="test", purpose="apply", patience=0):
        report = apply_plan(plan, bench.tools)
    said = told(report, plan, drifted=())
    assert (said.code, said.detail["rules"]) == (ExitCode.FINDINGS, [finding(1).rule])
    assert said.stalled == f"{refusal(plan)}; see `reconcile plan`"
    assert refusal(plan).endswith("; needs an approval by ann")
    assert refusal(replace(plan, judgement=APPROVED)) == ""
