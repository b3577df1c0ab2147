"""One row as a document: what is written, what is not and the word on it; and slugs that do not depend on luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.key import Key
from reconcile.model.kinds import defaults
from reconcile.model.observation import ObservedState, Present
from reconcile.plan.takeover.declare import CannotDeclare, Draft, Names, declare
from reconcile.plan.takeover.takeover import Takeover, take_over
from support.specs import Specs, estate, mailbox, profile

NAMES = Names(profiles={"p": "contoso", "contoso": "contoso"}, owners={"o": "Sales desk"})


def draft(kind: str, spec: Mapping[str, Leaf], **more: bool) -> Draft:
    return declare(Key(kind, "x"), Present(kind=kind, external_id="1", spec=spec, version="", **more), NAMES)


def test_a_field_with_its_documented_default_is_not_written() -> None:
    declared = profile(incoming__authentication="basic")
    whole = {**declared, **defaults("EmailServerProfile", declared)}
    assert dict(draft("EmailServerProfile", whole).spec) == declared
    named = {"emailAddress": "a@x.example", "displayName": "a@x.example", "state": "active", "incoming": "none"}
    assert dict(draft("Mailbox", named).spec) == {"emailAddress": "a@x.example"}


@pytest.mark.parametrize(
    ("leaves", "port"),
    [({}, 993), ({"incoming.tls": "starttls"}, 143), ({"incoming.tls": "none"}, 143), ({"serverType": "pop3-smtp"}, 995)],
)
def test_a_port_is_left_out_only_where_it_is_the_usual_one(leaves: dict[str, Leaf], port: int) -> None:
    spec = {"displayName": "One", "serverType": "imap-smtp", **leaves}
    assert "incoming.port" not in draft("EmailServerProfile", {**spec, "incoming.port": port}).spec
    assert draft("EmailServerProfile", {**spec, "incoming.port": port + 1}).spec["incoming.port"] == port + 1


def test_references_are_by_slug_and_owners_have_a_name_beside() -> None:
    made = draft("Mailbox", mailbox("a@x.example", profile="p", owner="o"))
    assert (made.spec["profile"], made.spec["owner"], made.beside) == ("contoso", "o", {"owner": "Sales desk"})
    lost = draft("Mailbox", mailbox("a@x.example", profile="unknown"))
    assert "profile" not in lost.spec
    assert "the row refers to unknown" in lost.remarks[0]


@pytest.mark.parametrize(
    ("spec", "left_out", "word"),
    [
        (profile(incoming__port=0), "incoming.port", "it is 0, which no document can hold"),
        (profile(incoming__server="a b"), "incoming.server", "it is a b"),
        (profile(description="ghp_0123456789abcdefghij0123"), "description", "looks like a secret"),
        (mailbox("a@x.example", type="forward", outgoing="server-side"), "outgoing", "a forward mailbox sends nothing"),
        (mailbox("a@x.example", type="user", deleteAfterProcessing=True), "deleteAfterProcessing", "never deleted"),
        (mailbox("a@x.example", displayName="a\x1bb"), "displayName", "no document can hold"),
    ],
)
def test_what_no_document_holds_is_left_out_with_a_word(spec: dict[str, Leaf], left_out: str, word: str) -> None:
    made = draft("Mailbox" if "emailAddress" in spec else "EmailServerProfile", spec)
    assert left_out not in made.spec
    (remark,) = [remark for remark in made.remarks if remark.startswith(left_out)]
    assert word in remark
    assert "ghp_" not in remark


def test_a_row_without_what_is_required_is_no_document() -> None:
    with pytest.raises(CannotDeclare, match=r"^emailAddress: it has not the form that the field takes$"):
        draft("Mailbox", {"emailAddress": "nothing"})
    with pytest.raises(CannotDeclare, match="emailAddress"):
        draft("Mailbox", mailbox("not an address"))
    with pytest.raises(CannotDeclare, match="serverType"):
        draft("EmailServerProfile", {"displayName": "One"})


@pytest.mark.parametrize(
    ("kind", "leaves", "missing"),
    [
        ("EmailServerProfile", {"incoming.credentials": "profile"}, ["incoming.password"]),
        (
            "EmailServerProfile",
            {"incoming.credentials": "profile", "incoming.password.ref": "env:X", "incoming.password.generation": 2},
            [],
        ),
        (
            "EmailServerProfile",
            {"incoming.credentials": "profile", "outgoing.credentials": "profile", "useSameSettingsForOutgoing": False},
            ["incoming.password", "outgoing.password"],
        ),
        ("EmailServerProfile", {"incoming.credentials": "gmail-oauth"}, ["oauth.clientSecret"]),
        ("EmailServerProfile", {"incoming.credentials": "user-or-queue"}, []),
        ("Mailbox", {"credentials.allowUse": True}, ["credentials.password"]),
        ("Mailbox", {}, []),
    ],
)
def test_missing_secrets_are_asked_for(kind: str, leaves: dict[str, Leaf], missing: list[str]) -> None:
    base = profile() if kind == "EmailServerProfile" else mailbox("a@x.example")
    assert [remark.partition(" ")[0] for remark in draft(kind, {**base, **leaves}).remarks] == missing


def test_the_platforms_profile_is_referred_to() -> None:
    told = {"displayName": "Microsoft Exchange Online", "serverType": "exchange-server", "incoming.credentials": "server-to-server"}
    made = draft("EmailServerProfile", profile(**told, maxConcurrentConnections=20), built_in=True)
    assert (made.is_external, dict(made.spec)) == (True, told)


def rows(*specs: Mapping[str, Leaf]) -> ObservedState:
    found = tuple(Present(kind="Mailbox", external_id=f"id-{number}", spec=spec, version="") for number, spec in enumerate(specs))
    return ObservedState(target="snapshot", refers_by_id=True, rows=found)


def taken(specs: Specs, observed: ObservedState, *, everything: bool = True) -> Takeover:
    return take_over(observed, estate(specs), {}, everything=everything)


def test_slugs_come_from_addresses_and_are_given_once() -> None:
    addresses = [
        "Sales@a.example",
        "sales@b.example",
        "sales@b.test",
        "jürgen.müller@a.example",
        "販売@a.example",
        "con@a.example",
        "!@a.example",
    ]
    other, state = {"Mailbox/sales": mailbox("other@x.example")}, rows(*(mailbox(address) for address in addresses))
    made = taken(other, state)
    names = {str(draft.spec["emailAddress"]): draft.key.name for draft in made.drafts}
    assert names["Sales@a.example"] == "sales-a"
    assert (names["sales@b.example"], names["sales@b.test"]) == ("sales-b", "sales-b-test")
    assert names["jürgen.müller@a.example"] == "juergen-mueller"
    assert names["con@a.example"] == "con-a"
    assert len(set(names.values())) == len(addresses)
    assert taken(other, replace(state, rows=state.rows[::-1])).drafts == made.drafts


def test_rows_come_by_domain_as_people_read_it() -> None:
    """Files hold documents by domain, and both spellings of one are one."""
    addresses = ["b@xn--bro-hoa.example", "a@contoso.example", "c@büro.example", "a@BÜRO.example"]
    made = taken({}, rows(*(mailbox(address) for address in addresses)))
    written = [draft.spec["emailAddress"] for draft in made.drafts]
    assert written == ["a@BÜRO.example", "b@xn--bro-hoa.example", "c@büro.example", "a@contoso.example"]


def test_documents_are_known_by_address_whatever_their_slug() -> None:
    specs = {
        "EmailServerProfile/contoso": profile(),
        "Mailbox/a": mailbox("SALES@x.example", incoming="none"),
        "Mailbox/b": mailbox("gone@x.example"),
        "Mailbox/c": mailbox("same@x.example"),
    }
    state = rows(mailbox("sales@X.example"), mailbox("same@x.example", profile=None), mailbox("new@x.example"), mailbox("new@x.example"))
    made = taken(specs, state)
    assert made.drafts == ()
    assert made.differing[Key("Mailbox", "a")] == ("emailAddress", "incoming")
    assert {key.name for key in made.vanished} == {"b", "contoso"}
    assert [row.external_id for row in made.left_out] == ["id-2", "id-3"]
    assert taken(specs, state, everything=False).vanished == ()


def test_nothing_vanished_where_a_kind_or_a_row_could_not_be_read() -> None:
    state = ObservedState(target="snapshot", unknown_kinds={"Mailbox": "cut"})
    made = taken({"Mailbox/a": mailbox("a@x.example")}, state)
    assert (made.vanished, made.unknown) == ((), ("Mailbox: cut",))
    state = ObservedState(target="snapshot", unknown_rows={"id-7": "a number"})
    assert taken({"Mailbox/a": mailbox("a@x.example")}, state).vanished == ()


def test_what_the_organization_would_give_otherwise_is_said() -> None:
    both = {"incoming": "server-side", "appointmentsContactsTasks": "server-side"}
    gives = {f"defaults.{path}": leaf for path, leaf in {**both, "profile": "p"}.items()}
    mailboxes = rows(
        {"emailAddress": "user@x.example", "profile": "p", "incoming": "server-side", "appointmentsContactsTasks": "none"},
        {"emailAddress": "queue@x.example", "type": "queue", "profile": None, "incoming": "none", "appointmentsContactsTasks": "none"},
        {"emailAddress": "quiet@x.example"},
    )
    around = (
        Present(kind="EmailServerProfile", external_id="p", spec=profile(displayName="Contoso"), version=""),
        Present(kind="Organization", external_id="o", spec=gives, version=""),
    )
    observed = ObservedState(target="snapshot", refers_by_id=True, rows=(*around, *mailboxes.rows))
    drafts = [draft.spec for draft in taken({}, observed).drafts if draft.key.kind == "Mailbox"]
    queue, quiet, user = sorted(drafts, key=lambda spec: str(spec["emailAddress"]))
    assert dict(user) == {
        "emailAddress": "user@x.example",
        "profile": "contoso",
        "incoming": "server-side",
        "appointmentsContactsTasks": "none",
    }
    # A queue has no appointments, so the organization gives it none; that it has no profile is said, for it would get one.
    assert dict(queue) == {"emailAddress": "queue@x.example", "type": "queue", "incoming": "none", "profile": None}
    # What a row does not show is not guessed.
    assert dict(quiet) == {"emailAddress": "quiet@x.example"}
