"""A damaged plan file gets words, never a traceback, and is never carried out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconcile.errors import PlanRefused, StalePlan
from reconcile.model.change import Cause, Command, Create, FieldChange, Moved, Plan, Update
from reconcile.model.figures import Figures
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.judgement import Approved, Asked, Judgement, NotApproved
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.plan import codec
from reconcile.plan.digest import digest
from reconcile.plan.document import checksum
from support.specs import mailbox

CREATE = Create(key=Key("Mailbox", "sales"), spec={**mailbox("sales@contoso.example"), "list": ("a", "b")}, cause=Cause(moved=Moved.NEW))


def plan(*changes: Create | Update | Command) -> Plan:
    return Plan(
        target="engine",
        environment="dev",
        organization_id=None,
        source="estate",
        revision="",
        changes=changes,
        digest=digest("engine", None, changes),
    )


TEXT = codec.encode(plan(CREATE))


def edited(**values: object) -> str:
    return json.dumps({**json.loads(TEXT), **values})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a plan file"),
        ("[]", "formatVersion is missing"),
        ("{}", "formatVersion is missing"),
        ('"plan"', "formatVersion is missing"),
        ('{"formatVersion": "1.1"}', "target: Field required"),
        (edited(chnages=[]), "chnages: Extra inputs"),
        (edited(unchanged="7"), "unchanged: Input should be a valid integer"),
        (edited(unchanged=True), "unchanged: Input should be a valid integer"),
        (edited(changes=[{"action": "explode"}]), "changes.0"),
        (edited(changes=[{**json.loads(TEXT)["changes"][0], "key": "sales"}]), "not a key"),
        (edited(changes=[{**json.loads(TEXT)["changes"][0], "spec": {"a": 1.5}}]), "changes.0.create.spec.a"),
        (edited(changes=[]), "digest does not fit"),
        (edited(target="other"), "digest does not fit"),
        (edited(organizationId="x"), "digest does not fit"),
        (edited(environment="prod"), "checksum does not fit"),
        (edited(environment="../../etc"), "environment"),
        (edited(lifted=["bulk-delete"]), "checksum does not fit"),
        (edited(source="elsewhere"), "checksum does not fit"),
        (edited(checksum=""), "checksum does not fit"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_damaged(text: str, words: str) -> None:
    with pytest.raises(PlanRefused) as caught:
        codec.decode(text)
    assert words in caught.value.message
    assert caught.value.hint


def test_a_whole_spec_is_as_it_was_shown() -> None:
    """The digest has the fields that change; what is written is the whole spec."""
    update = Update(
        key=CREATE.key,
        external_id="1",
        observed_version="v",
        spec={"displayName": "Sales", "emailAddress": "sales@contoso.example"},
        fields=(FieldChange(path="displayName", before="x", after="Sales", cause=Cause(moved=Moved.GIT)),),
    )
    text = codec.encode(plan(update))
    assert codec.decode(text).changes == (update,)
    assert codec.decode(json.dumps(json.loads(text), indent=3)).changes == (update,)
    with pytest.raises(PlanRefused, match="checksum"):
        codec.decode(text.replace("sales@contoso", "other@contoso"))


def test_another_format_is_stale() -> None:
    with pytest.raises(StalePlan, match="9"):
        codec.decode(edited(formatVersion="9.0"))
    with pytest.raises(StalePlan, match="journal"):
        codec.decode_change('{"action": "create"}')


def test_a_plan_of_the_version_before_is_read() -> None:
    """1.1 had neither figures nor judgement."""
    body = {name: value for name, value in json.loads(TEXT).items() if name not in ("figures", "judgement", "checksum")}
    old = {**body, "formatVersion": "1.1"}
    assert codec.decode(json.dumps({**old, "checksum": checksum(old)})) == plan(CREATE)
    with pytest.raises(PlanRefused, match="checksum"):
        codec.decode(json.dumps({**old, "checksum": checksum(body)}))


FINDING = Finding(
    rule="a-rule",
    severity=Severity.ERROR,
    message="it says so",
    position=Position("a.yaml", 3, 5, 9),
    hint="mend it",
    path="spec.profile",
    resource=CREATE.key,
    related=(Position("b.yaml", 1),),
    cause=Key("Environment", "dev"),
    values=(("plan.deletes", "2"),),
)
JUDGEMENT = Judgement(
    findings=(
        FINDING,
        replace(FINDING, rule="approved", accepted=Accepted(by="approval", name="ann")),
        replace(FINDING, rule="waived", accepted=Accepted(by="waiver", name="w", until=datetime(2027, 1, 1, tzinfo=UTC))),
    ),
    asked=(
        Asked(rule="approved", names=("any",), given=(Approved(name="ann", how="signed"),)),
        Asked(rule="a-rule", names=("bob", "eve"), minimum=2, missing=(NotApproved(name="bob", why="not signed"),)),
    ),
    fail_on=Severity.WARNING,
    commit="0123456789ab",
)
FIGURES = Figures(ours={"Mailbox": 3}, disabled=(CREATE.key,), reprofiled=(CREATE.key,), used_by={"mail": 2})


def test_figures_and_judgement_are_kept() -> None:
    judged = replace(plan(CREATE), figures=FIGURES, judgement=JUDGEMENT)
    assert codec.decode(codec.encode(judged)) == judged
    assert judged.digest == plan(CREATE).digest, "who approved is no part of what would be done"
    nothing = replace(judged, judgement=replace(JUDGEMENT, fail_on=None))
    assert codec.decode(codec.encode(nothing)) == nothing
    assert (len(JUDGEMENT.stops), len(nothing.judgement.stops if nothing.judgement else ())) == (1, 0)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("findings", 0, "accepted"), {"by": "approval", "name": "me", "until": None}, "checksum does not fit"),
        (("findings",), [], "checksum does not fit"),
        (("asked", 1, "minimum"), 0, "checksum does not fit"),
        (("failOn",), "never", "checksum does not fit"),
        (("failOn",), "sometimes", "judgement.failOn"),
        (("findings", 0, "resource"), "sales", "not a key"),
        (("findings", 0, "values"), [["one"]], "damaged"),
        (("findings", 0, "accepted"), {"by": "myself", "name": "", "until": None}, "judgement.findings.0.accepted.by"),
        (("findings", 2, "accepted", "until"), "soon", "damaged"),
        (("granted",), True, "judgement.granted: Extra inputs"),
    ],
)
def test_a_judgement_that_was_edited(path: tuple[str | int, ...], value: object, words: str) -> None:
    document = json.loads(codec.encode(replace(plan(CREATE), figures=FIGURES, judgement=JUDGEMENT)))
    node = document["judgement"]
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    with pytest.raises(PlanRefused, match=words):
        codec.decode(json.dumps(document))


def test_every_leaf_keeps_its_type() -> None:
    back = codec.decode(TEXT)
    assert back == plan(CREATE)
    (change,) = back.changes
    assert isinstance(change, Create)
    assert change.spec["list"] == ("a", "b")


def test_a_command_is_kept() -> None:
    command = Command(
        key=CREATE.key,
        external_id="row",
        observed_version="v",
        verb="reprocess",
        arguments={"from": "2026-01-01T00:00:00Z"},
        reason="asked for",
        cause=Cause(moved=Moved.GIT),
    )
    assert codec.decode(codec.encode(plan(command))) == plan(command)
    assert codec.decode_change(codec.encode_change(command)) == command


def test_the_digest_covers_target_keys_from_and_to_and_nothing_else() -> None:
    from dataclasses import replace

    same = digest("engine", None, [CREATE])
    assert digest("engine", None, [replace(CREATE, consequences=("x",), cause=Cause(moved=Moved.OUTSIDE, note="later"))]) == same
    others = [
        digest("memory", None, [CREATE]),
        digest("engine", "org", [CREATE]),
        digest("engine", None, [replace(CREATE, key=Key("Mailbox", "other"))]),
        digest("engine", None, [replace(CREATE, spec={**CREATE.spec, "incoming": "none"})]),
        digest("engine", None, []),
    ]
    assert len({same, *others}) == 6
