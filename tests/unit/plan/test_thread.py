"""The main thread in memory: plan, apply, nothing left to plan."""

from __future__ import annotations

from reconcile.model.change import Create, Delete, Update
from reconcile.model.exit_code import ExitCode
from reconcile.plan import code
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile


def test_plan_apply_then_nothing() -> None:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    first = estate({"Mailbox/sales": mailbox("sales@contoso.example"), "EmailServerProfile/contoso": profile()})
    plan = bench.plan(first)
    assert [(type(change), str(change.key)) for change in plan.changes] == [
        (Create, "EmailServerProfile/contoso"),
        (Create, "Mailbox/sales"),
    ]
    assert code.of_plan(plan, changes_count=True) == ExitCode.CHANGES_PENDING
    assert bench.apply(first).code == ExitCode.NOTHING_TO_DO
    again = bench.plan(first)
    assert (again.changes, again.unchanged) == ((), 2)

    second = estate({"Mailbox/sales": mailbox("sales@contoso.example", incoming="none"), "EmailServerProfile/contoso": profile()})
    (change,) = bench.plan(second).changes
    assert isinstance(change, Update)
    assert [(field.path, field.before, field.after) for field in change.fields] == [("incoming", "server-side", "none")]
    assert change.consequences == ("incoming mail stops",)
    assert bench.apply(second).code == ExitCode.NOTHING_TO_DO
    assert bench.plan(second).changes == ()

    third = estate({"EmailServerProfile/contoso": profile()})
    plan = bench.plan(third)
    assert [type(change) for change in plan.changes] == [Delete]
    assert [brake.name for brake in plan.brakes] == ["emptied"]
    assert bench.apply(third).code == ExitCode.BRAKE
    assert len(bench.writer.observe().rows) == 2
    assert bench.apply(third, lifted=["emptied"]).code == ExitCode.NOTHING_TO_DO
    assert len(bench.writer.observe().rows) == 1
