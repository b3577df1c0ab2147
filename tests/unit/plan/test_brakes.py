"""Limits at their boundary, and lifted by name only."""

from __future__ import annotations

import pytest

from reconcile.errors import SettingsError
from reconcile.model.canonical import Leaf
from reconcile.model.change import Plan
from reconcile.plan.brakes import BRAKES, check_names
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

Specs = dict[str, dict[str, Leaf]]


def many(count: int, **leaves: Leaf) -> Specs:
    specs: Specs = {"EmailServerProfile/contoso": profile(), "EmailServerProfile/other": profile(displayName="Other")}
    return {**specs, **{f"Mailbox/m{number:03}": mailbox(f"m{number:03}@contoso.example", **leaves) for number in range(count)}}


def planned(before: Specs, after: Specs, *lifted: str) -> Plan:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(estate(before))
    return bench.plan(estate(after), lifted=lifted)


def tripped(before: Specs, after: Specs) -> dict[str, tuple[int, int, int]]:
    return {brake.name: (brake.count, brake.of, brake.limit) for brake in planned(before, after).brakes}


def changed(specs: Specs, count: int, **leaves: Leaf) -> Specs:
    keys = [key for key in specs if key.startswith("Mailbox/")][:count]
    return {**specs, **{key: {**specs[key], **{path.replace("__", "."): leaf for path, leaf in leaves.items()}} for key in keys}}


def without(specs: Specs, count: int) -> Specs:
    gone = [key for key in specs if key.startswith("Mailbox/")][:count]
    return {key: spec for key, spec in specs.items() if key not in gone}


@pytest.mark.parametrize(
    ("have", "count", "leaves", "expected"),
    [
        (20, 3, {"incoming": "none"}, {}),
        (20, 4, {"incoming": "none"}, {"bulk-delete": (4, 22, 3)}),
        (20, 4, {"profile": "other"}, {"bulk-delete": (4, 22, 3)}),
        (20, 4, {"state": "inactive"}, {"bulk-delete": (4, 22, 3)}),
        (58, 6, {"outgoing": "none"}, {}),
        (58, 7, {"outgoing": "none"}, {"bulk-delete": (7, 60, 6)}),
        (60, 20, {"filter": "all"}, {}),
        (60, 21, {"filter": "all"}, {"bulk-update": (21, 62, 20)}),
        (98, 30, {"filter": "all"}, {}),
        (98, 31, {"filter": "all"}, {"bulk-update": (31, 100, 30)}),
    ],
)
def test_bulk(have: int, count: int, leaves: dict[str, Leaf], expected: dict[str, tuple[int, int, int]]) -> None:
    specs = many(have)
    assert tripped(specs, changed(specs, count, **leaves)) == expected


def test_deletes_and_stops_add_up() -> None:
    specs = many(20)
    less = without(changed(specs, 4, incoming="none"), 2)
    assert tripped(specs, less) == {"bulk-delete": (4, 22, 3)}
    assert tripped(specs, without(specs, 3)) == {}


def test_a_profile_that_is_switched_off_counts_with_its_mailboxes() -> None:
    specs = many(10)
    off = {**specs, "EmailServerProfile/contoso": profile(state="inactive")}
    assert tripped(specs, off) == {"bulk-delete": (11, 12, 3), "profile-in-use": (1, 10, 0)}


def test_a_renamed_profile_moves_nobody() -> None:
    specs = many(10)
    renamed = {**changed(specs, 10, profile="kontor"), "EmailServerProfile/kontor": profile()}
    del renamed["EmailServerProfile/contoso"]
    plan = planned(specs, renamed)
    assert plan.brakes == ()
    assert "same server and credentials: profile contoso is now called kontor" in plan.changes[-1].consequences


def test_emptied_by_kind_and_in_total() -> None:
    specs = many(1)
    assert tripped(specs, {key: spec for key, spec in specs.items() if not key.startswith("Mailbox")}) == {"emptied": (1, 3, 0)}
    assert tripped(specs, {}) == {"emptied": (3, 3, 0)}
    assert "nothing is declared any more" in planned(specs, {}).brakes[0].message
    many_held = estate({}, held={"Mailbox/m000": "bad"}, held_files={})
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(estate(specs))
    # A held document is still a document; but its profile stays because the held mailbox needs it.
    assert [brake.name for brake in bench.plan(many_held).brakes] == ["emptied"]
    assert {str(change.key) for change in bench.plan(many_held).changes} == {"EmailServerProfile/other"}


