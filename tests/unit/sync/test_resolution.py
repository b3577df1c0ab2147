"""Whose addresses these are: the tables behind resolution."""

from __future__ import annotations

import pytest

from reconcile.model.message import MessageHeader, Party
from reconcile.model.party import PartyRow, PartyType
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.found_address import found_address
from reconcile.sync.decide.resolution import (
    AddressBook,
    ResolutionRules,
    contact_for,
    forms_of,
    introduced,
    mailbox_rows,
    resolve_recipient,
    resolve_sender,
    resolved,
)
from support.parties import party

A = "a@fabrikam.example"
RULES = ResolutionRules()
USER, CONTACT, ACCOUNT = party("user:u"), party("contact:c"), party("account:a")


def idle(row: str, owner: str = "") -> PartyRow:
    return party(row, active=False, owner=owner)


@pytest.mark.parametrize(
    ("rows", "rules", "user", "expected"),
    [
        ([], RULES, "", ""),
        ([CONTACT], RULES, "", "contact:c"),
        # The order of types, whatever the order of rows.
        ([ACCOUNT, CONTACT, USER], RULES, "", "user:u"),
        ([ACCOUNT, CONTACT], RULES, "", "contact:c"),
        ([party("lead:l"), ACCOUNT], RULES, "", "account:a"),
        ([party("equipment:e"), party("lead:l")], RULES, "", "lead:l"),
        ([party("team:t"), party("equipment:e")], RULES, "", "equipment:e"),
        ([party("business-unit:b"), party("team:t")], RULES, "", "team:t"),
        ([party("other:o"), party("queue:q"), party("business-unit:b")], RULES, "", "business-unit:b"),
        ([party("other:o"), party("queue:q")], RULES, "", "queue:q"),
        # Within a type the lowest id.
        ([party("contact:2"), party("contact:10")], RULES, "", "contact:10"),
        # The first active one.
        ([idle("contact:1"), party("contact:2"), ACCOUNT], RULES, "", "contact:2"),
        ([idle("user:u"), ACCOUNT], RULES, "", "account:a"),
        # The only row counts, active or not; a user that is not active never does.
        ([idle("contact:1")], RULES, "", "contact:1"),
        ([idle("user:u")], RULES, "", ""),
        ([idle("user:u")], ResolutionRules(resolve_for_inactive=True), "", ""),
        ([idle("contact:1"), idle("account:1")], RULES, "", ""),
        ([idle("contact:1"), idle("account:1")], ResolutionRules(resolve_for_inactive=True), "", "contact:1"),
        ([idle("user:u"), idle("account:1")], ResolutionRules(resolve_for_inactive=True), "", "account:1"),
        # What the tracking user owns goes before everything, also before a user.
        ([USER, party("account:a", owner="me")], RULES, "me", "account:a"),
        ([USER, party("account:a", owner="me")], RULES, "", "user:u"),
        ([USER, party("account:a", owner="other")], RULES, "me", "user:u"),
        ([CONTACT, party("account:a", owner="me")], RULES, "me", "account:a"),
        ([party("contact:1"), party("contact:2", owner="me")], RULES, "me", "contact:2"),
        ([party("contact:1", owner="me"), party("account:2", owner="me")], RULES, "me", "contact:1"),
        ([USER, idle("account:a", owner="me")], RULES, "me", "user:u"),
        # Switched off for several, and hopeless for very many.
        ([CONTACT, ACCOUNT], ResolutionRules(unresolve_sender_on_multiple_match=True), "", ""),
        ([CONTACT, idle("account:1")], ResolutionRules(unresolve_sender_on_multiple_match=True), "", ""),
        ([CONTACT], ResolutionRules(unresolve_sender_on_multiple_match=True), "", "contact:c"),
        ([CONTACT, ACCOUNT], ResolutionRules(unresolve_recipients_on_multiple_match=True), "", "contact:c"),
        ([party(f"contact:{number:03}") for number in range(100)], RULES, "", "contact:000"),
        ([party(f"contact:{number:03}") for number in range(101)], RULES, "", ""),
    ],
)
def test_a_sender_is_one_row_or_none(rows: list[PartyRow], rules: ResolutionRules, user: str, expected: str) -> None:
    found, why = resolve_sender(rows, rules, tracking_user=user)
    assert (f"{found.ref.type}:{found.ref.id}" if found else "") == expected
    assert why


@pytest.mark.parametrize(
    ("rows", "rules", "expected"),
    [
        ([], RULES, []),
        ([CONTACT], RULES, ["c"]),
        ([CONTACT, ACCOUNT, USER], RULES, ["c", "a", "u"]),
        ([party(f"contact:{number:03}") for number in range(101)], RULES, []),
        ([CONTACT, idle("account:x")], RULES, ["c"]),
        ([idle("account:x")], RULES, ["x"]),
        ([idle("user:x")], RULES, []),
        ([idle("account:x"), idle("contact:y")], RULES, []),
        ([idle("account:x"), idle("contact:y"), idle("user:z")], ResolutionRules(resolve_for_inactive=True), ["x", "y"]),
        ([CONTACT, ACCOUNT], ResolutionRules(unresolve_recipients_on_multiple_match=True), []),
        ([CONTACT], ResolutionRules(unresolve_recipients_on_multiple_match=True), ["c"]),
        ([CONTACT, ACCOUNT], ResolutionRules(unresolve_sender_on_multiple_match=True), ["c", "a"]),
    ],
)
def test_a_recipient_is_every_row(rows: list[PartyRow], rules: ResolutionRules, expected: list[str]) -> None:
    found, why = resolve_recipient(rows, rules)
    assert [row.ref.id for row in found] == expected
    assert why


