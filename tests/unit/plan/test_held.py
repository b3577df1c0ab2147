"""What is not touched: bad documents, what could not be observed, what belongs to others, and what waits for these."""

from __future__ import annotations

import pytest

from reconcile.errors import PlanRefused
from reconcile.model.change import Forget, HeldBecause, Moved, Plan, Update
from reconcile.model.exit_code import ExitCode
from reconcile.model.management import Management, OnRemoval
from reconcile.model.resource import DesiredState
from reconcile.plan import code
from reconcile.plan.plan import make_plan
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import Faults, MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

ESTATE = {
    "EmailServerProfile/contoso": profile(),
    "EmailServerProfile/other": profile(displayName="Other"),
    "Mailbox/sales": mailbox("sales@contoso.example"),
    "Mailbox/info": mailbox("info@contoso.example", profile="other"),
}


@pytest.fixture
def bench() -> Bench:
    made = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    made.apply(estate(ESTATE))
    return made


def held(plan: Plan) -> dict[str, HeldBecause]:
    return {str(one.key): one.because for one in plan.held}


def less(*names: str) -> dict[str, dict[str, object]]:
    return {name: dict(spec) for name, spec in ESTATE.items() if name not in names}


def desired(specs: object, **more: object) -> DesiredState:
    return estate(specs, **more)  # type: ignore[arg-type]


def test_a_bad_document_is_never_a_deletion(bench: Bench) -> None:
    plan = bench.plan(desired(less("Mailbox/sales"), held={"Mailbox/sales": "sales.yaml:3: not YAML"}))
    assert plan.changes == ()
    assert held(plan) == {"Mailbox/sales": HeldBecause.FINDING}
    assert code.of_plan(plan, changes_count=True) == ExitCode.FINDINGS


def test_a_file_that_cannot_be_read_stops_every_deletion(bench: Bench) -> None:
    """The document may have moved into that file."""
    plan = bench.plan(desired(less("Mailbox/sales", "Mailbox/info"), held_files={"mailbox/sales.yaml": "permission denied"}))
    assert plan.changes == ()
    assert held(plan) == {"Mailbox/sales": HeldBecause.FINDING, "Mailbox/info": HeldBecause.FINDING}


def test_what_needs_something_held_waits_and_the_rest_goes_on(bench: Bench) -> None:
    specs = less("EmailServerProfile/contoso")
    specs["Mailbox/sales"]["incoming"] = "none"
    specs["Mailbox/info"]["incoming"] = "none"
    plan = bench.plan(desired(specs, held={"EmailServerProfile/contoso": "bad"}))
    assert [str(change.key) for change in plan.changes] == ["Mailbox/info"]
    assert held(plan) == {"EmailServerProfile/contoso": HeldBecause.FINDING, "Mailbox/sales": HeldBecause.WAITS}


def test_a_profile_stays_while_a_held_mailbox_needs_it(bench: Bench) -> None:
    plan = bench.plan(desired(less("EmailServerProfile/contoso", "Mailbox/sales"), held={"Mailbox/sales": "bad"}))
    assert plan.changes == ()
    assert held(plan)["EmailServerProfile/contoso"] is HeldBecause.WAITS


def test_a_held_slug_keeps_its_row_from_a_new_slug_with_its_address(bench: Bench) -> None:
    specs = {**less("Mailbox/sales"), "Mailbox/vertrieb": mailbox("sales@contoso.example")}
    plan = bench.plan(desired(specs, held={"Mailbox/sales": "bad"}))
    assert plan.changes == ()
    assert held(plan) == {"Mailbox/sales": HeldBecause.FINDING, "Mailbox/vertrieb": HeldBecause.AMBIGUOUS}


def test_an_unreadable_row_of_nobody_stops_creations(bench: Bench) -> None:
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    bench.store.finish([])
    target.faults = Faults(unknown_rows={next(iter(target.rows)): "503"})
    fresh = Bench(writer=target, store=MemoryConfiguration())
    plan = fresh.plan(desired({"Mailbox/new": mailbox("new@contoso.example", profile=None)}))
    assert plan.changes == ()
    assert held(plan) == {"Mailbox/new": HeldBecause.UNOBSERVED}
    assert code.of_plan(plan, changes_count=True) == ExitCode.COULD_NOT_OBSERVE


def test_what_belongs_to_others_is_never_written() -> None:
    target = MemoryTarget()
    bench = Bench(writer=target, store=MemoryConfiguration())
    specs = {"EmailServerProfile/theirs": profile(), "Mailbox/sales": mailbox("sales@contoso.example", profile="theirs")}
    plan = bench.plan(estate(specs, external=("EmailServerProfile/theirs",)))
    assert plan.changes == ()
    assert held(plan) == {"EmailServerProfile/theirs": HeldBecause.WAITS, "Mailbox/sales": HeldBecause.WAITS}
    other = Bench(writer=target, store=MemoryConfiguration())
    other.apply(estate({"EmailServerProfile/theirs": profile(displayName="Theirs, otherwise", incoming__server="x.example")}))
    report = bench.apply(estate(specs, external=("EmailServerProfile/theirs",)))
    assert [str(outcome.key) for outcome in report.outcomes] == ["Mailbox/sales"]
    assert set(map(str, bench.store.entries())) == {"Mailbox/sales"}


