"""What follows when a document leaves git, and what outlives it."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.change import Adopt, Create, Delete, Forget, HeldBecause, Update
from reconcile.model.exit_code import ExitCode
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.management import Management, OnRemoval
from reconcile.model.outcome import Skipped
from reconcile.plan.brakes import BRAKES
from reconcile.plan.removal import is_disabled_orphan
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

Specs = dict[str, dict[str, Leaf]]
SALES = Key("Mailbox", "sales")


def all_of_them() -> Specs:
    return {
        "EmailServerProfile/contoso": profile(),
        "Mailbox/sales": mailbox("sales@contoso.example"),
        "Mailbox/info": mailbox("info@contoso.example"),
    }


def without(*names: str) -> Specs:
    return {name: spec for name, spec in all_of_them().items() if name not in names}


def bench_with(management: Management | None = None, *, adopted: bool = False) -> Bench:
    """All of them applied; with `adopted`, taken over from a target that had them."""
    target = MemoryTarget()
    if adopted:
        Bench(writer=target, store=MemoryConfiguration()).apply(estate(all_of_them()))
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(estate(all_of_them(), management={"Mailbox/sales": management} if management else None))
    assert bench.store.entries()[SALES].adopted == adopted
    return bench


def state_of(bench: Bench, name: str = "sales") -> Leaf:
    return next(row.spec.get("state") for row in bench.writer.observe().rows if row.name == name)


@pytest.mark.parametrize(
    ("wanted", "adopted", "expected"),
    [
        (None, False, Delete),
        (None, True, Update),
        (OnRemoval.DELETE, True, Delete),
        (OnRemoval.DISABLE, False, Update),
        (OnRemoval.FORGET, False, Forget),
        (OnRemoval.FORGET, True, Forget),
    ],
)
def test_what_follows(wanted: OnRemoval | None, adopted: bool, expected: type) -> None:
    bench = bench_with(Management(on_removal=wanted), adopted=adopted)
    gone = estate(without("Mailbox/sales"))
    (change,) = bench.plan(gone).changes
    assert (type(change), change.key) == (expected, SALES)
    assert change.consequences
    assert bench.apply(gone).code == ExitCode.NOTHING_TO_DO
    again = bench.plan(gone)
    assert again.changes == ()
    left = {row.name for row in bench.writer.observe().rows}
    assert ("sales" in left) == (expected is not Delete)
    assert (SALES in bench.store.entries()) == (expected is Update)


def test_a_disabled_row_is_an_orphan_until_it_is_declared_again() -> None:
    bench = bench_with(Management(on_removal=OnRemoval.DISABLE))
    gone = estate(without("Mailbox/sales"))
    (change,) = bench.plan(gone).changes
    assert isinstance(change, Update)
    assert change.orphan
    assert [(field.path, field.before, field.after) for field in change.fields] == [("state", "active", "inactive")]
    assert change.consequences == ("incoming and outgoing mail stop",)
    bench.apply(gone)
    assert state_of(bench) == "inactive"
    # The row still hangs on its profile.
    assert bench.store.entries()[SALES].depends_on == (Key("EmailServerProfile", "contoso"),)
    plan = bench.plan(gone)
    (note,) = plan.notes
    assert (note.key, note.message.startswith("orphan: inactive since its document left git")) == (SALES, True)
    assert "reconcile forget" in note.message
    assert plan.unchanged == 2

    back = bench.plan(estate(all_of_them()))
    (again,) = back.changes
    assert isinstance(again, Update)
    assert [(field.path, field.before, field.after) for field in again.fields] == [("state", "inactive", "active")]
    bench.apply(estate(all_of_them()))
    assert state_of(bench) == "active"
    final = bench.plan(estate(all_of_them()))
    assert (final.changes, final.notes) == ((), ())


def test_a_row_that_a_document_made_inactive_stays_so() -> None:
    off = {**all_of_them(), "Mailbox/sales": mailbox("sales@contoso.example", state="inactive")}
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    keep = {"Mailbox/sales": Management(on_removal=OnRemoval.DISABLE)}
    bench.apply(estate(off, management=keep))
    gone = bench.plan(estate(without("Mailbox/sales")))
    assert gone.changes == ()
    assert [note.key for note in gone.notes] == [SALES]
    silent = bench.plan(estate(all_of_them(), management=keep))
    assert silent.changes == ()
    assert state_of(bench) == "inactive"


def test_an_orphan_that_somebody_starts_is_stopped_again() -> None:
    bench = bench_with(Management(on_removal=OnRemoval.DISABLE))
    gone = estate(without("Mailbox/sales"))
    bench.apply(gone)
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    target.edit(bench.store.entries()[SALES].external_id, state="active")
    (change,) = bench.plan(gone).changes
    assert isinstance(change, Update)
    assert change.fields[0].cause.note == "made active without a document"


def test_an_orphan_is_recognised_under_another_slug() -> None:
    bench = bench_with(Management(on_removal=OnRemoval.DISABLE))
    bench.apply(estate(without("Mailbox/sales")))
    external_id = bench.store.entries()[SALES].external_id
    renamed = {**without("Mailbox/sales"), "Mailbox/vertrieb": mailbox("sales@contoso.example")}
    (change,) = bench.plan(estate(renamed)).changes
    assert isinstance(change, Update)
    assert (change.previous, change.external_id) == (SALES, external_id)
    bench.apply(estate(renamed))
    assert state_of(bench, "vertrieb") == "active"
    assert bench.plan(estate(renamed)).changes == ()


def test_what_is_protected_stays_until_it_is_freed_first() -> None:
    bench = bench_with(Management(protected=True))
    gone = estate(without("Mailbox/sales"))
    plan = bench.plan(gone, lifted=BRAKES)
    assert plan.changes == ()
    (held,) = plan.held
    assert (held.key, held.because) == (SALES, HeldBecause.PROTECTED)
    assert "protect: false" in held.reason
    report = bench.apply(gone, lifted=BRAKES)
    assert report.code == ExitCode.FINDINGS
    assert SALES in bench.store.entries()

    freed = bench.plan(estate(all_of_them()))
    (change,) = freed.changes
    assert isinstance(change, Update)
    assert (change.fields, change.writes) == ((), False)
    assert change.consequences == ("may go with its document",)
    assert [(record.path, record.before, record.after) for record in change.records] == [("management.protect", True, False)]
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    writes = target.writes
    bench.apply(estate(all_of_them()))
    assert target.writes == writes
    (removal,) = bench.plan(gone).changes
    assert isinstance(removal, Delete)


def test_protection_is_about_removal_not_about_what_the_document_says() -> None:
    guarded = {"Mailbox/sales": Management(protected=True)}
    bench = bench_with(guarded["Mailbox/sales"])
    off = {**all_of_them(), "Mailbox/sales": mailbox("sales@contoso.example", state="inactive")}
    (change,) = bench.plan(estate(off, management=guarded)).changes
    assert isinstance(change, Update)


def test_a_protected_row_that_vanished_is_not_forgotten() -> None:
    bench = bench_with(Management(protected=True))
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    del target.rows[bench.store.entries()[SALES].external_id]
    plan = bench.plan(estate(without("Mailbox/sales")))
    assert [held.because for held in plan.held] == [HeldBecause.PROTECTED]


def test_what_removal_means_is_reviewed_when_it_changes() -> None:
    bench = bench_with()
    plan = bench.plan(estate(all_of_them(), management={"Mailbox/sales": Management(on_removal=OnRemoval.FORGET)}))
    (change,) = plan.changes
    assert isinstance(change, Update)
    assert [(record.path, record.before, record.after) for record in change.records] == [("management.onRemoval", None, "forget")]
    assert change.consequences == ("stays, and is no longer ours, when its document leaves git",)
    other = bench.plan(estate(all_of_them(), management={"Mailbox/sales": Management(on_removal=OnRemoval.DISABLE)}))
    assert other.digest != plan.digest


def test_a_profile_and_its_mailboxes_are_made_inactive_in_one_apply() -> None:
    bench = bench_with(adopted=True)
    plan = bench.plan(estate({}), lifted=["emptied"])
    assert [type(change) for change in plan.changes] == [Update] * 3
    # Mailboxes first; nobody is left who would miss the profile.
    assert plan.changes[-1].key.kind == "EmailServerProfile"
    assert plan.brakes == ()
    assert bench.apply(estate({}), lifted=["emptied"]).code == ExitCode.NOTHING_TO_DO
    assert bench.plan(estate({})).changes == ()


def test_a_profile_that_is_made_inactive_waits_for_those_that_move_away() -> None:
    target = MemoryTarget()
    Bench(writer=target, store=MemoryConfiguration()).apply(estate(all_of_them()))
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(estate(all_of_them()))
    moved: Specs = {
        "EmailServerProfile/other": profile(displayName="Other"),
        "Mailbox/sales": mailbox("sales@contoso.example", profile="other"),
        "Mailbox/info": mailbox("info@contoso.example", profile="other"),
    }
    plan = bench.plan(estate(moved))
    assert plan.brakes == ()
    assert [str(change.key) for change in plan.changes] == [
        "EmailServerProfile/other",
        "Mailbox/info",
        "Mailbox/sales",
        "EmailServerProfile/contoso",
    ]


def test_what_becomes_somebody_elses_is_forgotten_and_never_written() -> None:
    bench = bench_with()
    external = estate(all_of_them(), external=("EmailServerProfile/contoso",))
    plan = bench.plan(external)
    (change,) = plan.changes
    assert (type(change), change.key) == (Forget, Key("EmailServerProfile", "contoso"))
    assert plan.brakes == ()
    assert change.cause.position is not None
    bench.apply(external)
    assert Key("EmailServerProfile", "contoso") not in bench.store.entries()
    assert bench.plan(external).changes == ()
    other = estate({**all_of_them(), "EmailServerProfile/contoso": profile(incoming__port=143)}, external=("EmailServerProfile/contoso",))
    assert bench.plan(other).changes == ()
    (taken,) = bench.plan(estate(all_of_them())).changes
    assert isinstance(taken, Adopt)


def test_what_is_protected_is_not_handed_over() -> None:
    bench = bench_with(Management(protected=True))
    plan = bench.plan(estate(all_of_them(), external=("Mailbox/sales",)))
    assert plan.changes == ()
    assert [held.because for held in plan.held] == [HeldBecause.PROTECTED]


def test_a_new_row_remembers_what_its_document_said() -> None:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    wanted = Management(on_removal=OnRemoval.FORGET, protected=True)
    plan = bench.plan(estate(all_of_them(), management={"Mailbox/sales": wanted}))
    made = next(change for change in plan.changes if change.key == SALES)
    assert isinstance(made, Create)
    assert (made.keep.on_removal, made.keep.protected) == (OnRemoval.FORGET, True)


def test_a_saved_plan_does_not_take_back_what_was_forgotten_since() -> None:
    keep = {"Mailbox/sales": Management(on_removal=OnRemoval.FORGET)}
    bench = bench_with(keep["Mailbox/sales"])
    changed = {**all_of_them(), "Mailbox/sales": mailbox("sales@contoso.example", filter="all")}
    field = bench.plan(estate(changed, management=keep))
    record = bench.plan(estate(all_of_them(), management={"Mailbox/sales": Management(on_removal=OnRemoval.DELETE)}))
    bench.apply(estate(without("Mailbox/sales")))
    assert SALES not in bench.store.entries()
    for saved in (field, record):
        assert [type(change) for change in saved.changes] == [Update]
        report = bench.apply_saved(saved)
        (outcome,) = report.outcomes
        assert isinstance(outcome, Skipped)
        assert (outcome.voided, outcome.reason) == (True, "Mailbox/sales is no longer ours")
        assert SALES not in bench.store.entries()


def test_a_saved_plan_does_not_take_over_what_became_ours_under_another_slug() -> None:
    target = MemoryTarget()
    Bench(writer=target, store=MemoryConfiguration()).apply(estate(all_of_them()))
    bench = Bench(writer=target, store=MemoryConfiguration())
    saved = bench.plan(estate(all_of_them()))
    other = {**without("Mailbox/sales"), "Mailbox/vertrieb": mailbox("sales@contoso.example")}
    bench.apply(estate(other))
    outcomes = {outcome.key: outcome for outcome in bench.apply_saved(saved).outcomes}
    moved = outcomes[SALES]
    assert isinstance(moved, Skipped)
    assert moved.reason == "Mailbox/sales became ours as Mailbox/vertrieb since"
    assert Key("Mailbox", "vertrieb") in bench.store.entries()


@pytest.mark.parametrize(("wanted", "expected"), [(OnRemoval.DELETE, Delete), (OnRemoval.DISABLE, Update), (OnRemoval.FORGET, Forget)])
def test_a_saved_plan_takes_nothing_away_that_was_protected_since(wanted: OnRemoval, expected: type) -> None:
    bench = bench_with(Management(on_removal=wanted))
    saved = bench.plan(estate(without("Mailbox/sales")))
    assert [type(change) for change in saved.changes] == [expected]
    bench.apply(estate(all_of_them(), management={"Mailbox/sales": Management(on_removal=wanted, protected=True)}))
    report = bench.apply_saved(saved)
    (outcome,) = report.outcomes
    assert isinstance(outcome, Skipped)
    assert (outcome.voided, outcome.reason) == (True, "Mailbox/sales was protected since (management.protect)")
    assert report.code == ExitCode.STALE_PLAN
    assert bench.store.entries()[SALES].protected
    assert state_of(bench) != "inactive"


@pytest.mark.parametrize("since", [None, OnRemoval.FORGET, OnRemoval.DISABLE])
def test_a_saved_plan_deletes_nothing_that_is_to_stay_since(since: OnRemoval | None) -> None:
    bench = bench_with(Management(on_removal=OnRemoval.DELETE), adopted=True)
    saved = bench.plan(estate(without("Mailbox/sales")))
    assert [type(change) for change in saved.changes] == [Delete]
    bench.apply(estate(all_of_them(), management={"Mailbox/sales": Management(on_removal=since)}))
    (outcome,) = bench.apply_saved(saved).outcomes
    assert isinstance(outcome, Skipped)
    assert (outcome.voided, outcome.reason) == (True, "management.onRemoval of Mailbox/sales was changed since")
    assert SALES in bench.store.entries()


@pytest.mark.parametrize("since", [Management(protected=True), Management(on_removal=OnRemoval.FORGET)])
def test_a_saved_update_leaves_what_management_says_since(since: Management) -> None:
    bench = bench_with()
    field = bench.plan(estate({**all_of_them(), "Mailbox/sales": mailbox("sales@contoso.example", filter="all")}))
    record = bench.plan(estate(all_of_them(), management={"Mailbox/sales": Management(on_removal=OnRemoval.DISABLE)}))
    bench.apply(estate(all_of_them(), management={"Mailbox/sales": since}))
    before = bench.store.entries()[SALES]
    for saved in (field, record):
        assert [type(change) for change in saved.changes] == [Update]
        (outcome,) = bench.apply_saved(saved).outcomes
        assert isinstance(outcome, Skipped)
        assert outcome.voided
        assert outcome.reason.endswith("of Mailbox/sales was changed since")
        assert bench.store.entries()[SALES] == before


@pytest.mark.parametrize("since", [Management(protected=True), Management(on_removal=OnRemoval.DELETE)])
def test_a_saved_adoption_leaves_what_management_says_since(since: Management) -> None:
    target = MemoryTarget()
    Bench(writer=target, store=MemoryConfiguration()).apply(estate(all_of_them()))
    bench = Bench(writer=target, store=MemoryConfiguration())
    saved = bench.plan(estate(all_of_them()))
    bench.apply(estate(all_of_them(), management={"Mailbox/sales": since}))
    outcomes = {outcome.key: outcome for outcome in bench.apply_saved(saved).outcomes}
    moved = outcomes[SALES]
    assert isinstance(moved, Skipped)
    assert moved.voided
    assert bench.store.entries()[SALES].protected == since.protected
    assert bench.store.entries()[SALES].on_removal is since.on_removal


@pytest.mark.parametrize(
    ("adopted", "on_removal", "state", "expected"),
    [
        (False, None, "inactive", False),
        (True, None, "inactive", True),
        (True, None, "active", False),
        (False, OnRemoval.DISABLE, "inactive", True),
        (False, OnRemoval.DELETE, "inactive", False),
        (True, OnRemoval.FORGET, "inactive", False),
    ],
)
def test_only_what_is_disabled_when_its_document_goes_is_a_disabled_orphan(
    adopted: bool, on_removal: OnRemoval | None, state: str, expected: bool
) -> None:
    applied: dict[str, Leaf] = {"state": state}
    entry = InventoryEntry(key=SALES, external_id="r", applied=applied, source_file="m.yaml", adopted=adopted, on_removal=on_removal)
    assert is_disabled_orphan(entry) is expected
