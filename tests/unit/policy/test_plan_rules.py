"""What rules over plans see of changes and of a plan, where their findings stand, and whom they ask."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconcile.model.change import BrakeTripped, Cause, Command, Forget, Moved, Plan
from reconcile.model.figures import Figures
from reconcile.model.finding import Accepted
from reconcile.model.judgement import Approved, NotApproved
from reconcile.model.key import Key
from reconcile.model.policy_rule import RuleExample
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState
from reconcile.policy import cel
from reconcile.policy.approval_asked import asked
from reconcile.policy.approvals import NotProved, Proof, Proved
from reconcile.policy.evaluate import Evaluation
from reconcile.policy.evaluate_plan import evaluate_plan
from reconcile.policy.example import read_before, read_example
from reconcile.policy.plan_world import PlanWorld
from reconcile.policy.rule import Rule, RuleBook
from reconcile.policy.variable import Type, Variable
from reconcile.policy.variables import PLAN_SUBJECTS, vocabulary
from reconcile.policy.world import MISSING, plain
from reconcile.wiring.trying import between
from support.judging import MAILBOX, PROFILE, TODAY, rule

ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: production, labels: {stage: production}}
spec: {timeZone: Europe/Berlin}
"""
OTHER = PROFILE.replace("{name: mail}", "{name: other}").replace("displayName: Mail", "displayName: Other")
INFO = MAILBOX.replace("{name: sales}", "{name: info, labels: {team: desk}}").replace("sales@", "info@")


def planned(before: Iterable[str] | None, after: Iterable[str], *, lifted: Iterable[str] = ()) -> tuple[Plan, DesiredState]:
    """From what was applied to what is declared."""
    example = RuleExample(documents="---\n".join(after), before=None if before is None else "---\n".join(before), lifted=tuple(lifted))
    found = read_example(example)
    assert not isinstance(found, str), found
    start = read_before(example, found)
    assert not isinstance(start, str), start
    return between(start.desired, found.desired, example.lifted)


def judged(made: tuple[Plan, DesiredState], *rules: Rule, today: datetime = TODAY, approvers: tuple[str, ...] = ()) -> Evaluation:
    book = RuleBook(rules=tuple(sorted(rules, key=lambda one: one.id)))
    return evaluate_plan(book, *made, approvers=approvers, today=today, clock=time.thread_time)


