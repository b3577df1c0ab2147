"""Rows of the target that an assignment takes over: which, as what, and what happens to them when the assignment goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from reconcile.desired.effective import Origin, effective
from reconcile.desired.over_target import over_target
from reconcile.model.canonical import Leaf
from reconcile.model.change import Adopt, Create, Forget, HeldBecause
from reconcile.model.finding import Severity
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.management import Management, OnRemoval
from reconcile.model.observation import ObservedState, Present
from reconcile.model.resource import DesiredState
from reconcile.plan.digest import digest
from reconcile.plan.plan import make_plan
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox
from support.specs import FixedClock, estate

ASSIGNMENT = "MailboxAssignment/rows"
SELECT_ALL: Mapping[str, Leaf] = {"selector.everything": True, "selector.scope": "target", "settings.incoming": "server-side"}


def row(external_id: str, address: str | None, *, name: str | None = None, **more: Leaf) -> Present:
    spec: dict[str, Leaf] = {"type": "queue", **({} if address is None else {"emailAddress": address}), **more}
    return Present(kind="Mailbox", external_id=external_id, spec=spec, version="1", name=name)


def observed(*rows: Present, **more: object) -> ObservedState:
    return replace(ObservedState(target="memory", rows=rows), **more)  # type: ignore[arg-type]


def desired(more: Mapping[str, Mapping[str, Leaf]] | None = None, **assignment: Leaf) -> DesiredState:
    rows = {**SELECT_ALL, **{path.replace("_", "."): leaf for path, leaf in assignment.items()}}
    return estate({"Environment/test": {}, "EmailServerProfile/contoso": {}, ASSIGNMENT: rows, **(more or {})})


def entry(name: str, external_id: str, on_removal: OnRemoval | None = OnRemoval.FORGET) -> tuple[Key, InventoryEntry]:
    key = Key("Mailbox", name)
    return key, InventoryEntry(key=key, external_id=external_id, applied={}, source_file="a.yaml", on_removal=on_removal)


def taken(state: DesiredState) -> dict[str, str]:
    return {key.name: one.external_id for key, one in state.resources.items() if one.external_id is not None}


def test_a_row_becomes_a_resource_of_what_the_assignment_gives() -> None:
    found = over_target(desired(settings_profile="contoso"), observed(row("r1", "Sales.South@contoso.example")), {})
    key = Key("Mailbox", "sales-south")
    resource = found.resources[key]
    assert resource.spec == {"emailAddress": "Sales.South@contoso.example", "incoming": "server-side", "profile": "contoso"}
    assert resource.assigned == {"incoming": Key.parse(ASSIGNMENT), "profile": Key.parse(ASSIGNMENT)}
    assert resource.external_id == "r1"
    assert resource.references == (Key("EmailServerProfile", "contoso"),)
    assert resource.management.on_removal is OnRemoval.FORGET
    assert found.locate(key, "incoming") == found.locate(Key.parse(ASSIGNMENT), "settings.incoming")
    # Nothing that counts on create only: the row is there.
    assert [one.origin for one in effective(found, key)] == [Origin.TARGET, Origin.ASSIGNMENT, Origin.ASSIGNMENT]


@pytest.mark.parametrize(
    ("why", "rows", "expected"),
    [
        ("collisions", [row("r1", "sales@contoso.example"), row("r2", "sales@fabrikam.example")], {"sales": "r1", "sales-fabrikam": "r2"}),
        ("name on the target", [row("r1", "sales@contoso.example", name="verkauf")], {"verkauf": "r1"}),
        ("made by the platform", [row("r1", "sales@contoso.example")._replace(built_in=True)], {}),
        ("declared, case aside", [row("r1", "DECLARED@contoso.example")], {}),
        ("declared under this name", [row("r1", "other@contoso.example", name="declared")], {}),
    ],
)
def test_which_rows_and_what_they_are_called(why: str, rows: Sequence[Present], expected: Mapping[str, str]) -> None:
    state = desired({"Mailbox/declared": {"emailAddress": "declared@contoso.example"}})
    found = taken(over_target(state, observed(*rows), {}))
    assert found == expected
    assert found == taken(over_target(state, observed(*reversed(rows)), {}))


def test_a_row_without_an_address_is_called_by_its_id() -> None:
    found = over_target(desired(), observed(row("r1", None), row("r2", None)), {})
    assert sorted(taken(found).values()) == ["r1", "r2"]
    assert taken(found) == taken(over_target(desired(), observed(row("r2", None), row("r1", None)), {}))


def test_a_row_of_ours_keeps_its_key_whoever_comes() -> None:
    inventory = dict([entry("sales", "r2")])
    rows = (row("r1", "sales@contoso.example"), row("r2", "sales@fabrikam.example"))
    assert taken(over_target(desired(), observed(*rows), inventory)) == {"sales": "r2", "sales-contoso": "r1"}


@pytest.mark.parametrize("policy", [None, OnRemoval.DISABLE, OnRemoval.DELETE])
def test_a_row_whose_document_left_git_is_not_caught(policy: OnRemoval | None) -> None:
    inventory = dict([entry("sales", "r1", policy)])
    assert taken(over_target(desired(), observed(row("r1", "sales@contoso.example")), inventory)) == {}


def test_a_renamed_document_keeps_its_row() -> None:
    state = desired({"Mailbox/new": {"emailAddress": "new@contoso.example"}})
    new = Key("Mailbox", "new")
    moved = state.resources[new]._replace(management=Management(moved_from="old"))
    state = replace(state, resources={**state.resources, new: moved})
    assert taken(over_target(state, observed(row("r1", "old@contoso.example")), dict([entry("old", "r1")]))) == {}


def test_selectors_look_at_what_the_target_shows() -> None:
    rows = [
        row("r1", "a@contoso.example")._replace(attributes={"businessUnit": "Süd", "group": "field, desk"}),
        row("r2", "b@contoso.example")._replace(attributes={"businessUnit": "Nord", "group": "field"}),
        row("r3", "c@fabrikam.example", type="user"),
    ]

    def selected(**conditions: Leaf) -> set[str]:
        spec = {"selector.scope": "both", "settings.filter": "all", **{f"selector.{name}": leaf for name, leaf in conditions.items()}}
        state = estate({"Environment/test": {}, ASSIGNMENT: spec})
        return set(taken(over_target(state, observed(*rows), {})).values())

    assert selected(businessUnits=("SÜD",)) == {"r1"}
    assert selected(groups=("Field",)) == {"r1", "r2"}
    assert selected(groups=("desk",)) == {"r1"}
    assert selected(types=("user",)) == {"r3"}
    assert selected(domains=("contoso.example",), names=("b", "c")) == {"r2"}
    assert selected(names=("*@fabrikam.*",)) == {"r3"}


def test_declared_scope_takes_nothing_over() -> None:
    state = desired(selector_scope="declared")
    assert over_target(state, observed(row("r1", "sales@contoso.example")), {}) is state


def test_what_could_not_be_read_is_not_taken() -> None:
    state = desired()
    seen = observed(unknown_rows={"r1": "refused"})
    assert over_target(state, seen, {}) is state
    part = observed(row("r1", "sales@contoso.example"), row("r2", "old@contoso.example"), unknown_kinds={"Mailbox": "page 2 failed"})
    assert taken(over_target(state, part, dict([entry("old", "r2")]))) == {"old": "r2"}


def test_contradictions_are_said_once_and_hold_the_rows() -> None:
    second = {"MailboxAssignment/zone": {**SELECT_ALL, "settings.incoming": "none"}}
    rows = [row(f"r{number}", f"m{number}@contoso.example") for number in range(5)]
    found = over_target(desired(second), observed(*rows), {})
    assert taken(found) == {}
    assert len(found.held) == 5
    assert [(one.rule, one.resource) for one in found.findings] == [
        ("assignment/conflict", Key("MailboxAssignment", "rows")),
        ("assignment/conflict", Key("MailboxAssignment", "zone")),
    ]
    assert "Mailbox/m0, Mailbox/m1, Mailbox/m2 and 2 more" in found.findings[0].message
    assert found.findings[0].related == (found.findings[1].position,)
    assert all(one.severity is Severity.ERROR for one in found.findings)


def test_what_the_type_of_the_row_cannot_have_holds_it() -> None:
    state = desired(settings_appointmentsContactsTasks="server-side")
    found = over_target(state, observed(row("r1", "q@contoso.example"), row("r2", "u@contoso.example", type="user")), {})
    assert taken(found) == {"u": "r2"}
    assert list(found.held) == [Key("Mailbox", "q")]
    assert [one.rule for one in found.findings] == ["assignment/impossible"]


def test_errors_elsewhere_leave_the_target_alone() -> None:
    rows = observed(row("r1", "new@contoso.example"), row("r2", "ours@contoso.example"))
    ours = dict([entry("ours", "r2")])
    # A bad file may declare the new one; ours was taken over before and stays.
    found = over_target(replace(desired(), held_files={"m.yaml": "bad"}), rows, ours)
    assert taken(found) == {"ours": "r2"}
    assert found.held == {Key("Mailbox", "new"): "m.yaml has errors and may declare it"}
    # A bad assignment may mean both, also when it is the only one.
    for state in (desired(), estate({"Environment/test": {}})):
        found = over_target(replace(state, doubts=("MailboxAssignment/x has errors",)), rows, ours)
        assert taken(found) == {}
        assert found.held[Key("Mailbox", "ours")] == "MailboxAssignment/x has errors"


def test_rows_are_told_apart_by_their_id_alone() -> None:
    seen = observed(row("r1", "twice@contoso.example"), row("r2", "twice@contoso.example"), row("r3", None))
    plan = make_plan(over_target(desired(), seen, {}), seen, {}, ("Mailbox",))
    assert sorted(change.external_id for change in plan.changes if isinstance(change, Adopt)) == ["r1", "r2", "r3"]
    assert plan.held == ()


class _WithUnits(MemoryTarget):
    """Rows belong to business units by the domain of their address."""

    def observe(self) -> ObservedState:
        seen = super().observe()
        rows = (one._replace(attributes={"businessUnit": str(one.spec.get("emailAddress", "")).partition("@")[2]}) for one in seen.rows)
        return replace(seen, rows=tuple(rows), target="memory")


def _loaded(*more: str) -> DesiredState:
    state = load_texts({"e.yaml": ENVIRONMENT, "p.yaml": PROFILE, **{f"{number}.yaml": text for number, text in enumerate(more)}}).desired
    assert state is not None
    return state


RULE = """apiVersion: reconcile/v1alpha2
kind: MailboxAssignment
metadata: {name: fabrikam}
spec:
  selector: {businessUnits: [fabrikam.example], scope: both}
  settings: {profile: contoso, incoming: server-side}
