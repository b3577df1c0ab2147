"""Whatever was, whatever is wanted: a plan carried out leaves nothing to plan."""

from __future__ import annotations

import random
from dataclasses import replace

from deepdiff import DeepDiff
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.canonical import Leaf
from reconcile.model.change import Create, Delete, Plan
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.model.outcome import Applied
from reconcile.model.resource import DesiredState
from reconcile.plan import brakes, codec
from reconcile.plan.diff import difference
from reconcile.plan.order import ordered
from reconcile.plan.plan import make_plan
from reconcile.secrets.memory import MemorySealer
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.store.memory.resources import MemoryResources
from reconcile.targets.engine import EngineTarget
from reconcile.targets.memory import Crash, Faults, MemoryTarget
from support.applying import Bench
from support.specs import estate

SLUGS = ("a", "b", "c", "d")
PROFILES = ("p", "q")
LEAVES: dict[str, st.SearchStrategy[Leaf]] = {
    "incoming": st.sampled_from(("none", "server-side", "outlook", None)),
    "outgoing": st.sampled_from(("none", "server-side")),
    "state": st.sampled_from(("active", "inactive")),
    "processEmailFrom": st.sampled_from(("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", None)),
    "deleteAfterProcessing": st.booleans(),
    "credentials.password.ref": st.sampled_from(("env:ONE", "env:TWO", None)),
    "credentials.password.generation": st.integers(1, 3),
    "displayName": st.text(max_size=5),
}


@st.composite
def estates(draw: st.DrawFn) -> DesiredState:
    """Up to two profiles and four mailboxes with distinct addresses; some mailboxes share none."""
    specs: dict[str, dict[str, Leaf]] = {}
    profiles = draw(st.lists(st.sampled_from(PROFILES), unique=True))
    for name in profiles:
        specs[f"EmailServerProfile/{name}"] = {
            "displayName": f"Profile {name}",
            "serverType": "imap-smtp",
            "incoming.port": draw(st.sampled_from((993, 143))),
            "allowed": draw(st.lists(st.sampled_from(("x", "y", "z")), unique=True).map(tuple)),
        }
    slugs = draw(st.lists(st.sampled_from(SLUGS), unique=True))
    addresses = draw(st.permutations(("1@contoso.example", "2@contoso.example", "3@contoso.example", "4@contoso.example")))
    for slug, address in zip(slugs, addresses, strict=False):
        spec = draw(st.fixed_dictionaries({}, optional=LEAVES))
        profile: dict[str, Leaf] = {"profile": draw(st.sampled_from(profiles))} if profiles else {}
        specs[f"Mailbox/{slug}"] = {"emailAddress": address, **profile, **spec}
    return estate(specs)


def everything(bench: Bench, desired: DesiredState) -> Plan:
    """The plan with every brake lifted."""
    return bench.plan(desired, lifted=brakes.BRAKES)


def bench_of(target: MemoryTarget | None = None) -> Bench:
    return Bench(writer=target or MemoryTarget(), store=MemoryConfiguration())


def snapshot(bench: Bench) -> tuple[object, object]:
    """Rows and inventory, without what names the run."""
    rows = sorted((row.kind, str(row.name), row.external_id, sorted(row.spec.items(), key=str)) for row in bench.writer.observe().rows)
    entries = sorted((str(key), entry.external_id, sorted(entry.applied.items(), key=str)) for key, entry in bench.store.entries().items())
    return rows, entries


@settings(max_examples=80, deadline=None)
@given(estates(), estates(), estates())
def test_plan_apply_plan_is_empty(first: DesiredState, second: DesiredState, third: DesiredState) -> None:
    bench = bench_of()
    for desired in (first, second, third):
        report = bench.apply(desired, lifted=brakes.BRAKES)
        assert all(isinstance(outcome, Applied) for outcome in report.outcomes), report.outcomes
        again = everything(bench, desired)
        assert again.changes == ()
        assert again.unchanged == len(desired.resources)
        assert set(bench.store.entries()) == set(desired.resources)


