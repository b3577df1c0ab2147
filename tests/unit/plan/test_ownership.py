"""What is ignored, moved, built in, or told by another table's ids."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.errors import PlanRefused
from reconcile.model.canonical import Leaf, digest
from reconcile.model.change import Adopt, Create, Delete, HeldBecause, Update
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.management import Management
from reconcile.model.observation import ObservedState, Present
from reconcile.plan.circumstances import Circumstances
from reconcile.plan.plan import make_plan
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

Specs = dict[str, dict[str, Leaf]]
CONTOSO, SALES = Key("EmailServerProfile", "contoso"), Key("Mailbox", "sales")


def both(**leaves: Leaf) -> Specs:
    return {"EmailServerProfile/contoso": profile(**leaves), "Mailbox/sales": mailbox("sales@contoso.example")}


def new_bench() -> Bench:
    return Bench(writer=MemoryTarget(), store=MemoryConfiguration())


@pytest.mark.parametrize("pattern", ["incoming.port", "incoming.*", "incoming", "*.port"])
def test_an_ignored_field_is_set_once_and_then_left_alone(pattern: str) -> None:
    ignoring = {"EmailServerProfile/contoso": Management(ignored=(pattern,))}
    bench = new_bench()
    specs = both(incoming__port=993)
    bench.apply(estate(specs, management=ignoring))
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    external_id = bench.store.entries()[CONTOSO].external_id
    assert target.rows[external_id].spec["incoming.port"] == 993
    target.edit(external_id, incoming__port=143)
    plan = bench.plan(estate(specs, management=ignoring))
    assert plan.changes == ()
    (note,) = plan.notes
    assert note.message == (
        "1 field differs and is left as the target has it, because management.ignore names it: incoming.port of EmailServerProfile/contoso"
    )
    (change,) = bench.plan(estate(specs)).changes
    assert isinstance(change, Update)
    assert [field.path for field in change.fields] == ["incoming.port"]

    described = both(incoming__port=993, description="Mail of the house")
    bench.apply(estate(described, management=ignoring))
    assert target.rows[external_id].spec["incoming.port"] == 143
    assert bench.plan(estate(described, management=ignoring)).changes == ()


def test_an_ignored_secret_is_not_compared() -> None:
    ignoring = {"Mailbox/sales": Management(ignored=("credentials.password",))}
    specs = both()
    specs["Mailbox/sales"] |= {"credentials.password.ref": "env:ONE", "credentials.password.generation": 1}
    bench = new_bench()
    bench.apply(estate(specs, management=ignoring))
    bench.resolver.values["env:ONE"] = b"another"
    assert bench.plan(estate(specs, management=ignoring)).changes == ()


def test_slug_and_address_change_at_once_where_the_document_says_so() -> None:
    bench = new_bench()
    bench.apply(estate(both()))
    external_id = bench.store.entries()[SALES].external_id
    after: Specs = {"EmailServerProfile/contoso": profile(), "Mailbox/vertrieb": mailbox("vertrieb@contoso.example")}
    silent = bench.plan(estate(after))
    assert {type(change) for change in silent.changes} == {Create, Delete}
    said = estate(after, management={"Mailbox/vertrieb": Management(moved_from="sales")})
    (change,) = bench.plan(said).changes
    assert isinstance(change, Update)
    assert (change.previous, change.external_id, [field.path for field in change.fields]) == (SALES, external_id, ["emailAddress"])
    bench.apply(said)
    # The line may stay: it has done its work.
    assert bench.plan(said).changes == ()
    # And the old slug may be used for something new.
    again = estate(
        {**after, "Mailbox/sales": mailbox("new@contoso.example")}, management={"Mailbox/vertrieb": Management(moved_from="sales")}
    )
    (new,) = bench.plan(again).changes
    assert (type(new), new.key) == (Create, SALES)


def test_a_slug_that_is_still_declared_or_wanted_by_two_is_nobodys() -> None:
    bench = new_bench()
    bench.apply(estate(both()))
    moved = Management(moved_from="sales")
    still = estate({**both(), "Mailbox/vertrieb": mailbox("vertrieb@contoso.example")}, management={"Mailbox/vertrieb": moved})
    plan = bench.plan(still)
    assert plan.changes == ()
    assert [(held.key.name, held.because) for held in plan.held] == [("vertrieb", HeldBecause.AMBIGUOUS)]
    assert "still declared" in plan.held[0].reason
    two: Specs = {
        "EmailServerProfile/contoso": profile(),
        "Mailbox/one": mailbox("one@contoso.example"),
        "Mailbox/two": mailbox("two@contoso.example"),
    }
    plan = bench.plan(estate(two, management={"Mailbox/one": moved, "Mailbox/two": moved}))
    # Above all the row is not deleted.
    assert plan.changes == ()
    assert {held.key.name for held in plan.held} == {"one", "two", "sales"}


def row(key: str, external_id: str, spec: dict[str, Leaf], *, built_in: bool = False) -> Present:
    return Present(kind=key, external_id=external_id, spec=spec, version=digest(spec), name=None, built_in=built_in)


def test_what_the_platform_made_is_never_written() -> None:
    observed = ObservedState(target="snapshot", rows=(row("EmailServerProfile", "p-1", profile(), built_in=True),))
    specs: Specs = {"EmailServerProfile/contoso": profile(description="ours")}
    plan = make_plan(estate(specs), observed, {}, APPLIED_KINDS)
    assert plan.changes == ()
    assert "management.lifecycle external" in plan.held[0].reason
    external = make_plan(estate(specs, external=("EmailServerProfile/contoso",)), observed, {}, APPLIED_KINDS)
    assert (external.changes, external.held, external.unchanged) == ((), (), 1)


def test_profiles_are_known_by_the_ids_of_their_rows() -> None:
    sales = mailbox("sales@contoso.example", profile="p-1")
    info = mailbox("info@contoso.example", profile="p-9")
    observed = ObservedState(
        target="snapshot",
        refers_by_id=True,
        rows=(row("EmailServerProfile", "p-1", profile()), row("Mailbox", "m-1", sales), row("Mailbox", "m-2", info)),
    )
    specs = both() | {"Mailbox/info": mailbox("info@contoso.example")}
    plan = make_plan(estate(specs), observed, {}, APPLIED_KINDS, around=Circumstances(adopting=False))
    (change,) = plan.changes
    assert isinstance(change, (Adopt, Update))
    # A profile that nobody declares keeps its id, and the version is that of the row as it was read.
    assert [(field.path, field.before, field.after) for field in change.fields] == [("profile", "p-9", "contoso")]
    assert change.observed_version == digest(info)
    assert plan.unchanged == 2


def test_taking_over_counts_where_an_inventory_is_kept() -> None:
    observed = ObservedState(target="memory", rows=(row("EmailServerProfile", "p-1", profile()),))
    specs: Specs = {"EmailServerProfile/contoso": profile()}
    assert [type(change) for change in make_plan(estate(specs), observed, {}, APPLIED_KINDS).changes] == [Adopt]
    assert make_plan(estate(specs), observed, {}, APPLIED_KINDS, around=Circumstances(adopting=False)).changes == ()


def test_the_tenant_is_checked_like_the_organization() -> None:
    pinned = estate({"Environment/test": {"tenantId": "a"}})
    observed = replace(MemoryTarget().observe(), tenant_id="b")
    with pytest.raises(PlanRefused, match="pinned to tenant a, but the target is b"):
        make_plan(pinned, observed, {}, APPLIED_KINDS)
    assert make_plan(pinned, replace(observed, tenant_id="a"), {}, APPLIED_KINDS).tenant_id == "a"


def test_brakes_on_a_target_of_which_nothing_is_ours_measure_against_what_is_declared() -> None:
    rows = [row("EmailServerProfile", "p-1", profile())]
    specs: Specs = {"EmailServerProfile/contoso": profile()}
    for number in range(100):
        there = mailbox(f"m{number}@contoso.example", incoming="server-side")
        rows.append(row("Mailbox", f"m-{number}", there))
        specs[f"Mailbox/m{number}"] = {**there, "incoming": "none"} if number < 8 else there
    observed = ObservedState(target="snapshot", rows=tuple(rows))
    around = Circumstances(adopting=False)
    assert make_plan(estate(specs), observed, {}, APPLIED_KINDS, around=around).brakes == ()
    for number in range(40):
        specs[f"Mailbox/m{number}"] = {**specs[f"Mailbox/m{number}"], "incoming": "none"}
    stopped, updated = make_plan(estate(specs), observed, {}, APPLIED_KINDS, around=around).brakes
    assert (stopped.count, stopped.of, stopped.limit, stopped.scope) == (40, 101, 10, "what is declared and there on target snapshot")
    assert (updated.count, updated.of, updated.limit) == (40, 101, 30)