"""


def test_rows_are_adopted_kept_and_forgotten_again() -> None:
    clock = FixedClock()
    target = _WithUnits()
    for number, address in enumerate(("a@fabrikam.example", "b@contoso.example")):
        change = Create(key=Key("Mailbox", f"row-{number}"), spec={"emailAddress": address, "type": "queue"}, cause=None)  # type: ignore[arg-type]
        target.write(change, token=f"outside-{number}", secrets={}, origins={})
    bench = Bench(writer=target, store=MemoryConfiguration(), clock=clock)
    declared = mailbox("declared")

    plan = bench.plan(_loaded(RULE, declared))
    adopted = [change for change in plan.changes if isinstance(change, Adopt)]
    assert [(change.key.name, change.external_id) for change in adopted] == [("row-0", "outside-0")]
    assert {item.path: (item.after, item.cause.position.file) for item in adopted[0].fields if item.cause.position} == {
        "profile": ("contoso", "0.yaml"),
        "incoming": ("server-side", "0.yaml"),
    }
    assert plan.digest == digest(plan.target, plan.organization_id, plan.changes)
    bench.apply(_loaded(RULE, declared))
    assert bench.plan(_loaded(RULE, declared)).changes == ()
    assert target.rows["outside-0"].spec["profile"] == "contoso"
    assert "profile" not in target.rows["outside-1"].spec

    # A broken assignment changes nothing, and says why.
    broken = bench.plan(_loaded(RULE.replace("server-side", "sometimes"), declared))
    assert broken.changes == ()
    assert {held.key.name: held.because for held in broken.held if held.key.kind == "Mailbox"} == {"row-0": HeldBecause.FINDING}

    # Without it the row is forgotten, and stays as it is.
    gone = bench.plan(_loaded(declared))
    assert [type(change) for change in gone.changes] == [Forget]
    bench.apply(_loaded(declared))
    assert target.rows["outside-0"].spec["profile"] == "contoso"
    assert bench.plan(_loaded(declared)).changes == ()