@settings(max_examples=50, deadline=None)
@given(estates(), estates(), st.randoms(use_true_random=False))
def test_the_order_of_declarations_rows_and_entries_is_irrelevant(
    before: DesiredState, after: DesiredState, shuffle: random.Random
) -> None:
    bench = bench_of()
    bench.apply(before, lifted=brakes.BRAKES)
    observed, inventory = bench.writer.observe(), dict(bench.store.entries())
    kinds = bench.writer.capabilities.kinds
    plan = make_plan(after, observed, inventory, kinds)

    def mixed(items: list[object]) -> list[object]:
        shuffle.shuffle(items)
        return items

    turned = replace(after, resources=dict(mixed(list(after.resources.items()))))  # type: ignore[arg-type]
    rows = replace(observed, rows=tuple(mixed(list(observed.rows))))  # type: ignore[arg-type]
    again = make_plan(turned, rows, dict(mixed(list(inventory.items()))), kinds)  # type: ignore[arg-type]
    assert again == plan
    assert ordered(list(reversed(plan.changes)), {}) == ordered(list(plan.changes), {})


@settings(max_examples=50, deadline=None)
@given(estates(), estates(), st.sets(st.integers(0, 5)), st.booleans(), st.booleans())
def test_unknown_yields_no_change(
    before: DesiredState, after: DesiredState, hidden: set[int], blind_mailboxes: bool, blind_profiles: bool
) -> None:
    target = MemoryTarget()
    bench = bench_of(target)
    bench.apply(before, lifted=brakes.BRAKES)
    ids = list(target.rows)
    unknown = {ids[number]: "timed out" for number in hidden if number < len(ids)}
    kinds = [kind for kind, blind in (("Mailbox", blind_mailboxes), ("EmailServerProfile", blind_profiles)) if blind]
    target.faults = Faults(unknown_rows=unknown, unknown_kinds=dict.fromkeys(kinds, "503"))
    plan = everything(bench, after)
    for change in plan.changes:
        assert change.key.kind not in kinds
        assert getattr(change, "external_id", None) not in unknown
        # A row that could not be read is ours and known by id, so it is no excuse to make a second one.
        assert not (isinstance(change, Create) and change.key in {held.key for held in plan.held})
    if unknown or kinds:
        assert plan.unobserved


@settings(max_examples=50, deadline=None)
@given(estates(), estates())
def test_brakes_are_never_bypassed(before: DesiredState, after: DesiredState) -> None:
    bench = bench_of()
    bench.apply(before, lifted=brakes.BRAKES)
    state = snapshot(bench)
    plan = bench.plan(after)
    if plan.brakes:
        names = {brake.name for brake in plan.brakes}
        for lifted in [(), *((name,) for name in brakes.BRAKES if names != {name})]:
            for report in (bench.apply(after, lifted=lifted), bench.apply_saved(plan, lifted=lifted)):
                assert (report.code, report.outcomes) == (ExitCode.BRAKE, ())
        assert snapshot(bench) == state
    deletes = [change for change in plan.changes if isinstance(change, Delete)]
    assert {change.key for change in deletes} <= set(bench.store.entries())


class Journal(MemoryConfiguration):
    """Dies at the n-th step."""

    def __init__(self, at: int | None) -> None:
        super().__init__(self._step)
        self.left = at

    def _step(self, name: str) -> None:
        if self.left is not None:
            if self.left == 0:
                self.left = None
                raise Crash
            self.left -= 1


@settings(max_examples=80, deadline=None)
@given(
    estates(),
    estates(),
    st.integers(0, 12),
    st.sampled_from(("journal", "before effect", "after effect")),
    st.booleans(),
    st.integers(1, 4),
)
def test_a_crash_at_any_step_then_a_rerun_gives_the_same_end(
    before: DesiredState, after: DesiredState, at: int, where: str, chooses_id: bool, parallel: int
) -> None:
    calm = bench_of(MemoryTarget(chooses_id=chooses_id))
    for desired in (before, after):
        calm.apply(desired, lifted=brakes.BRAKES)

    store = Journal(None)
    target = MemoryTarget(chooses_id=chooses_id, parallel_writes=parallel)
    bench = Bench(writer=target, store=store)
    bench.apply(before, lifted=brakes.BRAKES)
    if where == "journal":
        store.left = at
    elif where == "before effect":
        target.faults.crash_before_effect = at
    else:
        target.faults.crash_after_effect = at
    try:
        bench.apply(after, lifted=brakes.BRAKES)
    except Crash:
        target.faults = Faults()
        bench.apply(after, lifted=brakes.BRAKES)
    store.left = None
    target.faults = Faults()
    assert everything(bench, after).changes == ()
    assert store.open_intents() == []
    assert _shape(bench) == _shape(calm)
    applied = [record for record in store.audit if record.result == "applied" and record.action in ("create", "delete")]
    calmly = [record for record in calm.store.history(limit=99) if record.result == "applied" and record.action in ("create", "delete")]
    assert sorted((record.action, record.key) for record in applied) == sorted((record.action, record.key) for record in calmly)


