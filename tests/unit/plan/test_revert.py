"""A commit taken back in today's desired state: three-way, field by field."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.key import Key
from reconcile.model.management import Management
from reconcile.model.resource import DesiredState
from reconcile.plan.revert import Reverted, revert
from support.specs import Specs, estate, mailbox, profile

ONE = Key("Mailbox", "one")


def taken_back(before: Specs, after: Specs, today: Specs) -> Reverted:
    with_profile = [{"EmailServerProfile/contoso": profile(), **specs} for specs in (before, after, today)]
    return revert(*(estate(specs) for specs in with_profile), commit="3f2a91c")


def specs(desired: DesiredState) -> dict[str, Mapping[str, Leaf]]:
    return {str(key): resource.spec for key, resource in desired.resources.items() if key.kind == "Mailbox"}


def box(**leaves: Leaf) -> dict[str, Leaf]:
    return mailbox("one@contoso.example", **leaves)


def without(spec: Mapping[str, Leaf], path: str) -> dict[str, Leaf]:
    return {name: leaf for name, leaf in spec.items() if name != path}


@pytest.mark.parametrize(
    ("before", "after", "today", "expected", "paths"),
    [
        # as the commit left it: what was before comes back
        (box(), box(incoming="none"), box(incoming="none"), box(), {"incoming"}),
        # other fields changed since are kept
        (box(), box(incoming="none"), box(incoming="none", outgoing="none"), box(outgoing="none"), {"incoming"}),
        # taken back by hand already
        (box(), box(incoming="none"), box(outgoing="none"), box(outgoing="none"), None),
        # a line was added: its default comes back, and null where there is none
        (without(box(), "outgoing"), box(), box(), box(outgoing="none"), {"outgoing"}),
        (box(), box(filter="all"), box(filter="all"), box(filter=None), {"filter"}),
        # a line was removed: it is declared again
        (box(), without(box(), "incoming"), without(box(), "incoming"), box(), {"incoming"}),
        # nothing of it changed
        (box(), box(), box(incoming="none"), box(incoming="none"), None),
    ],
)
def test_a_changed_field(
    before: dict[str, Leaf], after: dict[str, Leaf], today: dict[str, Leaf], expected: dict[str, Leaf], paths: set[str] | None
) -> None:
    found = taken_back({"Mailbox/one": before}, {"Mailbox/one": after}, {"Mailbox/one": today})
    assert specs(found.desired) == {"Mailbox/one": dict(sorted(expected.items())) if paths else expected}
    assert found.touched == ({ONE: frozenset(paths)} if paths else {})
    assert found.desired.held == {}


def test_what_was_changed_again_since_is_held_whole_with_all_values() -> None:
    before, after = box(), box(incoming="none", outgoing="none")
    found = taken_back({"Mailbox/one": before}, {"Mailbox/one": after}, {"Mailbox/one": {**after, "incoming": "forward-mailbox"}})
    assert ONE not in found.desired.resources
    assert found.desired.held == {
        ONE: 'changed again since commit 3f2a91c, decide by hand: incoming was "server-side", the commit made it "none", today it is "forward-mailbox"'
    }
    assert found.touched == {}


def test_what_it_declared_first_goes_unless_it_was_changed_since_or_is_needed() -> None:
    new = {"Mailbox/one": box()}
    assert specs(taken_back({}, new, new).desired) == {}
    assert taken_back({}, new, new).touched == {ONE: frozenset({""})}
    assert taken_back({}, new, {}).touched == {}
    changed = taken_back({}, new, {"Mailbox/one": box(outgoing="none")})
    assert 'outgoing was "server-side", today it is "none"' in changed.desired.held[ONE]
    # A profile that came with the commit, and a mailbox that moved onto it later.
    profiles = {"EmailServerProfile/contoso": profile(), "EmailServerProfile/new": profile(displayName="New")}
    needed = revert(estate({}), estate(profiles), estate({**profiles, "Mailbox/one": box(profile="new")}), commit="c")
    key = Key("EmailServerProfile", "new")
    assert needed.desired.held == {key: "Mailbox/one needs EmailServerProfile/new today, so it cannot be taken back"}
    assert Key("EmailServerProfile", "contoso") in needed.touched
    assert ONE in needed.desired.resources


def test_what_it_removed_comes_back_unless_something_else_took_its_place() -> None:
    old = {"Mailbox/one": box()}
    found = taken_back(old, {}, {})
    assert (specs(found.desired), found.touched, found.restored) == (old, {ONE: frozenset({""})}, {ONE})
    assert found.desired.locate(ONE, "") == estate(old).locate(ONE, "")
    again = taken_back(old, {}, {"Mailbox/one": box(outgoing="none")})
    assert (again.touched, [note.message for note in again.notes]) == (
        {},
        ["commit 3f2a91c removed it, and it is declared again today: nothing to take back"],
    )
    taken = taken_back(old, {}, {"Mailbox/two": box()})
    assert taken.desired.held == {ONE: "commit 3f2a91c removed it, and Mailbox/two has its one@contoso.example today"}
    homeless = revert(
        estate({"EmailServerProfile/gone": profile(), "Mailbox/one": box(profile="gone")}),
        estate({"EmailServerProfile/gone": profile()}),
        estate({}),
        commit="c",
    )
    assert homeless.desired.held == {ONE: "as it was before commit c it needs EmailServerProfile/gone, which is not declared today"}


def test_a_renamed_one_gets_its_name_back_and_keeps_what_came_later() -> None:
    found = taken_back(
        {"Mailbox/one": box()}, {"Mailbox/two": box(incoming="none")}, {"Mailbox/two": box(incoming="none", outgoing="none")}
    )
    assert specs(found.desired) == {"Mailbox/one": dict(sorted(box(outgoing="none").items()))}
    assert found.names == {ONE: Key("Mailbox", "two")}
    assert found.desired.resources[ONE].management.moved_from == "two"

    # Profile and mailboxes renamed together, and one more mailbox since.
    def world(name: str, *boxes: str) -> DesiredState:
        return estate(
            {
                f"EmailServerProfile/{name}": profile(),
                **{f"Mailbox/{one}": mailbox(f"{one}@contoso.example", profile=name) for one in boxes},
            }
        )

    both = revert(world("a", "x"), world("b", "x"), world("b", "x"), commit="c")
    assert {str(key) for key in both.desired.resources} == {"EmailServerProfile/a", "Mailbox/x"}
    assert (both.desired.resources[Key("Mailbox", "x")].spec["profile"], both.desired.held) == ("a", {})
    later = revert(world("a", "x"), world("b", "x"), world("b", "x", "y"), commit="c")
    assert "Mailbox/y needs EmailServerProfile/b today" in later.desired.held[Key("EmailServerProfile", "a")]
    assert later.touched == {}
    assert all(other in later.desired.resources for resource in later.desired.resources.values() for other in resource.references)


def test_what_was_unreadable_then_is_held_and_nothing_is_taken_for_new() -> None:
    new = {"Mailbox/one": box(), "Mailbox/two": mailbox("two@contoso.example")}
    held = revert(
        estate({}, held={"Mailbox/one": "a.yaml:3: bad"}, held_files={"a.yaml": "a.yaml:3: bad"}), estate(new), estate(new), commit="c"
    )
    assert {str(key) for key in held.desired.held} == {"Mailbox/one", "Mailbox/two"}
    assert held.touched == {}


def test_management_goes_back_as_a_whole() -> None:
    def with_management(management: Management) -> DesiredState:
        made = estate({"EmailServerProfile/contoso": profile(), "Mailbox/one": box()})
        from dataclasses import replace

        return replace(
            made, resources={key: one._replace(management=management) if key == ONE else one for key, one in made.resources.items()}
        )

    plain, protected, other = Management(), Management(protected=True), Management(ignored=("incoming",))
    back = revert(with_management(plain), with_management(protected), with_management(protected), commit="c")
    assert (back.desired.resources[ONE].management, back.touched) == (plain, {ONE: frozenset({"management"})})
    assert (
        "management was changed by the commit and again since"
        in revert(with_management(plain), with_management(protected), with_management(other), commit="c").desired.held[ONE]
    )


def test_taking_back_and_making_again_is_where_it_began() -> None:
    before = {"Mailbox/one": box(), "Mailbox/gone": mailbox("gone@contoso.example")}
    after = {"Mailbox/one": box(incoming="none"), "Mailbox/new": mailbox("new@contoso.example")}
    assert specs(taken_back(before, after, after).desired) == {
        name: dict(sorted(spec.items())) if name == "Mailbox/one" else spec for name, spec in before.items()
    }
