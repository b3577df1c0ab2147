"""What mailboxes would not do, asked before an apply; and that every value the engine refuses is named where people look it up."""

from __future__ import annotations

import re

import pytest

from reconcile.model import kinds
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.enablement import Approval, Enablement
from reconcile.model.engine_support import ACTS, PARTLY
from reconcile.model.key import Key
from reconcile.model.shortfall import Effect, FutureRow, Shortfall
from reconcile.report.explanation import engine_words
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits
from reconcile.sync.decide.shortfalls import shortfalls

SALES, SERVER, ORGANIZATION = Key("Mailbox", "sales"), Key("EmailServerProfile", "contoso"), Key("Organization", "organization")
PROFILE: dict[str, Leaf] = {"serverType": "imap-smtp", "incoming.server": "imap.contoso.example", "outgoing.server": "smtp.contoso.example"}
MAILBOX: dict[str, Leaf] = {
    "emailAddress": "sales@contoso.example",
    "profile": "contoso",
    "incoming": "server-side",
    "outgoing": "server-side",
    "credentials.allowUse": True,
    "credentials.password.ref": "env:SALES",
}


def short(
    mailbox: Spec | None = None, profile: Spec | None = None, organization: Spec | None = None, permits: Permits = NOTHING_SAID
) -> list[Shortfall]:
    rows = [
        FutureRow(key=SERVER, spec={**PROFILE, **(profile or {})}),
        FutureRow(key=SALES, spec={**MAILBOX, **(mailbox or {})}),
        FutureRow(key=ORGANIZATION, spec=organization or {}),
    ]
    return shortfalls(rows, {SALES}, permits)


def told(found: list[Shortfall]) -> list[tuple[str, Key, str]]:
    return [(one.effect.value, one.owner, one.field) for one in found]


def test_what_runs_has_none() -> None:
    assert short() == []


def test_a_mailbox_that_was_not_asked_for_is_not_decided() -> None:
    rows = [FutureRow(key=SALES, spec={**MAILBOX, "filter": "none"})]
    assert shortfalls(rows, set()) == []


def test_what_a_profile_lacks_is_missed_in_both_directions_and_names_it() -> None:
    assert told(short(profile={"serverType": "exchange-server"})) == [
        ("incoming", SERVER, "incoming.server"),
        ("outgoing", SERVER, "outgoing.server"),
    ]


def test_approval_is_the_organizations() -> None:
    found = short(organization={"approval.requireForUsers": True})
    assert told(found) == [(way, ORGANIZATION, "approval.requireForUsers") for way in ("incoming", "outgoing")]
    assert {(one.type, one.message) for one in found} == {("Approved", "the address waits for approval")}
    said = Enablement(mailbox_id="box1", approval=Approval.APPROVED, address="sales@contoso.example")
    assert short(organization={"approval.requireForUsers": True}, permits=Permits(enablements={str(SALES): said})) == []


@pytest.mark.parametrize(
    "off", [{"state": "inactive"}, {"incoming": "none", "outgoing": "none"}, {"incoming": "outlook", "outgoing": "none"}]
)
def test_what_a_mailbox_turns_off_itself_is_not_missed(off: dict[str, Leaf]) -> None:
    assert short(off) == []


def test_what_its_profile_turns_off_is() -> None:
    assert told(short(profile={"state": "inactive"})) == [("incoming", SERVER, "state"), ("outgoing", SERVER, "state")]


def test_what_is_left_out_without_harm_is_missed_whether_mail_comes_in_or_not() -> None:
    asked: dict[str, Leaf] = {"appointmentsContactsTasks": "server-side"}
    for incoming in ("server-side", "none"):
        found = short({**asked, "incoming": incoming}, {"moveUndeliveredEmails": True, "incoming.protocol": "pop3"})
        assert told(found) == [
            ("moveUndeliveredEmails", SERVER, "moveUndeliveredEmails"),
            ("appointmentsContactsTasks", SALES, "appointmentsContactsTasks"),
        ]
    assert short({**asked, "state": "inactive"}) == []


def test_no_consent_is_no_lack_of_the_engine() -> None:
    found = short({"credentials.allowUse": False})
    assert {(one.effect, one.type) for one in found} == {(Effect.INCOMING, "Ready"), (Effect.OUTGOING, "Ready")}


@pytest.mark.parametrize(
    ("profile", "outgoing"),
    [
        ({}, (SALES, "credentials.password", "the mailbox declares no password")),
        (
            {"incoming.credentials": "profile", "incoming.username": "crm"},
            (SERVER, "incoming.password", "profile contoso declares no password"),
        ),
    ],
)
def test_nothing_is_sent_without_a_password_either(profile: Spec, outgoing: tuple[Key, str, str]) -> None:
    found = [one for one in short({"credentials.password.ref": None}, profile) if one.effect is Effect.OUTGOING]
    assert [(one.owner, one.field, one.message) for one in found] == [outgoing]


#: With these beside it a value is looked at at all.
BESIDE: dict[str, Spec] = {
    "outgoing.credentials": {"useSameSettingsForOutgoing": False},
    "outgoing.useImpersonation": {"useSameSettingsForOutgoing": False},
}
VALUES = [
    (kind, info.path, value)
    for kind in ("Mailbox", "EmailServerProfile", "Organization")
    for info in kinds.fields(kind)
    if info.path in ACTS[kind]
    for value in ([True, False] if info.type == "boolean" else re.findall("`(.+?)`", info.type))
]


@pytest.mark.parametrize(("kind", "path", "value"), VALUES)
def test_each_value_the_engine_refuses_is_named_by_explain_and_no_other(kind: str, path: str, value: Leaf) -> None:
    specs = {"Mailbox": {}, "EmailServerProfile": BESIDE.get(path, {}), "Organization": {}}
    specs[kind] = {**specs[kind], path: value}
    types: list[dict[str, Leaf]] = [{}, {"type": "queue"}] if path != "type" else [{}]
    found = [one for own in types for one in short({**own, **specs["Mailbox"]}, specs["EmailServerProfile"], specs["Organization"])]
    refused = any(one.type == "Unsupported" for one in found)
    text = "true" if value is True else "false" if value is False else str(value)
    named = text in re.findall(r"[\w-]+", PARTLY.get(kind, {}).get(path, ""))
    assert named == refused
    assert ("except" in engine_words(kind, path)) == (path in PARTLY.get(kind, {}))


def test_a_code_page_is_named_too() -> None:
    assert [one.field for one in short(profile={"encodingCodePage": "iso-8859-1"})] == ["encodingCodePage"]
    assert short(profile={"encodingCodePage": "65001"}) == short(profile={"encodingCodePage": "utf-8"}) == []
    assert engine_words("EmailServerProfile", "encodingCodePage") == "acts on it, except all but utf-8 (65001): not built yet"


def test_only_fields_it_acts_on_can_be_partly_acted_on() -> None:
    assert all(table.keys() <= ACTS[kind] for kind, table in PARTLY.items())
