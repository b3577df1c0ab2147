"""Waivers: whose findings, until when, whose word counts, and what is said about the waivers themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.waiver import Waiver, WaiverSelector, WaiverSpec
from reconcile.policy.waivers import DeclaredWaiver, Terms, Waivers, fits

TODAY = datetime(2026, 11, 22, tzinfo=UTC)
SALES = Key("Mailbox", "sales")
LABELS: Mapping[Key, Mapping[str, str]] = {SALES: {"team": "sales"}}


def finding(rule: str = "tls-required", about: Key | None = SALES) -> Finding:
    return Finding(rule=rule, severity=Severity.ERROR, message="m", position=Position("a.yaml", 3, 1), resource=about, path="incoming.tls")


def waiver(name: str = "legacy", *, doubt: str = "", **changes: Any) -> DeclaredWaiver:
    document = {
        "apiVersion": "reconcile/v1alpha2",
        "kind": "Waiver",
        "metadata": {"name": name},
        "spec": {
            "rules": ["tls-required"],
            "selector": {"names": ["sal*"]},
            "reason": "the old appliance goes in March",
            "approver": "security@contoso.example",
            "expires": "2027-03-31",
            **changes,
        },
    }
    spec: WaiverSpec = Waiver.model_validate(document, context={"time_zone": "UTC"}).spec
    return DeclaredWaiver(name=name, spec=spec, locate=lambda path: Position(f"{name}.yaml", len(path)), doubt=doubt)


def terms(**changes: Any) -> Terms:
    values: dict[str, Any] = {"today": TODAY, "waivable": {"tls-required": True, "never": False}, **changes}
    return Terms(**values)


def accepted(one: DeclaredWaiver, *findings: Finding, environment: str = "prod", **changes: Any) -> list[bool]:
    waivers = Waivers([one], terms(**changes))
    return [not found.counts for found in waivers.accept(environment, findings, lambda key: LABELS.get(key, {}))]


@pytest.mark.parametrize(
    ("name", "changes", "around", "expected"),
    [
        ("fits", {}, {}, True),
        ("another rule", {"rules": ["other"]}, {"waivable": {"other": True, "tls-required": True}}, False),
        ("another name", {"selector": {"names": ["x*"]}}, {}, False),
        ("label", {"selector": {"labels": {"team": "sales"}}}, {}, True),
        ("another label", {"selector": {"labels": {"team": "it"}}}, {}, False),
        ("kind and name", {"selector": {"kinds": ["EmailServerProfile"], "names": ["sales"]}}, {}, False),
        ("everything", {"selector": {"everything": True}}, {}, True),
        ("another environment", {"environments": ["test"]}, {}, False),
        ("this environment", {"environments": ["prod"]}, {}, True),
        ("ended this instant", {"expires": "2026-11-22"}, {}, False),
        ("ends a second later", {"expires": "2026-11-22T00:00:01Z"}, {}, True),
        ("rule that cannot be waived", {}, {"waivable": {"tls-required": False}}, False),
        ("unknown rule", {}, {"waivable": {}}, False),
        ("known approver", {}, {"approvers": frozenset({"security@contoso.example"})}, True),
        ("unknown approver", {}, {"approvers": frozenset({"it@contoso.example"})}, False),
        ("nobody may approve", {}, {"approvers": frozenset()}, False),
        ("only a name in the file", {"doubt": "its commit is not signed"}, {}, False),
        ("runs as long as it may", {"expires": "2027-11-23"}, {}, True),
        ("runs longer than it may", {"expires": "2027-11-23T00:00:01Z"}, {}, False),
        ("runs longer than the settings say", {}, {"maximum_days": 30}, False),
    ],
)
def test_what_a_waiver_accepts(name: str, changes: dict[str, Any], around: dict[str, Any], expected: bool) -> None:
    assert accepted(waiver(**changes), finding(), **around) == [expected], name


def test_a_finding_about_no_resource_is_never_accepted() -> None:
    assert accepted(waiver(selector={"everything": True}), finding(about=None)) == [False]


def test_the_waiver_that_ends_last_is_named() -> None:
    waivers = Waivers([waiver("a", expires="2027-01-01"), waiver("b", expires="2027-06-01")], terms())
    (found,) = waivers.accept("prod", [finding()], lambda key: {})
    assert found.accepted is not None
    assert (found.accepted.name, found.accepted.until) == ("b", datetime(2027, 6, 1, tzinfo=UTC))
    assert [*waivers.remarks()] == [], "the shorter one is used as well"


def said(one: DeclaredWaiver, *findings: Finding, environments: tuple[str, ...] = ("prod",), **changes: Any) -> list[tuple[str, str, str]]:
    waivers = Waivers([one], terms(**changes))
    for environment in environments:
        waivers.accept(environment, findings, lambda key: {})
    return [(found.rule, str(found.severity), found.path) for found in waivers.remarks()]


@pytest.mark.parametrize(
    ("name", "changes", "around", "expected"),
    [
        ("used", {}, {}, []),
        ("unused", {"selector": {"names": ["x"]}}, {}, [("waiver/unused", "warning", "spec.selector")]),
        ("of an environment nobody looked at", {"environments": ["test"]}, {}, []),
        ("ended", {"expires": "2026-01-01"}, {}, [("waiver/expired", "warning", "spec.expires")]),
        ("ends in 30 days", {"expires": "2026-12-22"}, {}, [("waiver/expires-soon", "information", "spec.expires")]),
        ("ends in 31 days", {"expires": "2026-12-22T00:00:01Z"}, {}, []),
        ("no warning wanted", {"expires": "2026-11-23"}, {"warning_days": 0}, []),
        ("unknown rule", {"rules": ["tls-required", "typo"]}, {}, [("waiver/unknown-rule", "error", "spec.rules.1")]),
        ("not waivable", {"rules": ["never", "tls-required"]}, {}, [("waiver/not-waivable", "error", "spec.rules.0")]),
        ("unknown approver", {}, {"approvers": frozenset({"x"})}, [("waiver/unknown-approver", "error", "spec.approver")]),
        ("no proof", {"doubt": "x"}, {}, [("waiver/unproved-approver", "error", "spec.approver")]),
        ("no proof, and ended", {"doubt": "x", "expires": "2026-01-01"}, {}, [("waiver/expired", "warning", "spec.expires")]),
        ("for ever", {"expires": "9999-12-31"}, {}, [("waiver/too-long", "error", "spec.expires")]),
    ],
)
def test_what_is_said_about_a_waiver(
    name: str, changes: dict[str, Any], around: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    assert said(waiver(**changes), finding(), **around) == expected, name


def test_used_in_one_of_two_environments_is_used() -> None:
    waivers = Waivers([waiver()], terms())
    waivers.accept("test", [], lambda key: {})
    waivers.accept("prod", [finding()], lambda key: {})
    assert [*waivers.remarks()] == []


def test_remaining_days_are_counted_up() -> None:
    one = waiver(expires=(TODAY + timedelta(hours=30)).isoformat())
    waivers = Waivers([one], terms())
    waivers.accept("prod", [finding()], lambda key: {})
    (soon,) = waivers.remarks()
    assert "in 2 days" in soon.message
    assert soon.position == Position("legacy.yaml", len("spec.expires"))


def test_the_end_is_never_said_as_another_day_than_the_written_one() -> None:
    waivers = Waivers([waiver(expires="2026-12-10T00:00:00+01:00")], terms())
    waivers.accept("prod", [finding()], lambda key: {})
    (soon,) = waivers.remarks()
    assert "ends on 2026-12-09 23:00 UTC, in 18 days" in soon.message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tls-requird", "did you mean tls-required?"),
        ("own", "`reconcile policy list` shows all; a rule with errors is left out until it is mended"),
    ],
)
def test_an_unknown_rule_is_told_with_what_it_may_be(name: str, hint: str) -> None:
    waivers = Waivers([waiver(rules=[name])], terms())
    waivers.accept("prod", [finding()], lambda key: {})
    assert [one.hint for one in waivers.remarks()] == [hint]


def test_who_may_approve_is_named() -> None:
    waivers = Waivers([waiver()], terms(approvers=frozenset(f"approver-{number}" for number in range(9))))
    waivers.accept("prod", [finding()], lambda key: {})
    (unknown,) = waivers.remarks()
    assert unknown.hint == "name one of them: approver-0, approver-1, approver-2, approver-3, approver-4, approver-5 …"


@pytest.mark.parametrize(("pattern", "fitting"), [("sales", True), ("SALES", False), ("s?les", True), ("*", True), ("", False)])
def test_names_are_compared_as_slugs(pattern: str, fitting: bool) -> None:
    assert fits(WaiverSelector.model_construct(names=(pattern,)), SALES, {}) is fitting


@given(
    names=st.lists(st.sampled_from(["sales", "s*", "s?les", "[s]ales", "info", "SALES"]), max_size=3),
    days=st.lists(st.integers(1, 300), min_size=1, max_size=6),
)
def test_waivers_that_name_resources_are_found_like_all_others(names: list[str], days: list[int]) -> None:
    """Whatever the selector, the one that ends last of those that fit is named, and all that fit are used."""
    selector: dict[str, object] = {"names": names} if names else {"everything": True}
    several = [
        waiver(f"w{number}", expires=(TODAY + timedelta(days=day)).isoformat(), selector=selector if number % 2 else {"everything": True})
        for number, day in enumerate(days)
    ]
    run = Waivers(several, terms())
    (found,) = run.accept("prod", [finding()], lambda key: {})
    fitting = [one for one in several if fits(one.spec.selector, SALES, {})]
    expected = min(fitting, key=lambda one: (-one.spec.expires.timestamp(), one.name))
    assert found.accepted is not None
    assert found.accepted.name == expected.name
    assert run.used == {one.id for one in fitting}


def test_a_thousand_waivers_by_name_cost_no_thousand_comparisons_each() -> None:
    names = [f"m{number}" for number in range(1000)]
    run = Waivers([waiver(name, selector={"names": [name]}) for name in names], terms())
    findings = [finding(about=Key("Mailbox", f"m{number % 2000}")) for number in range(20_000)]
    before = time.process_time()
    marked = run.accept("prod", findings, lambda key: {})
    assert sum(not one.counts for one in marked) == 10_000
    assert time.process_time() - before < 2.0


def test_thousands_of_waivers_by_pattern_cost_no_thousands_of_comparisons_each() -> None:
    """Each pattern was read anew for each finding: five thousand waivers and two thousand findings took half a minute."""
    names = [f"m{number:04d}" for number in range(3000)]
    run = Waivers([waiver(name, selector={"names": [f"{name}*", f"x{name}?", "y*"]}) for name in names], terms())
    findings = [finding(about=Key("Mailbox", f"m{number:04d}-x")) for number in range(6000)]
    before = time.process_time()
    marked = run.accept("prod", findings, lambda key: {})
    assert sum(not one.counts for one in marked) == 3_000
    assert time.process_time() - before < 2.0