def _shape(bench: Bench) -> object:
    rows = {row.external_id: (row.kind, row.name) for row in bench.writer.observe().rows}
    specs = sorted((row.kind, str(row.name), sorted(row.spec.items(), key=str)) for row in bench.writer.observe().rows)
    return specs, sorted((str(key), rows[entry.external_id]) for key, entry in bench.store.entries().items())


@settings(max_examples=40, deadline=None)
@given(estates(), estates(), st.integers(0, 12))
def test_the_engine_ends_the_same_after_a_crash_at_any_step_of_the_journal(before: DesiredState, after: DesiredState, at: int) -> None:
    calm = Bench(writer=EngineTarget(MemoryResources(), MemorySealer()), store=MemoryConfiguration())
    rows, store = MemoryResources(), Journal(None)
    bench = Bench(writer=EngineTarget(rows, MemorySealer()), store=store)
    for one in (calm, bench):
        one.apply(before, lifted=brakes.BRAKES)
    calm.apply(after, lifted=brakes.BRAKES)
    store.left = at
    try:
        bench.apply(after, lifted=brakes.BRAKES)
    except Crash:
        bench.apply(after, lifted=brakes.BRAKES)
    store.left = None
    assert everything(bench, after).changes == ()
    assert store.open_intents() == []
    assert _shape(bench) == _shape(calm)
    # Every password that is declared is sealed for its row, and no other is.
    wanted = {row.external_id for row in rows.stored() if "credentials.password.ref" in row.spec}
    assert {external_id for external_id, _ in rows.sealed_values()} == wanted


@settings(max_examples=50, deadline=None)
@given(estates(), estates(), st.integers(0, 6))
def test_a_saved_plan_survives_a_crash_and_a_rerun(before: DesiredState, after: DesiredState, at: int) -> None:
    target = MemoryTarget()
    bench = bench_of(target)
    bench.apply(before, lifted=brakes.BRAKES)
    saved = codec.decode(codec.encode(everything(bench, after)))
    target.faults = Faults(crash_after_effect=at)
    try:
        bench.apply_saved(saved)
    except Crash:
        target.faults = Faults()
        report = bench.apply_saved(saved)
        assert all(isinstance(outcome, Applied) for outcome in report.outcomes), report.outcomes
        assert report.code == ExitCode.NOTHING_TO_DO
    target.faults = Faults()
    assert everything(bench, after).changes == ()


@settings(max_examples=50, deadline=None)
@given(estates(), estates())
def test_a_plan_is_read_back_as_it_was_written(before: DesiredState, after: DesiredState) -> None:
    bench = bench_of()
    bench.apply(before, lifted=brakes.BRAKES)
    plan = bench.plan(replace(after, held={Key("Mailbox", "z"): "bad"}))
    assert codec.decode(codec.encode(plan)) == plan


_LEAF: st.SearchStrategy[Leaf] = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(("", "1", "True")), st.lists(st.sampled_from(("a", "b"))).map(tuple)
)
_SPEC = st.dictionaries(st.sampled_from(("a", "b.c", "b.d", "e")), _LEAF)


@settings(max_examples=150, deadline=None)
@given(_SPEC, _SPEC)
def test_the_flat_diff_agrees_with_deepdiff(desired: dict[str, Leaf], observed: dict[str, Leaf]) -> None:
    found = difference(desired, observed, None)
    ours = set(found.fields) if found is not None else set()
    shown = {path: observed.get(path) for path in desired}
    delta = DeepDiff(shown, desired, view="tree")
    theirs = {level.path(output_format="list")[0] for levels in delta.values() for level in levels}
    assert ours == theirs
