"""A part of a plan: what is asked for, what waits for what is left out, and what the brakes measure then."""

from __future__ import annotations

import pytest

from reconcile.errors import SettingsError
from reconcile.model.canonical import Leaf
from reconcile.model.change import HeldBecause, Plan, Update
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.model.selection import Selection
from reconcile.plan import codec
from reconcile.plan.selection import Selected
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

Specs = dict[str, dict[str, Leaf]]
LABELS = {"Mailbox/sales-eu": {"team": "sales"}, "Mailbox/sales-us": {"team": "sales", "region": "us"}}


def specs() -> Specs:
    return {
        "EmailServerProfile/contoso": profile(),
        "EmailServerProfile/sales-eu": profile(displayName="Sales"),
        "Mailbox/sales-eu": mailbox("eu@contoso.example", profile="sales-eu"),
        "Mailbox/sales-us": mailbox("us@contoso.example"),
        "Mailbox/info": mailbox("info@contoso.example"),
    }


def bench_with(before: Specs | None = None) -> Bench:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    if before is not None:
        bench.apply(estate(before))
    return bench


def keys(plan: Plan) -> set[str]:
    return {str(change.key) for change in plan.changes}


@pytest.mark.parametrize(
    ("only", "exclude", "expected"),
    [
        (["EmailServerProfile"], [], {"EmailServerProfile/contoso", "EmailServerProfile/sales-eu"}),
        (["EmailServerProfile/sales-*"], [], {"EmailServerProfile/sales-eu"}),
        (["sales-eu"], [], {"EmailServerProfile/sales-eu", "Mailbox/sales-eu"}),
        (["*-us", "contoso"], [], {"EmailServerProfile/contoso", "Mailbox/sales-us"}),
        (["team=sales", "EmailServerProfile"], ["region=u?"], {"EmailServerProfile/contoso", "EmailServerProfile/sales-eu", "Mailbox/sales-eu"}),
        ([], ["Mailbox"], {"EmailServerProfile/contoso", "EmailServerProfile/sales-eu"}),
    ],
)  # fmt: skip
def test_patterns(only: list[str], exclude: list[str], expected: set[str]) -> None:
    selection = Selection(only=tuple(only), exclude=tuple(exclude))
    plan = bench_with().plan(estate(specs(), labels=LABELS), selection=selection)
    assert keys(plan) == expected
    assert (plan.selection, plan.left_out, plan.held) == (selection, 5 - len(expected), ())


@pytest.mark.parametrize("pattern", ["", " ", "Mailbox/", "/x", "=sales", "team=", "Mailboxes", "mailbox/x", "Mailbox\n/x"])
def test_a_bad_pattern_is_an_error_with_its_forms(pattern: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Selected(Selection(only=(pattern,)))
    assert "Mailbox/sales-*" in caught.value.hint


def test_what_fits_nothing_is_noted() -> None:
    plan = bench_with().plan(estate(specs()), selection=Selection(only=("Mailbox/nobody", "info"), exclude=("no=label",)))
    assert [note.message for note in plan.notes] == [
        "--exclude no=label fits nothing that is declared or ours",
        "--only Mailbox/nobody fits nothing that is declared or ours",
    ]


def test_what_refers_to_something_left_out_waits() -> None:
    plan = bench_with().plan(estate(specs()), selection=Selection(only=("Mailbox",)))
    assert plan.changes == ()
    assert {held.reason for held in plan.held} == {
        "waits for EmailServerProfile/contoso, which is left out",
        "waits for EmailServerProfile/sales-eu, which is left out",
    }
    # An update of a profile that is there holds nobody.
    bench = bench_with(specs())
    after = {name: {**spec, "description": "x"} if "Profile" in name else {**spec, "filter": "all"} for name, spec in specs().items()}
    plan = bench.plan(estate(after), selection=Selection(only=("Mailbox",)))
    assert (len(plan.changes), plan.held, plan.left_out) == (3, (), 2)


def test_a_profile_stays_while_a_mailbox_that_is_left_out_moves_away_from_it() -> None:
    bench = bench_with(specs())
    after = {**specs(), "Mailbox/sales-eu": mailbox("eu@contoso.example")}
    del after["EmailServerProfile/sales-eu"]
    assert keys(bench.plan(estate(after))) == {"Mailbox/sales-eu", "EmailServerProfile/sales-eu"}
    plan = bench.plan(estate(after), selection=Selection(only=("EmailServerProfile",)))
    assert plan.changes == ()
    assert plan.held[0].reason == "waits for Mailbox/sales-eu, which is left out"


def test_a_slug_that_is_not_left_is_not_taken() -> None:
    bench = bench_with(specs())
    after = specs()
    after["Mailbox/vertrieb"] = after.pop("Mailbox/info")
    after["Mailbox/info"] = mailbox("hello@contoso.example")
    assert keys(bench.plan(estate(after))) == {"Mailbox/vertrieb", "Mailbox/info"}
    plan = bench.plan(estate(after), selection=Selection(only=("info",)))
    assert plan.changes == ()
    assert plan.held[0].reason == "waits for Mailbox/vertrieb, which is left out"


def test_brakes_measure_what_is_left() -> None:
    many: Specs = {"EmailServerProfile/contoso": profile()}
    many |= {f"Mailbox/m{number}": mailbox(f"m{number}@contoso.example") for number in range(8)}
    bench = bench_with(many)
    off = {name: {**spec, "incoming": "none"} if name.startswith("Mailbox") else spec for name, spec in many.items()}
    assert [brake.name for brake in bench.plan(estate(off)).brakes] == ["bulk-delete"]
    part = bench.plan(estate(off), selection=Selection(only=("m0", "m1", "m2")))
    assert (part.brakes, len(part.changes), part.left_out, part.unchanged) == ((), 3, 5, 0)


def test_labels_went_with_the_document() -> None:
    bench = bench_with(specs())
    less = specs()
    del less["Mailbox/sales-us"]
    plan = bench.plan(estate(less, labels=LABELS), selection=Selection(only=("team=sales",)))
    assert plan.changes == ()
    assert "labels went with the documents, so it fits none of 1 resource no longer declared" in plan.notes[0].message
    assert keys(bench.plan(estate(less, labels=LABELS), selection=Selection(only=("sales-us",)))) == {"Mailbox/sales-us"}


def test_held_documents_outside_the_selection_do_not_count() -> None:
    bench = bench_with(specs())
    bad = estate(specs(), held={"Mailbox/zoo": "bad document"})
    assert bench.plan(bad, selection=Selection(only=("info",))).held == ()
    assert [held.because for held in bench.plan(bad, selection=Selection(only=("zoo",))).held] == [HeldBecause.FINDING]


def test_a_saved_plan_keeps_its_selection() -> None:
    bench = bench_with(specs())
    after = {name: {**spec, "description": "x"} if "Profile" in name else {**spec, "filter": "all"} for name, spec in specs().items()}
    saved = codec.decode(codec.encode(bench.plan(estate(after), selection=Selection(only=("info",)))))
    assert saved.selection == Selection(only=("info",))
    report = bench.apply_saved(saved)
    assert (report.code, [outcome.key for outcome in report.outcomes]) == (ExitCode.NOTHING_TO_DO, [Key("Mailbox", "info")])
    rest = bench.plan(estate(after))
    assert all(isinstance(change, Update) for change in rest.changes)
    assert len(rest.changes) == 4