def mailbox(id_: str, **spec: object) -> AppliedResource:
    return AppliedResource(external_id=id_, kind="Mailbox", name=f"slug-{id_}", spec=spec, origins={})  # type: ignore[arg-type]


def test_applied_mailboxes_stand_for_their_users_and_queues() -> None:
    rows = mailbox_rows(
        [
            mailbox("1", emailAddress="Sales@Contoso.example", filter="all", owner="u7"),
            mailbox("2", emailAddress="help@bücher.example", type="queue", displayName="Help"),
            mailbox("3", emailAddress="in@contoso.example", type="forward"),
            AppliedResource(external_id="4", kind="EmailServerProfile", name="p", spec={}, origins={}),
        ]
    )
    assert rows == {
        "sales@contoso.example": party("user:1", name="slug-1", addresses=("sales@contoso.example",), filter="all", owner="u7"),
        "help@xn--bcher-kva.example": party("queue:2", name="Help", addresses=("help@xn--bcher-kva.example",)),
    }


def test_a_row_of_the_directory_takes_the_place_of_the_mailbox_of_its_type() -> None:
    own = {A: party("user:box")}
    assert [row.ref.id for row in AddressBook(own=own).at("A@Fabrikam.example")] == ["box"]
    assert [row.ref.id for row in AddressBook(own=own, rows={A: [party("user:crm")]}).at(A)] == ["crm"]
    assert [row.ref.id for row in AddressBook(own=own, rows={A: [CONTACT]}).at(A)] == ["box", "c"]


def test_a_message_is_resolved_with_its_fields() -> None:
    header = MessageHeader(
        sender=Party(A), to=(Party("X@fabrikam.example"), Party("")), cc=(Party("y@fabrikam.example"),), bcc=(Party("z@fabrikam.example"),)
    )
    assert set(forms_of([header]).values()) == {A, "x@fabrikam.example", "y@fabrikam.example", "z@fabrikam.example"}
    book = AddressBook(rows={A: [CONTACT], "x@fabrikam.example": [USER, ACCOUNT]})
    found = resolved(header, book, RULES)
    assert found.sender == CONTACT
    assert [(each.field, each.address, [row.id for row in each.rows]) for each in found.addresses()] == [
        ("from", A, ["c"]),
        ("to", "X@fabrikam.example", ["u", "a"]),
        ("cc", "y@fabrikam.example", []),
        ("bcc", "z@fabrikam.example", []),
    ]


def test_a_message_without_a_sender_is_resolved() -> None:
    found = resolved(MessageHeader(), AddressBook(), RULES)
    assert (found.sender, found.addresses()) == (None, ())


@pytest.mark.parametrize(
    ("address", "rules", "rows", "made"),
    [
        ("new@fabrikam.example", ResolutionRules(create_contact=True), {}, True),
        ("new@fabrikam.example", RULES, {}, False),
        ("new@fabrikam.example", ResolutionRules(create_contact=True), {"new@fabrikam.example": [CONTACT]}, False),
        # Known, though not resolved: a second row would only add to the doubt.
        ("new@fabrikam.example", ResolutionRules(create_contact=True), {"new@fabrikam.example": [idle("user:u")]}, False),
        ("no address", ResolutionRules(create_contact=True), {}, False),
        ("", ResolutionRules(create_contact=True), {}, False),
    ],
)
def test_a_contact_is_made_for_a_sender_whom_nobody_knows(
    address: str, rules: ResolutionRules, rows: dict[str, list[PartyRow]], made: bool
) -> None:
    header, book = MessageHeader(sender=Party(address, "New\x1b[2J One")), AddressBook(rows=rows)
    people, contact = introduced(resolved(header, book, rules), header.sender, book, rules)
    assert (contact is not None) is made
    if contact is not None:
        assert people.sender == contact
        assert (contact.ref.type, contact.ref.name, contact.addresses, contact.origin) == (
            PartyType.CONTACT,
            "New[2J One",
            (address,),
            "mail",
        )


def test_the_contact_of_an_address_is_always_the_same_row() -> None:
    first, second = contact_for(Party("New@Bücher.example", "N")), contact_for(Party("new@xn--bcher-kva.example"))
    assert first.ref.id == second.ref.id
    assert first.ref.id != contact_for(Party("other@bücher.example")).ref.id


def test_looking_up_goes_by_the_applied_rules() -> None:
    organization = AppliedResource(
        external_id="o", kind="Organization", name="o", spec={"addressResolution.unresolveSenderOnMultipleMatch": True}, origins={}
    )
    found = found_address("A@fabrikam.example", {"A@fabrikam.example": [ACCOUNT]}, [organization, mailbox("1", emailAddress=A)], "")
    assert [(row.ref.id, row.ref == found.mailbox) for row in found.rows] == [("1", True), ("a", False)]
    assert (found.sender, [ref.id for ref in found.recipients]) == (None, ["1", "a"])
    assert "unresolveSenderOnMultipleMatch" in found.sender_why
