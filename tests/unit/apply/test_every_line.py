"""A death before or after every step of the journal and every write: run again, plan file or not, it ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconcile.model.change import Adopt, Create, Delete, Forget, Plan, Update
from reconcile.model.management import Management, OnRemoval
from reconcile.model.outcome import Applied
from reconcile.model.resource import DesiredState
from reconcile.plan import brakes
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import Crash, Faults, MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

ROTATED = "env:ROTATED"


def box(name: str, **leaves: str) -> dict[str, object]:
    return mailbox(f"{name}@contoso.example", **leaves)


FIRST = estate(
    {
        "EmailServerProfile/contoso": profile(),
        "Mailbox/kept": box("kept"),
        "Mailbox/changed": box("changed"),
        "Mailbox/old": box("renamed"),
        "Mailbox/deleted": box("deleted"),
        "Mailbox/left": box("left"),
        "Mailbox/rotated": {**box("rotated"), "credentials.password.ref": ROTATED, "credentials.password.generation": 1},
    },
    management={"Mailbox/left": Management(on_removal=OnRemoval.FORGET)},
)
SECOND = estate(
    {
        "EmailServerProfile/contoso": profile(incoming__port=1993),
        "Mailbox/kept": box("kept"),
        "Mailbox/changed": box("changed", outgoing="none"),
        "Mailbox/renamed": box("renamed"),
        "Mailbox/rotated": {**box("rotated"), "credentials.password.ref": ROTATED, "credentials.password.generation": 1},
        "Mailbox/new": box("new"),
        "Mailbox/there": box("there"),
    },
    management={"Mailbox/kept": Management(protected=True)},
)


class Steps(MemoryConfiguration):
    """Dies at the n-th step of the journal; counts them."""

    def __init__(self) -> None:
        super().__init__(self._step)
        self.seen: list[str] = []
        self.dies_at: int | None = None

    def _step(self, name: str) -> None:
        self.seen.append(name)
        if self.dies_at is not None and len(self.seen) > self.dies_at:
            self.dies_at = None
            raise Crash


def ground(parallel: int, *, chooses_id: bool = True) -> tuple[Bench, MemoryTarget, Steps]:
    """The first estate applied, a row of somebody else there, another value behind the reference."""
    target, store = MemoryTarget(parallel_writes=parallel, chooses_id=chooses_id), Steps()
    bench = Bench(writer=target, store=store)
    assert bench.apply(FIRST).code == 0
    stranger = Bench(writer=target, store=MemoryConfiguration(), mint=lambda: "stranger")
    stranger.apply_saved(_only(stranger.plan(SECOND, lifted=brakes.BRAKES), "there"))
    bench.resolver.values[ROTATED] = b"another value"
    store.seen.clear()
    return bench, target, store


def _only(plan: Plan, name: str) -> Plan:
    from dataclasses import replace

    return replace(plan, changes=tuple(change for change in plan.changes if change.key.name == name), brakes=())


def fresh(bench: Bench, plan: Plan, desired: DesiredState) -> None:
    bench.apply(desired, lifted=brakes.BRAKES)


def saved(bench: Bench, plan: Plan, desired: DesiredState) -> None:
    report = bench.apply_saved(plan, lifted=brakes.BRAKES)
    assert all(isinstance(outcome, Applied) for outcome in report.outcomes), report.outcomes
    assert report.code == 0


def ended(bench: Bench, target: MemoryTarget, store: Steps) -> object:
    rows = sorted((row.kind, row.name, sorted(row.spec.items()), sorted(row.secrets)) for row in target.rows.values())
    names = {external_id: row.name for external_id, row in target.rows.items()}
    entries = [
        (str(key), names.get(entry.external_id), entry.protected, entry.on_removal, dict(entry.applied), dict(entry.secrets))
        for key, entry in sorted(store.entries().items())
    ]
    trail = sorted((record.action, record.key) for record in store.trail() if record.result == "applied")
    assert store.verified().broken == ""
    assert store.open_intents() == []
    assert bench.plan(SECOND).changes == ()
    return rows, entries, trail


Way = Callable[[Bench, Plan, DesiredState], None]


def _calm(way: Way, parallel: int, *, chooses_id: bool) -> tuple[object, int]:
    bench, target, store = ground(parallel, chooses_id=chooses_id)
    plan = bench.plan(SECOND, lifted=brakes.BRAKES)
    kinds = {type(change) for change in plan.changes}
    assert kinds >= {Create, Adopt, Update, Delete, Forget}
    updates = [change for change in plan.changes if isinstance(change, Update)]
    assert any(change.rotated for change in updates)
    assert any(change.records and not change.writes for change in updates)
    assert any(change.previous for change in updates)
    way(bench, plan, SECOND)
    return ended(bench, target, store), len(store.seen)


@pytest.mark.parametrize("chooses_id", [True, False], ids=["our ids", "its ids"])
@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("way", [fresh, saved])
def test_a_death_at_any_line(way: Way, parallel: int, chooses_id: bool) -> None:
    expected, steps = _calm(way, parallel, chooses_id=chooses_id)
    deaths = 0
    moments = [("journal", at) for at in range(steps)]
    moments += [(where, at) for where in ("crash_before_effect", "crash_after_effect") for at in range(20)]
    for where, at in moments:
        bench, target, store = ground(parallel, chooses_id=chooses_id)
        plan = bench.plan(SECOND, lifted=brakes.BRAKES)
        if where == "journal":
            store.dies_at = at
        else:
            setattr(target.faults, where, at)
        try:
            way(bench, plan, SECOND)
        except Crash:
            deaths += 1
            target.faults = Faults()
            way(bench, plan, SECOND)
        target.faults, store.dies_at = Faults(), None
        assert ended(bench, target, store) == expected, (where, at)
    assert deaths >= steps + 8
