"""An address that another row keeps is not given to a second one."""

from __future__ import annotations

from reconcile.model.change import Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.observation import ObservedState, Present
from reconcile.plan import brakes
from reconcile.plan.plan import make_plan
from support.specs import Specs, estate, mailbox


def row(name: str, address: str, **more: object) -> Present:
    return Present(kind="Mailbox", external_id=f"id-{name}", name=name, version="v", spec={**mailbox(address, profile=None), **more})  # type: ignore[dict-item]


def entry(name: str, address: str, *, protected: bool = False) -> tuple[Key, InventoryEntry]:
    key = Key("Mailbox", name)
    spec = mailbox(address, profile=None)
    return key, InventoryEntry(key=key, external_id=f"id-{name}", applied=spec, source_file="x.yaml", protected=protected)


def held(specs: Specs, rows: list[Present], *entries: tuple[Key, InventoryEntry]) -> dict[str, str]:
    observed = ObservedState(target="memory", rows=tuple(rows))
    plan = make_plan(estate(specs), observed, dict(entries), APPLIED_KINDS, lifted=brakes.BRAKES)
    assert {change.key.name for change in plan.changes}.isdisjoint(one.key.name for one in plan.held)
    return {one.key.name: one.reason for one in plan.held}


ONE, TWO, THREE = (f"{number}@contoso.example" for number in (1, 2, 3))


def test_a_row_that_may_not_go_keeps_its_address() -> None:
    rows = [row("a", ONE), row("b", TWO)]
    found = held({"Mailbox/b": mailbox(ONE, profile=None)}, rows, entry("a", ONE, protected=True), entry("b", TWO))
    assert found["b"].startswith("Mailbox/a has its address on the target and keeps it")


def test_whoever_waits_keeps_an_address_that_another_waits_for() -> None:
    rows = [row("a", ONE), row("b", TWO), row("c", THREE)]
    specs = {"Mailbox/b": mailbox(ONE, profile=None), "Mailbox/c": mailbox(TWO, profile=None)}
    found = held(specs, rows, entry("a", ONE, protected=True), entry("b", TWO), entry("c", THREE))
    assert {"b", "c"} <= found.keys()


def test_rows_that_swap_their_addresses_wait_for_nobody() -> None:
    rows = [row("a", ONE), row("b", TWO)]
    specs = {"Mailbox/a": mailbox(TWO, profile=None), "Mailbox/b": mailbox(ONE, profile=None)}
    observed = ObservedState(target="memory", rows=tuple(rows))
    plan = make_plan(estate(specs), observed, dict((entry("a", ONE), entry("b", TWO))), APPLIED_KINDS)
    assert (plan.held, [type(change) for change in plan.changes]) == ((), [Update, Update])


def test_an_inactive_row_reads_nothing_and_keeps_nobody_waiting() -> None:
    rows = [row("a", ONE, state="inactive"), row("b", TWO)]
    assert "b" not in held({"Mailbox/b": mailbox(ONE, profile=None)}, rows, entry("a", ONE, protected=True), entry("b", TWO))