@pytest.mark.parametrize(
    ("before", "after", "stands"),
    [
        ("2026-06-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
        ("2026-06-01T00:00:00Z", None, True),
        ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", False),
        (None, "2026-01-01T00:00:00Z", False),
    ],
)
@pytest.mark.parametrize("kind", ["Mailbox/m000", "EmailServerProfile/contoso"])
def test_the_floor(kind: str, before: Leaf, after: Leaf, stands: bool) -> None:
    specs = many(1)
    first = {**specs, kind: {**specs[kind], "processEmailFrom": before}}
    second = {**specs, kind: {**specs[kind], "processEmailFrom": after}}
    assert ("floor-moved-back" in tripped(first, second)) == stands


def test_a_profile_that_an_unmanaged_row_still_uses() -> None:
    from reconcile.model.change import Cause, Create, Moved
    from reconcile.model.key import Key

    target = MemoryTarget()
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(estate(many(1)))
    stray = Create(key=Key("Mailbox", "stray"), spec=mailbox("stray@contoso.example"), cause=Cause(moved=Moved.NEW))
    target.write(stray, token="by hand", secrets={}, origins={})
    after = changed(many(1), 1, profile="other")
    del after["EmailServerProfile/contoso"]
    plan = bench.plan(estate(after))
    (brake,) = plan.brakes
    assert (brake.name, [str(key) for key in brake.keys]) == ("profile-in-use", ["EmailServerProfile/contoso"])
    assert plan.changes[-1].consequences == ("1 mailbox loses the profile: incoming and outgoing mail stop",)


def test_lifted_by_name_only() -> None:
    specs = many(20)
    after = changed(specs, 4, incoming="none")
    assert planned(specs, after, "bulk-update").brakes
    lifted = planned(specs, after, "bulk-delete")
    assert (lifted.brakes, lifted.lifted) == ((), ("bulk-delete",))
    with pytest.raises(SettingsError, match="no brake called 'bulk'"):
        check_names(["bulk"])
    assert check_names(BRAKES) == set(BRAKES)


@pytest.mark.parametrize(("own", "stands"), [(None, True), ("2026-09-01T00:00:00Z", False)])
def test_a_profile_with_an_earlier_floor_moves_the_floor_too(own: Leaf, stands: bool) -> None:
    specs = many(1)
    specs["EmailServerProfile/contoso"] = profile(processEmailFrom="2026-06-01T00:00:00Z")
    specs["Mailbox/m000"]["processEmailFrom"] = own
    after = changed(specs, 1, profile="other")
    plan = planned(specs, after)
    assert [brake.name for brake in plan.brakes] == (["floor-moved-back"] if stands else [])
    (words,) = plan.changes[0].consequences
    assert words.endswith("; mail from the oldest message is read again: unknown number of messages") == stands


def limits(**leaves: Leaf) -> Specs:
    return {"Environment/test": {"brakes." + path.replace("__", "."): leaf for path, leaf in leaves.items()}}


@pytest.mark.parametrize(
    ("knobs", "count", "expected"),
    [
        ({"bulkDelete__count": 1, "bulkDelete__percent": 0}, 1, {}),
        ({"bulkDelete__count": 1, "bulkDelete__percent": 0}, 2, {"bulk-delete": (2, 23, 1)}),
        ({"bulkDelete__count": 0, "bulkDelete__percent": 0}, 1, {"bulk-delete": (1, 23, 0)}),
        ({"bulkDelete__percent": 50}, 11, {}),
        ({"bulkDelete__percent": 50}, 12, {"bulk-delete": (12, 23, 11)}),
        ({"bulkDelete__count": 0}, 2, {}),
        ({"bulkDelete__count": 0}, 3, {"bulk-delete": (3, 23, 2)}),
    ],
)
def test_an_environment_sets_its_own_limits(knobs: dict[str, Leaf], count: int, expected: dict[str, tuple[int, int, int]]) -> None:
    specs = {**limits(**knobs), **many(20)}
    assert tripped(specs, changed(specs, count, incoming="none")) == expected


@pytest.mark.parametrize(
    ("before", "now", "stands"),
    [
        ({"bulkDelete__count": 3}, {"bulkDelete__count": 100}, 3),
        ({}, {"bulkDelete__percent": 100}, 3),
        ({"bulkDelete__count": 100}, {"bulkDelete__count": 2}, 2),
        ({"bulkDelete__count": 100}, {"bulkDelete__count": None}, 3),
        ({"bulkDelete__count": 100}, {"bulkDelete__count": 200}, None),
    ],
)
def test_no_change_loosens_the_brakes_it_is_measured_by(before: dict[str, Leaf], now: dict[str, Leaf], stands: int | None) -> None:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    specs: Specs = {"Environment/test": {"target.type": "memory"}, **many(20)}
    old = {path: leaf for part in limits(**before).values() for path, leaf in part.items()}
    new = {path: leaf for part in limits(**now).values() for path, leaf in part.items()}
    bench.apply(estate({**specs, "Environment/test": {**specs["Environment/test"], **old}}))
    after = {**changed(specs, 8, incoming="none"), "Environment/test": {**specs["Environment/test"], **new}}
    plan = bench.plan(estate(after))
    assert [brake.limit for brake in plan.brakes if brake.name == "bulk-delete"] == ([] if stands is None else [stands])
    raised = stands == 3 and now["bulkDelete__" + ("percent" if not before else "count")] is not None
    assert any("apply that first with --only Environment" in brake.knob for brake in plan.brakes) == raised


def test_the_limit_of_updates_is_set_too() -> None:
    specs = {**limits(bulkUpdate__count=2, bulkUpdate__percent=0), **many(20)}
    assert tripped(specs, changed(specs, 2, filter="all")) == {}
    (brake,) = planned(specs, changed(specs, 3, filter="all")).brakes
    assert (brake.name, brake.knob, brake.scope) == (
        "bulk-update",
        "spec.brakes.bulkUpdate of Environment/test",
        "what is ours on target memory",
    )


def test_each_brake_names_its_number_knob_and_scope() -> None:
    specs = many(20)
    specs["EmailServerProfile/contoso"] = profile(
        incoming__credentials="profile", incoming__username="crm", incoming__useImpersonation=True
    )
    seen = {}
    floored = changed(specs, 1, processEmailFrom="2026-06-01T00:00:00Z")
    for before, after in (
        (specs, without(specs, 4)),
        ({**specs, **many(25)}, changed({**specs, **many(25)}, 21, filter="all")),
        (specs, without(specs, 20)),
        (floored, changed(floored, 1, processEmailFrom="2026-01-01T00:00:00Z")),
        (specs, {key: spec for key, spec in specs.items() if key != "EmailServerProfile/contoso" or not spec}),
        (specs, {**specs, "EmailServerProfile/contoso": {**specs["EmailServerProfile/contoso"], "incoming.username": "other"}}),
        ({"Environment/dev": {"target.type": "engine"}}, {"Environment/dev": {"target.type": "engine", "retention.mail": "9d"}}),
        (specs, {**specs, "Organization/contoso": {"linkedItems.oneMailingAddress": False}}),
    ):
        bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
        bench.apply(estate(before))
        for brake in bench.plan(estate(after)).brakes:
            seen[brake.name] = brake
    assert seen.keys() == BRAKES.keys()
    for brake in seen.values():
        assert brake.message
        assert brake.count > brake.limit
        assert brake.knob
        assert brake.scope
        assert brake.keys


IMPERSONATING: Specs = {
    "EmailServerProfile/contoso": profile(
        incoming__credentials="profile",
        incoming__username="crm@contoso.example",
        incoming__useImpersonation=True,
        outgoing__username="send@contoso.example",
    )
}


@pytest.mark.parametrize(
    ("leaves", "stands"),
    [
        ({"incoming.username": "other@contoso.example"}, True),
        ({"incoming.username": "CRM@contoso.example"}, False),
        ({"incoming.password.ref": "env:NEXT", "incoming.password.generation": 2}, False),
        ({"incoming.useImpersonation": False}, False),
        ({"incoming.useImpersonation": False, "incoming.username": "other@contoso.example"}, False),
        ({"outgoing.username": "other@contoso.example"}, False),
        ({"incoming.credentials": "entra-oauth", "oauth.clientId": "app-2"}, True),
        ({"description": "x"}, False),
    ],
)
def test_another_account_behind_impersonation(leaves: dict[str, Leaf], stands: bool) -> None:
    before = {**IMPERSONATING, "Mailbox/m": mailbox("m@contoso.example")}
    after = {**before, "EmailServerProfile/contoso": {**before["EmailServerProfile/contoso"], **leaves}}
    brakes = planned(before, after).brakes
    assert [brake.name for brake in brakes] == (["impersonating-account-changed"] if stands else [])
    if stands:
        assert (brakes[0].count, brakes[0].of, str(brakes[0].keys[0])) == (1, 1, "EmailServerProfile/contoso")


@pytest.mark.parametrize(
    ("before", "after", "stands"),
    [
        (None, "730d", True),
        ("730d", "729d", True),
        ("1d12h", "35h", True),
        ("730d", "730d", False),
        ("9d", "10d", False),
        ("730d", None, False),
    ],
)
@pytest.mark.parametrize("what", ["mail", "outgoing"])
def test_mail_that_is_kept_is_not_purged_by_a_shorter_retention(before: str | None, after: str | None, stands: bool, what: str) -> None:
    def specs(span: str | None) -> Specs:
        return {**many(1), "Environment/dev": {"target.type": "engine", **({f"retention.{what}": span} if span else {})}}

    assert tripped(specs(before), specs(after)) == ({"retention-shortened": (1, 1, 0)} if stands else {})


def test_an_application_and_a_sender_of_their_own_are_accounts_too() -> None:
    own = {"useSameSettingsForOutgoing": False, "outgoing.credentials": "entra-oauth", "outgoing.useImpersonation": True}
    before: Specs = {"EmailServerProfile/contoso": {**profile(), **own, "oauth.clientId": "app-1"}}
    after: Specs = {"EmailServerProfile/contoso": {**before["EmailServerProfile/contoso"], "oauth.clientId": "app-2"}}
    assert [brake.name for brake in planned(before, after).brakes] == ["impersonating-account-changed"]


@pytest.mark.parametrize(("on_removal", "stands"), [("delete", True), ("disable", True), ("forget", True)])
def test_a_profile_that_goes_any_way_is_missed(on_removal: str, stands: bool) -> None:
    from reconcile.model.management import Management, OnRemoval

    specs: Specs = {"EmailServerProfile/contoso": profile(), "Mailbox/stranger": mailbox("s@contoso.example")}
    target = MemoryTarget()
    Bench(writer=target, store=MemoryConfiguration()).apply(estate(specs))
    # Another inventory: the mailbox is on the target and not ours.
    target.rows = {key: row for key, row in target.rows.items() if row.kind == "Mailbox"}
    bench = Bench(writer=target, store=MemoryConfiguration())
    ours: Specs = {"EmailServerProfile/contoso": profile(), "EmailServerProfile/other": profile(displayName="Other")}
    bench.apply(estate(ours, management={"EmailServerProfile/contoso": Management(on_removal=OnRemoval(on_removal))}))
    plan = bench.plan(estate({"EmailServerProfile/other": profile(displayName="Other")}))
    assert [brake.name for brake in plan.brakes] == (["profile-in-use"] if stands else [])
    off = {**ours, "EmailServerProfile/contoso": profile(state="inactive")}
    assert [brake.name for brake in bench.plan(estate(off)).brakes] == ["profile-in-use"]


def test_nothing_lifts_all_brakes_at_once() -> None:
    with pytest.raises(SettingsError, match="no brake called 'all'"):
        check_names(["all"])


def test_an_emptied_estate_of_adopted_rows_is_noticed_too() -> None:
    target = MemoryTarget()
    Bench(writer=target, store=MemoryConfiguration()).apply(estate(many(2)))
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(estate(many(2)))
    assert [brake.name for brake in bench.plan(estate({})).brakes] == ["bulk-delete", "emptied"]


@pytest.mark.parametrize(
    ("before", "after", "stands"),
    [
        (None, {"linkedItems.oneMailingAddress": False}, True),
        ({}, {"linkedItems.oneMailingAddress": False}, True),
        ({"linkedItems.oneMailingAddress": True}, {"linkedItems.oneMailingAddress": False}, True),
        ({"linkedItems.oneMailingAddress": False}, {"linkedItems.oneMailingAddress": False}, False),
        ({"linkedItems.oneMailingAddress": False}, {"linkedItems.oneMailingAddress": True}, False),
        ({"linkedItems.oneMailingAddress": False}, {"linkedItems.oneMailingAddress": None}, False),
        (None, {"linkedItems.oneMailingAddress": True}, False),
    ],
)
def test_three_addresses_are_a_door_of_one_way(before: dict[str, Leaf] | None, after: dict[str, Leaf], stands: bool) -> None:
    def specs(organization: dict[str, Leaf] | None) -> Specs:
        return {**many(1), **({"Organization/contoso": organization} if organization is not None else {})}

    applied = specs(before)
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(estate(applied), lifted=["three-addresses"])
    plan = bench.plan(estate(specs(after)))
    assert [brake.name for brake in plan.brakes] == (["three-addresses"] if stands else [])