def values(made: tuple[Plan, DesiredState], subject: str = "Plan", *, today: datetime = TODAY) -> list[Mapping[str, object]]:
    """Each variable but those of resources, for each subject."""
    world = PlanWorld(*made, approvers=("mail-team",), today=today)
    names = [name for name in vocabulary(subject) if name.startswith(("change.", "plan.", "now."))]
    columns = [[plain(subject, name, value) for value in world.column(subject, name, world.objects(subject))] for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


CASES: Mapping[str, tuple[list[str] | None, list[str], dict[str, object]]] = {
    "first apply": (
        None,
        [ENVIRONMENT, PROFILE, MAILBOX],
        {"plan.creates": 3, "plan.mailboxesCreated": 1, "plan.mailboxes": 0, "plan.changes": 3, "plan.target": "git", "plan.deletes": 0}
        | {"plan.kindsChanged": ["EmailServerProfile", "Environment", "Mailbox"], "plan.approvers": ["mail-team"], "plan.partial": False},
    ),
    "one of two is gone": (
        [ENVIRONMENT, PROFILE, MAILBOX, INFO],
        [ENVIRONMENT, PROFILE, MAILBOX],
        {"plan.deletes": 1, "plan.mailboxesDeleted": 1, "plan.deletedPercent": 50, "plan.mailboxes": 2, "plan.disabled": 0},
    ),
    "one of three moves": (
        [PROFILE, OTHER, MAILBOX, INFO, INFO.replace("info", "third")],
        [PROFILE, OTHER, MAILBOX.replace("profile: mail", "profile: other"), INFO, INFO.replace("info", "third")],
        {"plan.reprofiled": 1, "plan.reprofiledPercent": 34, "plan.updates": 1, "plan.brakes": []},
    ),
    "the profile has another name": (
        [PROFILE, MAILBOX],
        [PROFILE.replace("{name: mail}", "{name: post}\nmanagement: {movedFrom: mail}"), MAILBOX.replace("profile: mail", "profile: post")],
        {"plan.reprofiled": 0, "plan.reprofiledPercent": 0, "plan.updates": 2},
    ),
    "switched off": (
        [PROFILE, MAILBOX],
        [PROFILE, MAILBOX.replace("incoming: server-side", "incoming: none")],
        {"plan.disabled": 1, "plan.disabledPercent": 100},
    ),
    "the floor moves back": (
        [PROFILE, MAILBOX + "  processEmailFrom: 2026-06-01\n"],
        [PROFILE, MAILBOX + "  processEmailFrom: 2026-05-01\n"],
        {"plan.floorsMovedBack": 1, "plan.brakes": ["floor-moved-back"], "plan.brakesLifted": []},
    ),
    "somebody else's becomes ours": (
        [PROFILE, MAILBOX.replace("spec:", "management: {lifecycle: external}\nspec:")],
        [PROFILE, MAILBOX],
        {"plan.adopts": 1, "plan.mailboxesAdopted": 1, "plan.mailboxes": 0},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_counted_of_a_plan(name: str) -> None:
    before, after, expected = CASES[name]
    (found,) = values(planned(before, after))
    assert {variable: found[variable] for variable in expected} == expected


def test_a_brake_that_is_lifted_is_named_as_such() -> None:
    before, after, _ = CASES["the floor moves back"]
    (found,) = values(planned(before, after, lifted=["floor-moved-back"]))
    assert (found["plan.brakes"], found["plan.brakesLifted"], found["plan.floorsMovedBack"]) == ([], ["floor-moved-back"], 1)


@pytest.mark.parametrize(
    ("today", "zone", "weekday", "hour"),
    [
        ("2026-11-22T22:59:59+00:00", "Europe/Berlin", "sunday", 23),
        ("2026-11-22T23:00:00+00:00", "Europe/Berlin", "monday", 0),
        ("2026-11-22T23:00:00+00:00", "UTC", "sunday", 23),
        ("2026-07-03T20:30:00+00:00", "America/Sao_Paulo", "friday", 17),
        ("2026-03-29T01:00:00+00:00", "Europe/Berlin", "sunday", 3),
    ],
)
def test_the_hour_is_that_of_the_environment(today: str, zone: str, weekday: str, hour: int) -> None:
    made = planned(None, [ENVIRONMENT.replace("Europe/Berlin", zone), PROFILE])
    (found,) = values(made, today=datetime.fromisoformat(today))
    assert (found["now.weekday"], found["now.hour"]) == (weekday, hour)


CHANGES: Mapping[str, tuple[list[str] | None, list[str], dict[str, object]]] = {
    "create": (
        None,
        [INFO],
        {
            "change.action": "create",
            "change.kind": "Mailbox",
            "change.name": "info",
            "change.labels": {"team": "desk"},
            "change.cause": "new",
        }
        | {"change.fields": ["emailAddress", "incoming", "profile"], "change.before": {}, "change.orphan": False, "change.previous": None}
        | {"change.after": {"emailAddress": "info@contoso.example", "incoming": "server-side", "profile": "mail"}, "change.verb": None},
    ),
    "update": (
        [PROFILE, MAILBOX],
        [PROFILE, MAILBOX.replace("incoming: server-side", "incoming: none\n  deleteAfterProcessing: false")],
        {"change.action": "update", "change.fields": ["incoming"], "change.before": {"incoming": "server-side"}, "change.cause": "git"}
        | {"change.after": {"incoming": "none"}, "change.disabled": True, "change.reprofiled": False, "change.mailboxes": 0},
    ),
    "delete": (
        [PROFILE, MAILBOX, INFO],
        [PROFILE, MAILBOX],
        {"change.action": "delete", "change.labels": {}, "change.fields": [], "change.after": {}, "change.disabled": False}
        | {"change.before": {"emailAddress": "info@contoso.example", "incoming": "server-side", "profile": "mail"}},
    ),
    "a number and a truth value": (
        [PROFILE, MAILBOX],
        [PROFILE + "  maxConcurrentConnections: 5\n  moveUndeliveredEmails: true\n", MAILBOX],
        {"change.before": {"maxConcurrentConnections": "10", "moveUndeliveredEmails": "false"}, "change.mailboxes": 1}
        | {"change.after": {"maxConcurrentConnections": "5", "moveUndeliveredEmails": "true"}},
    ),
    "cleared": (
        [PROFILE, MAILBOX + "  displayName: Sales\n"],
        [PROFILE, MAILBOX + "  displayName: null\n"],
        {"change.fields": ["displayName"], "change.before": {"displayName": "Sales"}, "change.after": {}},
    ),
    "renamed": (
        [PROFILE, MAILBOX],
        [PROFILE, MAILBOX.replace("{name: sales}", "{name: team}")],
        {"change.action": "update", "change.previous": "sales", "change.name": "team", "change.fields": []},
    ),
    "protected": (
        [PROFILE, MAILBOX],
        [PROFILE, MAILBOX.replace("spec:", "management: {protect: true}\nspec:")],
        {"change.fields": ["management.protect"], "change.before": {"management.protect": "false"}},
    ),
    "adopt": (
        [PROFILE, MAILBOX.replace("spec:", "management: {lifecycle: external}\nspec:")],
        [PROFILE, MAILBOX.replace("incoming: server-side", "incoming: none")],
        {"change.action": "adopt", "change.cause": "new", "change.fields": ["incoming"]},
    ),
    "forget": (
        [PROFILE, MAILBOX],
        [PROFILE, MAILBOX.replace("spec:", "management: {lifecycle: external}\nspec:")],
        {"change.action": "forget", "change.cause": "git"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_seen_of_a_change(name: str) -> None:
    before, after, expected = CHANGES[name]
    if before is None:
        plan, desired = planned([PROFILE], [PROFILE, *after])
    else:
        plan, desired = planned(before, after)
    (found,) = values((plan, desired), "Change")
    assert {variable: found[variable] for variable in expected} == expected


def test_commands_and_what_was_asked_for() -> None:
    plan, desired = planned([PROFILE], [PROFILE, MAILBOX])
    why = Cause(moved=Moved.ASKED)
    command = Command(
        key=Key("Mailbox", "sales"),
        external_id="1",
        observed_version="v",
        verb="reprocess",
        arguments={"since": "2026-01-01"},
        reason="asked",
        cause=why,
    )
    forget = Forget(key=Key("Mailbox", "gone"), external_id="2", before={"emailAddress": "gone@contoso.example"}, cause=why)
    one, other = values((replace(plan, changes=(command, forget)), desired), "Change")
    assert (one["change.verb"], one["change.after"], one["change.cause"]) == ("reprocess", {"since": "2026-01-01"}, "asked")
    assert (other["change.action"], other["change.before"]) == ("forget", {"emailAddress": "gone@contoso.example"})


def test_of_a_plan_of_an_older_file_what_was_not_counted_is_not_known() -> None:
    plan, desired = planned([PROFILE, MAILBOX, INFO], [PROFILE, MAILBOX])
    old = replace(plan, figures=None), desired
    (whole,) = values(old)
    assert (whole["plan.deletes"], whole["plan.mailboxes"], whole["plan.reprofiledPercent"]) == (1, MISSING, MISSING)
    assert values(old, "Change")[0]["change.disabled"] is MISSING
    assert judged(old, rule("plan.mailboxes == 7", over="Plan")).findings == ()
    assert len(judged(old, rule("plan.deletes == 0", over="Plan")).findings) == 1


@pytest.mark.parametrize("subject", PLAN_SUBJECTS)
def test_every_variable_has_a_value_of_its_type(subject: str) -> None:
    made = planned(
        [ENVIRONMENT, PROFILE, MAILBOX], [ENVIRONMENT, PROFILE, MAILBOX.replace("incoming: server-side", "incoming: none"), INFO]
    )
    world = PlanWorld(*made, approvers=("mail-team",), today=TODAY)
    for name, variable in vocabulary(subject).items():
        if name == "today":
            continue
        for value in world.column(subject, name, world.objects(subject)):
            if value is MISSING:
                assert name.startswith(("provider.", "organization.")), name
                continue
            assert value is not None or variable.nullable, name
            program = cel.check(_of_type(variable), vocabulary(subject), boolean=True)
            assert isinstance(program, cel.Program), name
            assert cel.load(program.code)({name: plain(subject, name, value)}) is True, f"{name} is {value!r}"
            assert not variable.values or value is None or value in variable.values, name


def _of_type(variable: Variable) -> str:
    name = variable.name
    either = f"{name} == null || " if variable.nullable else ""
    match variable.type:
        case Type.NUMBER:
            return f"{either}{name} >= -9999999"
        case Type.TRUTH:
            return f"{either}{name} == true || {name} == false"
        case Type.TEXTS | Type.MAP:
            return f"{either}size({name}) >= 0"
        case _:
            return f"{either}size({name}) >= 0"


def test_a_resource_of_another_kind_or_one_that_is_gone_is_not_judged_by_its_fields() -> None:
    made = planned([PROFILE, MAILBOX, INFO], [PROFILE + "  maxConcurrentConnections: 5\n", MAILBOX.replace("server-side", "none")])
    found = judged(
        made, rule('mailbox.state == "inactive"', over="Change", name="own"), rule('profile.name == "x"', over="Change", name="used")
    )
    assert {(one.rule, str(one.resource)) for one in found.findings} == {
        ("own", "Mailbox/sales"),
        ("used", "Mailbox/sales"),
        ("used", "EmailServerProfile/mail"),
    }
    assert found.judged == {"own": 1, "used": 2}


def test_findings_stand_at_the_line_that_makes_the_change() -> None:
    made = planned(
        [ENVIRONMENT, PROFILE, MAILBOX, INFO], [ENVIRONMENT, PROFILE, MAILBOX.replace("incoming: server-side", "incoming: none")]
    )
    (plan, _) = made
    places = {str(change.key): change for change in plan.changes}
    assert set(places) == {"Mailbox/sales", "Mailbox/info"}
    found = judged(
        made,
        rule("false", over="Change", name="a", at="[mailbox.incoming]", cause="environment", match="change.action == 'update'"),
        rule("false", over="Change", name="b", match="change.action == 'delete'"),
        rule("false", over="Plan", name="c", at="[plan.disabled]"),
        rule("false", over="Plan", name="d", at="[environment.timeZone]"),
        rule("false", over="Plan", name="e"),
    )
    at = {one.rule: (one.position.line, str(one.resource), str(one.cause or ""), one.path) for one in found.findings}
    line = "---\n".join([ENVIRONMENT, PROFILE, MAILBOX]).split("\n").index("  incoming: server-side") + 1
    assert at == {
        "a": (line, "Mailbox/sales", "Environment/production", "spec.incoming"),
        "b": (1, "Mailbox/info", "", ""),
        "c": (line, "Environment/production", "", ""),
        "d": (4, "Environment/production", "", ""),
        "e": (1, "Environment/production", "", ""),
    }


def test_a_finding_about_many_names_the_places_of_some() -> None:
    many = [INFO.replace("info", f"box{number}") for number in range(8)]
    made = planned([ENVIRONMENT, PROFILE], [ENVIRONMENT, PROFILE, *many])
    (found,) = judged(
        made, rule("plan.creates < 8", over="Plan", at="[plan.creates]", message='"{plan.creates} in {environment.name}"')
    ).findings
    assert found.message == "8 in production"
    assert len(found.related) == 5
    assert found.position not in found.related
    assert found.position.file == "example.yaml"


def test_values_show_what_made_it_fire_and_no_secret() -> None:
    secret = PROFILE + "  incoming: {server: imap.contoso.example, credentials: profile, username: crm, password: 'env:MAIL'}\n"
    secret = secret.replace("  incoming: {server: imap.contoso.example}\n", "", 1)
    made = planned([secret], [secret.replace("env:MAIL", "env:OTHER")])
    (found,) = judged(made, rule("size(change.after) == 0", over="Change", message='"{change.after}"')).findings
    assert found.message == "incoming.password.ref: env:OTHER"
    assert dict(found.values) == {"change.after": "incoming.password.ref: env:OTHER"}


def test_a_rule_that_fails_is_a_finding_about_itself() -> None:
    made = planned([PROFILE], [PROFILE, MAILBOX])
    found = judged(made, rule('change.before["state"] == "active"', over="Change"), rule("false", over="Plan", name="whole"))
    assert {one.rule for one in found.findings} == {"policy/rule-failed", "whole"}
    failed = next(one for one in found.findings if one.rule == "policy/rule-failed")
    assert failed.message.startswith("the rule tried cannot be judged for a change of Mailbox/sales: ")
    (of_plan,) = judged(made, rule('plan.kindsChanged[9] == "x"', over="Plan")).findings
    assert of_plan.message.startswith("the rule tried cannot be judged for the plan: ")


def test_a_rule_that_takes_too_long_does_not_keep_the_plan() -> None:
    made = planned([PROFILE], [PROFILE, MAILBOX])
    ticks = iter(range(10_000))
    found = evaluate_plan(RuleBook(rules=(rule("true", over="Change"),)), *made, today=TODAY, clock=lambda: float(next(ticks)))
    assert [one.rule for one in found.findings] == ["policy/rule-failed"]


def test_nothing_is_judged_where_nothing_changes_or_no_rule_holds() -> None:
    same = planned([PROFILE, MAILBOX], [PROFILE, MAILBOX])
    assert judged(same, rule("false", over="Plan")) == Evaluation()
    made = planned([PROFILE], [PROFILE, MAILBOX])
    assert judged(made, replace(rule("false", over="Plan"), enabled=False)) == Evaluation()
    assert judged(made, rule("false", over="Plan", validUntil="'2026-01-01'")) == Evaluation()
    assert judged(made, rule("false")) == Evaluation(), "a rule over mailboxes is lint's"


# Whom they ask


def _book(**rules: tuple[tuple[str, ...], int]) -> RuleBook:
    first = rule("false", over="Plan")
    return RuleBook(
        rules=tuple(replace(first, id=name, requires_approval_of=whom, minimum_approvals=least) for name, (whom, least) in rules.items())
    )


def _finding(name: str, accepted: Accepted | None = None):  # type: ignore[no-untyped-def]
    made = planned([PROFILE], [PROFILE, MAILBOX])
    (found,) = judged(made, replace(rule("false", over="Plan"), id=name)).findings
    return replace(found, accepted=accepted)


WAIVED = Accepted(by="waiver", name="w")
YES, NO = Proved("signed"), NotProved("not signed")


@pytest.mark.parametrize(
    ("whom", "least", "anybody", "proofs", "granted"),
    [
        (("any",), 1, ["ann", "bob"], {"ann": NO, "bob": YES}, "bob"),
        (("any",), 2, ["ann", "bob"], {"ann": NO, "bob": YES}, ""),
        (("any",), 2, ["ann", "bob"], {"ann": YES, "bob": YES}, "ann, bob"),
        (("any",), 1, [], {}, ""),
        (("ann",), 1, ["bob"], {"ann": NO, "bob": YES}, ""),
        (("ann",), 1, ["bob"], {"ann": YES, "bob": NO}, "ann"),
        (("ann", "bob"), 1, [], {"ann": NO, "bob": YES}, "bob"),
        (("ann", "bob"), 2, [], {"ann": YES, "bob": NO}, ""),
    ],
)
def test_who_approved(whom: tuple[str, ...], least: int, anybody: list[str], proofs: dict[str, Proof], granted: str) -> None:
    findings, (one,) = asked(
        _book(rule=(whom, least)), [_finding("rule")], anybody=anybody, proofs=lambda names: {name: proofs[name] for name in names}
    )
    assert findings[0].accepted == (Accepted(by="approval", name=granted) if granted else None)
    assert one.granted is bool(granted)
    named = anybody if whom == ("any",) else whom
    assert one.given == tuple(Approved(name=name, how="signed") for name in named if proofs[name] == YES)
    assert one.missing == tuple(NotApproved(name=name, why="not signed") for name in named if proofs[name] == NO)


def test_nobody_is_asked_where_nothing_fired_or_it_is_waived() -> None:
    def never(names: Iterable[str]) -> Mapping[str, Proof]:
        raise AssertionError(names)

    book = _book(one=(("ann",), 1), two=((), 1))
    assert asked(book, [], anybody=["ann"], proofs=never) == ((), ())
    waived, other = _finding("one", WAIVED), _finding("two")
    assert asked(book, [waived, other], anybody=["ann"], proofs=never) == ((waived, other), ())


def test_all_are_asked_about_at_once() -> None:
    calls: list[list[str]] = []

    def proofs(names: Iterable[str]) -> Mapping[str, Proof]:
        calls.append([*names])
        return dict.fromkeys(calls[-1], YES)

    findings, found = asked(
        _book(one=(("ann", "bob"), 2), two=(("bob", "eve"), 1)), [_finding("one"), _finding("two")], anybody=[], proofs=proofs
    )
    assert calls == [["ann", "bob", "eve"]]
    assert [one.rule for one in found] == ["one", "two"]
    assert all(finding.accepted is not None for finding in findings)


def test_figures_of_a_part() -> None:
    one, other = Key("Mailbox", "a"), Key("Mailbox", "b")
    whole = Figures(ours={"Mailbox": 2}, disabled=(one, other), reprofiled=(other,), floors_moved_back=(one,), used_by={"mail": 2})
    assert whole.only({one}) == replace(whole, disabled=(one,), reprofiled=())


def test_a_brake_may_be_named_in_a_rule() -> None:
    plan, desired = planned([PROFILE], [PROFILE, MAILBOX])
    brake = BrakeTripped(name="bulk-delete", message="many", count=9, of=9, limit=3, keys=())
    quiet = rule('"bulk-delete" in plan.brakes', over="Plan")
    assert judged((replace(plan, brakes=(brake,)), desired), quiet).findings == ()
    assert len(judged((plan, desired), quiet).findings) == 1


def test_the_order_of_changes_never_changes_what_is_found() -> None:
    plan, desired = planned([PROFILE, MAILBOX], [PROFILE, OTHER, INFO, MAILBOX.replace("profile: mail", "profile: other")])
    rules = (rule("false", over="Change", name="a", cause="profile"), rule("plan.changes == 0", over="Plan", name="b"))
    found = judged((plan, desired), *rules)
    assert judged((replace(plan, changes=plan.changes[::-1]), desired), *rules).findings == found.findings
    assert found.findings[0].position != Position(".")
    assert TODAY.tzinfo is UTC
