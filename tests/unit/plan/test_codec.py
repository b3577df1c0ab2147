"""A damaged plan file gets words, never a traceback, and is never carried out."""

from __future__ import annotations

import json

import pytest

from reconcile.errors import PlanRefused, StalePlan
from reconcile.model.change import Cause, Command, Create, FieldChange, Moved, Plan, Update
from reconcile.model.key import Key
from reconcile.plan import codec
from reconcile.plan.digest import digest
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
