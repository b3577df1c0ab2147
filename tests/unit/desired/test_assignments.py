"""Precedence, the organization's defaults, and whom bad assignments hold. What wrong assignments are told stands in the golden cases."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from reconcile.desired.coverage import coverage
from reconcile.desired.effective import Origin, effective, layer_of
from reconcile.desired.organization_defaults import defaults_unknown, organization_defaults
from reconcile.model import kinds, mailbox
from reconcile.model.canonical import Leaf
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState, Present
from reconcile.model.resource import DesiredState
from support.assigned import document
from support.estate import ENVIRONMENT, PROFILE, load_texts

SECOND = PROFILE.replace("name: contoso", "name: second").replace("displayName: Contoso", "displayName: Second")
ORGANIZATION = document(
    "Organization",
    "contoso",
    {"defaults": {"profile": "second", "incoming": "server-side", "outgoing": "server-side", "appointmentsContactsTasks": "server-side"}},
)


def rule(name: str, settings: Mapping[str, object], *, priority: int = 0, everything: bool = False, **selector: object) -> str:
    return document(
        "MailboxAssignment",
        name,
        {"priority": priority, "selector": selector or {"everything": True}, **({"settings": settings} if settings else {})},
    )


def box(name: str = "sales", *, labels: Mapping[str, str] | None = None, **more: object) -> str:
    return document("Mailbox", name, {"emailAddress": f"{name}@contoso.example", **more}, labels)


def loaded(*texts: str, **more: str | bytes) -> DesiredState:
    files = {"e.yaml": ENVIRONMENT, "p.yaml": PROFILE, "p2.yaml": SECOND}
    files |= {f"{number}.yaml": text for number, text in enumerate(texts)}
    state = load_texts({**files, **{f"{name}.yaml": content for name, content in more.items()}}).desired
    assert state is not None
    return state


def spec_of(state: DesiredState, name: str = "sales") -> dict[str, Leaf]:
    return {path: leaf for path, leaf in state.resources[Key("Mailbox", name)].spec.items() if path != "emailAddress"}


def test_the_document_wins_also_with_null() -> None:
    given = rule("all", {"profile": "contoso", "filter": "all", "state": "inactive"})
    assert spec_of(loaded(given, box(profile=None, filter="replies"))) == {"filter": "replies", "profile": None, "state": "inactive"}


def test_an_assignment_can_clear() -> None:
    state = loaded(rule("clear", {"profile": None}, priority=1), rule("all", {"profile": "contoso"}), box())
    assert spec_of(state) == {"profile": None}
    assert state.resources[Key("Mailbox", "sales")].references == ()


def test_the_higher_priority_wins_field_by_field() -> None:
    weak = rule("weak", {"profile": "contoso", "filter": "all"}, priority=-5)
    strong = rule("strong", {"profile": "second"}, priority=5)
    state = loaded(weak, strong, box())
    assert spec_of(state) == {"filter": "all", "profile": "second"}
    assigned = state.resources[Key("Mailbox", "sales")].assigned
    assert {path: key.name for path, key in assigned.items()} == {"filter": "weak", "profile": "strong"}
    assert state.locate(Key("Mailbox", "sales"), "profile").file == "1.yaml"
    assert state.resources[Key("Mailbox", "sales")].references == (Key("EmailServerProfile", "second"),)


@pytest.mark.parametrize("owner", ["priority", "document"])
def test_equals_contradict_each_other_only_where_they_count(owner: str) -> None:
    one, two = rule("one", {"profile": "contoso"}), rule("two", {"profile": "contoso"})
    assert Key("Mailbox", "sales") in loaded(one, two, box()).held
    if owner == "priority":
        state = loaded(one, two, rule("three", {"profile": "second"}, priority=1), box())
    else:
        state = loaded(one, two, box(profile="second"))
    assert spec_of(state) == {"profile": "second"}
    assert state.findings == ()


def test_equals_with_different_fields_complete_each_other() -> None:
    state = loaded(rule("one", {"profile": "contoso"}), rule("two", {"filter": "all"}), box())
    assert spec_of(state) == {"filter": "all", "profile": "contoso"}


def test_somebody_elses_mailbox_is_given_nothing() -> None:
    theirs = json.loads(box()) | {"management": {"lifecycle": "external"}}
    state = loaded(rule("all", {"profile": "contoso"}), json.dumps(theirs))
    assert spec_of(state) == {}


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("user", {"appointmentsContactsTasks": "server-side", "incoming": "none", "outgoing": "server-side", "profile": "second"}),
        ("queue", {"incoming": "none", "outgoing": "server-side", "profile": "second"}),
        ("forward", {"incoming": "none", "profile": "second"}),
    ],
)
def test_an_assignment_hands_on_the_organizations_defaults_that_fit(owner: str, expected: Mapping[str, Leaf]) -> None:
    spec = {"selector": {"everything": True}, "settings": {"incoming": "none"}, "useOrganizationDefaults": True}
    state = loaded(document("MailboxAssignment", "defaults", spec), ORGANIZATION, box(type=owner))
    assert spec_of(state) == {**expected, "type": owner}
    key = Key("Mailbox", "sales")
    assert state.locate(key, "incoming").file == "0.yaml"
    assert state.locate(key, "profile").file == "1.yaml"
    through = {one.path: (one.by, one.through) for one in effective(state, key) if one.origin is Origin.ASSIGNMENT}
    assert through["profile"] == (Key("Organization", "contoso"), Key("MailboxAssignment", "defaults"))
    assert through["incoming"] == (Key("MailboxAssignment", "defaults"), None)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("user", {"appointmentsContactsTasks": "server-side", "outgoing": "server-side", "profile": "second"}),
        ("queue", {"outgoing": "server-side", "profile": "second"}),
        ("forward", {"profile": "second"}),
    ],
)
def test_defaults_on_create_are_those_that_fit_and_nobody_gave(owner: str, expected: Mapping[str, Leaf]) -> None:
    state = loaded(rule("all", {"incoming": "none"}), ORGANIZATION, box(type=owner))
    assert organization_defaults(state, state.resources[Key("Mailbox", "sales")]) == expected
    assert organization_defaults(state, state.resources[Key("EmailServerProfile", "contoso")]) == {}
    assert organization_defaults(loaded(box()), state.resources[Key("Mailbox", "sales")]) == {}


def test_defaults_of_a_bad_organization_are_unknown() -> None:
    state = loaded(box(), box("full", profile=None, incoming="none", outgoing="none", appointmentsContactsTasks="none"))
    sales, full = state.resources[Key("Mailbox", "sales")], state.resources[Key("Mailbox", "full")]
    assert defaults_unknown(state, sales) is None
    bad = loaded(ORGANIZATION.replace("second", "third"))
    assert "Organization/contoso" in (defaults_unknown(bad, sales) or "")
    assert defaults_unknown(bad, full) is None
    assert defaults_unknown(bad, state.resources[Key("EmailServerProfile", "contoso")]) is None
    # The inventory tells that an Organization stood in a file that cannot be read now.
    key = Key("Organization", "contoso")
    inventory = {key: InventoryEntry(key=key, external_id="o", applied={}, source_file="org.yaml")}
    gone = loaded(org="a: [")
    assert "org.yaml has errors" in (defaults_unknown(gone, sales, inventory) or "")
    assert defaults_unknown(gone, sales) is None
    assert defaults_unknown(state, sales, inventory) is None


@pytest.mark.parametrize(
    ("what", "content", "held"),
    [
        ("breaks off before an assignment", b"a: [1\n---\nkind: MailboxAssignment\n", {"assigned", "own", "without"}),
        ("in UTF-16", "kind: MailboxAssignment\n".encode("utf-16"), {"assigned", "own", "without"}),
        ("breaks off, and never speaks of assignments", b"a: [1\n---\nkind: Mailbox\n", set()),
    ],
)
def test_a_file_that_may_declare_an_assignment_holds_mailboxes(what: str, content: bytes, held: set[str]) -> None:
    state = loaded(
        rule("all", {"filter": "all"}, names=["assigned"]),
        box("assigned", profile="contoso"),
        box("own", profile="contoso"),
        box("without"),
        bad=content,
    )
    assert {key.name for key in state.held if key.kind == "Mailbox"} == held
    assert bool(state.doubts) == bool(held)


def test_of_a_file_nobody_can_read_only_the_needy_wait() -> None:
    from reconcile.desired.suspicion import of_files

    (suspect,) = of_files(["bad.yaml"], lambda file: None)
    assert suspect.holds({}, False)
    assert suspect.holds({"profile": "contoso"}, True)
    assert not suspect.holds({"profile": None}, False)


def test_only_mailboxes_that_a_bad_assignment_may_mean_wait() -> None:
    bad = rule("bad", {"profile": "contoso", "incoming": "sometimes"}, types=["queue"], labels={"team": "sales"})
    boxes = (box("a", type="queue", labels={"team": "sales"}), box("b", type="queue"), box("c", labels={"team": "sales"}))
    state = loaded(bad, *boxes)
    assert {key.name for key in state.held if key.kind == "Mailbox"} == {"a"}
    assert state.doubts == ()
    over_rows = loaded(bad.replace('"selector": {', '"selector": {"scope": "both", '), *boxes)
    assert len(over_rows.doubts) == 1


def test_problems_look_at_no_other_fields_than_they_say() -> None:
    """The answers of `misfits` are remembered by these fields."""
    some: dict[str, Leaf] = {"emailAddress": "a@b.example", "type": "queue", "incoming": "outlook", "deleteAfterProcessing": True}
    more: dict[str, Leaf] = {
        **some,
        "profile": "x",
        "state": "inactive",
        "filter": "all",
        "owner": "o",
        "processEmailFrom": "2026-01-01T00:00:00Z",
    }
    assert [*mailbox.problems(kinds.typed("Mailbox", some))] == [*mailbox.problems(kinds.typed("Mailbox", more))]
    for path in mailbox.COMBINED:
        assert path in {info.path for info in kinds.fields("Mailbox")}


def test_coverage_counts_what_counts() -> None:
    state = loaded(
        rule("weak", {"profile": "contoso", "filter": "all"}, types=["queue"]),
        rule("strong", {"profile": "second"}, priority=1, names=["a*"]),
        rule("idle", {"filter": "all"}, priority=2, domains=["nowhere.example"]),
        box("a", type="queue"),
        box("b", type="queue", profile="second"),
        box("c"),
        box("d", state="inactive"),
        box("e", incoming="sometimes"),
    )
    row = Present(kind="Mailbox", external_id="r", spec={"emailAddress": "z@contoso.example"}, version="1")
    found = coverage(state, ObservedState(target="memory", rows=(row,), unknown_rows={"r2": "refused"}), {})
    assert [(one.key.name, one.selects, one.gives, dict(one.fields)) for one in found.assignments] == [
        ("idle", 0, 0, {}),
        ("strong", 1, 1, {"profile": 1}),
        ("weak", 2, 2, {"filter": 2}),
    ]
    assert [key.name for key in found.unassigned] == ["c", "d"]
    assert [key.name for key in found.without_profile] == ["c"]
    assert found.uncovered == ("z@contoso.example",)
    assert found.unread == ("row r2: refused",)
    assert [key.name for key in found.held] == ["e"]
    assert (found.mailboxes, found.taken_over) == (4, 0)
    offline = coverage(state, None, {})
    assert offline.uncovered is None
    assert [key.name for key in coverage(loaded(ORGANIZATION, box("c")), None, {}).without_profile] == []


def test_the_inner_layer_counts() -> None:
    layers = (".", "base", "base/south", "prod")
    assert [layer_of(layers, file) for file in ("a.yaml", "base/a.yaml", "base/south/a.yaml", "prod/x/a.yaml", "products/a.yaml")] == [
        ".",
        "base",
        "base/south",
        "prod",
        ".",
    ]
    assert layer_of((), "a.yaml") == ""


def idle(*texts: str, **more: str | bytes) -> list[tuple[str, str, str]]:
    state = loaded(*texts, **more)
    return [
        (finding.severity.name, finding.message, str(finding.position))
        for finding in state.findings
        if finding.rule == "assignment/selects-nothing"
    ]


def test_a_selector_that_means_nobody_is_a_warning_and_holds_nothing() -> None:
    typo = rule("typo", {"profile": "second"}, names=["slaes"])
    good = rule("good", {"profile": "contoso"}, names=["sales"])
    state = loaded(typo, good, box())
    (finding,) = state.findings
    assert (finding.severity.name, finding.rule, finding.path) == ("WARNING", "assignment/selects-nothing", "spec.selector")
    assert finding.position.file == "0.yaml"
    assert finding.resource == Key("MailboxAssignment", "typo")
    assert (state.held, state.held_files, state.doubts) == ({}, {}, ())
    assert spec_of(state) == {"profile": "contoso"}


@pytest.mark.parametrize(
    ("selector", "warned"),
    [
        ({"labels": {"team": "slaes"}}, True),
        ({"labels": {"team": "sales"}}, False),
        ({"everything": True}, False),
        ({"scope": "target", "names": ["nobody"]}, False),
        ({"scope": "both", "names": ["nobody"]}, False),
        ({"scope": "declared", "names": ["nobody"]}, True),
        ({"scope": "declared", "names": ["sales"]}, False),
        ({"names": ["theirs"]}, True),
    ],
)
def test_whom_a_selector_may_mean(selector: dict[str, object], warned: bool) -> None:
    theirs = box("theirs").replace('"spec"', '"management": {"lifecycle": "external"}, "spec"')
    found = idle(rule("one", {"profile": "second"}, **selector), box(labels={"team": "sales"}), theirs)
    assert bool(found) is warned


def test_a_mailbox_that_needs_nothing_is_meant_all_the_same() -> None:
    """What it says itself wins; the selector is right."""
    assert idle(rule("one", {"profile": "second"}, names=["sales"]), box(profile="contoso")) == []


def test_where_documents_are_bad_the_selector_may_be_right() -> None:
    state = loaded(rule("one", {"profile": "second"}, names=["sales"]), box(incoming="nope"))
    (finding,) = [finding for finding in state.findings if finding.rule == "assignment/selects-nothing"]
    assert finding.hint.endswith("or it means one whose document has errors")


@pytest.mark.parametrize(
    ("selector", "address", "meant"),
    [
        ({"domains": ["müller.example"]}, "a@xn--mller-kva.example", True),
        ({"domains": ["XN--mller-kva.example"]}, "a@Müller.example", True),
        ({"domains": ["strasse.example"]}, "a@straße.example", False),
        ({"names": ["*@müller.example"]}, "a@xn--mller-kva.example", True),
        ({"names": ["*@MÜ*.example"]}, "a@xn--mller-kva.example", True),
        ({"names": ["*@xn--mller-kva.example"]}, "a@müller.example", True),
        ({"names": ["a@xn--*"]}, "a@müller.example", True),
        ({"names": ["*@m*ller.example"]}, "a@miller.example", True),
        ({"names": ["*@müller.example"]}, "a@muller.example", False),
        # Letters of two code points, as some editors write them.
        ({"names": ["*@mu\u0308ller.example"]}, "a@müller.example", True),
        ({"names": ["jo\u0308rg@*"]}, "JÖRG@contoso.example", True),
        ({"names": ["jörg@*"]}, "jo\u0308rg@contoso.example", True),
    ],
)
def test_a_domain_and_its_punycode_are_one_for_selectors(selector: dict[str, object], address: str, meant: bool) -> None:
    state = loaded(rule("one", {"filter": "none"}, **selector), box(emailAddress=address))
    assert ("filter" in spec_of(state)) is meant


@pytest.mark.parametrize("written", ["Vertrieb Süd", "VERTRIEB SU\u0308D"])
@pytest.mark.parametrize("field", ["businessUnit", "groups"])
def test_units_and_groups_are_one_however_their_letters_are_composed(written: str, field: str) -> None:
    fact: object = written if field == "businessUnit" else [written]
    for asked in ("Vertrieb Süd", "vertrieb su\u0308d"):
        selector = {"businessUnits": [asked]} if field == "businessUnit" else {"groups": [asked]}
        assert spec_of(loaded(rule("one", {"filter": "none"}, **selector), box(facts={field: fact})))["filter"] == "none"