def test_several_rows_that_fit_are_not_guessed_at() -> None:
    target = MemoryTarget()
    specs = {"Mailbox/one": mailbox("same@contoso.example", profile=None)}
    Bench(writer=target, store=MemoryConfiguration()).apply(estate(specs))
    target.rows["twin"] = next(iter(target.rows.values()))
    wanted = estate({"Mailbox/third": mailbox("same@contoso.example", profile=None)})
    plan = Bench(writer=target, store=MemoryConfiguration()).plan(wanted)
    assert plan.changes == ()
    assert held(plan) == {"Mailbox/third": HeldBecause.AMBIGUOUS}


def test_another_organization_is_refused(bench: Bench) -> None:
    observed = bench.writer.observe()
    from dataclasses import replace

    pinned = estate({"Environment/test": {"organizationId": "a"}})
    with pytest.raises(PlanRefused, match="pinned to organization a"):
        make_plan(pinned, replace(observed, organization_id="b"), {}, bench.writer.capabilities.kinds)


@pytest.mark.parametrize(
    ("git", "outside", "moved"),
    [
        ("none", None, Moved.GIT),
        ("server-side", "none", Moved.OUTSIDE),
        ("none", "outlook", Moved.BOTH),
    ],
)
def test_which_side_moved(bench: Bench, git: str, outside: str | None, moved: Moved) -> None:
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    row = next(row for row in target.observe().rows if row.name == "sales")
    if outside is not None:
        target.edit(row.external_id, incoming=outside)
    specs = less()
    specs["Mailbox/sales"]["incoming"] = git
    (change,) = bench.plan(desired(specs)).changes
    assert isinstance(change, Update)
    assert [field.cause.moved for field in change.fields] == [moved]
    (again,) = bench.plan(desired(specs, source="elsewhere@abc", revision="abc")).changes
    assert isinstance(again, Update)
    assert again.fields[0].cause.note.startswith("last applied from estate at 2026-01-01T00:00:")


def test_a_row_that_is_gone_is_only_forgotten(bench: Bench) -> None:
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    target.rows.clear()
    plan = bench.plan(desired({}))
    assert plan.brakes == ()
    assert {type(change) for change in plan.changes} == {Forget}
    assert bench.apply(desired({})).code == ExitCode.NOTHING_TO_DO
    assert bench.store.entries() == {}


def renamed(**profiles: str) -> dict[str, dict[str, object]]:
    """Profile `contoso` is called `renamed` from now on; `profiles` are what mailboxes refer to."""
    specs = less("EmailServerProfile/contoso")
    specs["EmailServerProfile/renamed"] = dict(ESTATE["EmailServerProfile/contoso"])
    for name, slug in profiles.items():
        specs[f"Mailbox/{name}"]["profile"] = slug
    return specs


def test_a_profile_keeps_its_name_while_a_mailbox_on_it_is_not_touched(bench: Bench) -> None:
    specs = {**renamed(sales="renamed"), "Mailbox/second": mailbox("second@contoso.example", profile="renamed")}
    bench.apply(desired({**less(), "Mailbox/second": mailbox("second@contoso.example")}))
    bad = desired(specs, held={"Mailbox/sales": "it has errors"})
    plan = bench.plan(bad)
    assert plan.changes == ()
    assert {key: held(plan)[key] for key in ("EmailServerProfile/renamed", "Mailbox/second")} == {
        "EmailServerProfile/renamed": HeldBecause.WAITS,
        "Mailbox/second": HeldBecause.WAITS,
    }
    assert len(bench.plan(desired(specs)).changes) == 3


@pytest.mark.parametrize("taken", [False, True])
def test_a_profile_is_not_renamed_away_from_mailboxes_that_stay_with_the_name(bench: Bench, taken: bool) -> None:
    keep = {"Mailbox/sales": Management(on_removal=OnRemoval.FORGET)}
    bench.apply(desired(less(), management=keep))
    specs = renamed()
    if taken:
        specs["EmailServerProfile/contoso"] = {**profile(displayName="New")}
    else:
        # Forgotten, it goes on as it is: with the profile it was applied with.
        bench.apply(desired(less("Mailbox/sales")))
        del specs["Mailbox/sales"]
    plan = bench.plan(desired(specs, management=keep if taken else None))
    assert [(brake.name, brake.count, brake.of) for brake in plan.brakes] == [("profile-in-use", 1, 1)]
    change = next(change for change in plan.changes if isinstance(change, Update))
    what = "move to the server of the new one" if taken else "stop"
    assert change.consequences == (f"1 mailbox still refers to contoso: incoming and outgoing mail {what}",)


def test_a_renamed_profile_takes_its_mailboxes_along(bench: Bench) -> None:
    plan = bench.plan(desired(renamed(sales="renamed")))
    assert (plan.brakes, len(plan.changes)) == ((), 2)
