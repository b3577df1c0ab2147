"""What is counted beforehand: numbers and short lists over many objects."""

from __future__ import annotations

import re

import pytest

from reconcile.policy.counts import COUNTS
from reconcile.policy.lookalikes import skeletons
from reconcile.policy.world import MISSING, World
from support.judging import PROFILE, estate

_HEAD = "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: %s}\nspec: {emailAddress: %s@contoso.example, profile: mail%s}\n"


def _mailbox(name: str, *fields: str, address: str = "") -> str:
    return _HEAD % (name, address or name, "".join(f", {field}" for field in fields))


_ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: contoso}
spec: {ownedDomains: [contoso.example], defaults: {profile: mail}, tracking: {token: {prefix: "CRM:", baseNumber: 7}}}
"""
_MAILBOXES = [
    _mailbox("a", "incoming: server-side", "credentials: {username: shared, password: 'env:ONE'}", "processEmailFrom: 2026-01-01"),
    _mailbox("b", "outgoing: server-side", "credentials: {username: Shared, password: 'env:ONE', allowUse: true}"),
    _mailbox("c", "state: inactive", "incoming: server-side", "processEmailFrom: '2026-01-01T00:00:00Z'", "facts: {location: on-premises}"),
    _mailbox("d", "appointmentsContactsTasks: server-side", "processEmailFrom: 2025-01-01", "filter: all", "facts: {location: exchange-online}"),
    _mailbox("e", "incoming: outlook", "facts: {bulkMailing: true}"),
    _mailbox("f", "type: queue", "incoming: server-side", "deleteAfterProcessing: true"),
    _mailbox("g", "type: forward", "incoming: server-side", address="9"),
    _mailbox("h", "incoming: forward-mailbox", "displayName: A@contoso.example"),
]  # fmt: skip
_PROFILE = PROFILE + "  processEmailFrom: 2025-06-01\n"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("mailboxes", 8),
        ("active", 7),
        ("synchronized", 6),
        ("users", 6),
        ("queues", 1),
        ("forward", 1),
        ("forwardReceiving", 1),
        ("incoming", 3),
        ("outgoing", 1),
        ("appointments", 1),
        ("outlook", 1),
        ("deleting", 1),
        ("dated", 3),
        ("usernames", 2),
        ("passwords", 2),
        ("consenting", 1),
        ("unfiltered", 7),
        ("online", 1),
        ("onPremises", 1),
        ("bulkMailing", 1),
        ("individual", 4),
        ("fetchingByPassword", 1),
        ("sendingByPassword", 1),
        ("earlier", 1),
    ],
)
def test_mailboxes_are_counted_by_profile_and_for_the_organization(name: str, number: int) -> None:
    world = World(estate(_PROFILE, _ORGANIZATION, *_MAILBOXES).desired)
    for subject, variable in (
        ("EmailServerProfile", f"counts.{name}"),
        ("Organization", f"counts.{name}"),
        ("EmailServerProfile", f"counts.organization.{name}"),
        ("Environment", f"counts.organization.{name}"),
    ):
        assert world.column(subject, variable, world.objects(subject)) == [number], variable
    assert set(world.column("Mailbox", f"counts.profile.{name}", world.objects("Mailbox"))) == {number}


def test_each_of_those_that_are_alike_counts() -> None:
    """Three times as many mailboxes that say the same are three times each number."""
    names = [name for name in COUNTS["Organization"] if f"counts.profile.{name.removeprefix('counts.')}" in COUNTS["Mailbox"]]
    assert len(names) > 20
    again = [re.sub(r"(metadata: {name: |emailAddress: )(\w+)", rf"\1\2-{number}", one) for number in range(3) for one in _MAILBOXES]
    once, thrice = (World(estate(_PROFILE, _ORGANIZATION, *mailboxes).desired) for mailboxes in (_MAILBOXES, again))
    assert len(thrice.mailboxes.first) == len(once.objects("Mailbox"))
    for name in names:
        (one,) = once.column("Organization", name, once.objects("Organization"))
        for subject in ("Organization", "EmailServerProfile"):
            assert thrice.column(subject, name, thrice.objects(subject)) == [3 * one], (subject, name)


def test_an_inactive_mailbox_shares_no_account() -> None:
    account = "credentials: {username: shared, password: 'env:ONE'}"
    world = World(estate(_PROFILE, _mailbox("a", account), _mailbox("b", "state: inactive", account)).desired)
    assert world.column("Mailbox", "counts.sameUsername", world.objects("Mailbox")) == [(), ()]


def test_a_refresh_token_outweighs_the_password() -> None:
    both = _mailbox("a", "incoming: server-side", "outgoing: server-side", "credentials: {password: 'env:ONE', refreshToken: 'env:TWO'}")
    world = World(estate(_PROFILE, both).desired)
    for name in ("fetchingByPassword", "sendingByPassword"):
        assert world.column("EmailServerProfile", f"counts.{name}", world.objects("EmailServerProfile")) == [0]


def test_the_table_above_names_every_count_of_mailboxes() -> None:
    """So that a new one is tried too: each is said of profiles and of the organization alike."""
    marks = test_mailboxes_are_counted_by_profile_and_for_the_organization.pytestmark  # type: ignore[attr-defined]
    tried = {row[0] for row in marks[0].args[1]}
    both = {name.removeprefix("counts.") for name in COUNTS["EmailServerProfile"]} & {
        name.removeprefix("counts.") for name in COUNTS["Organization"]
    }
    elsewhere = {name.removeprefix("counts.") for name in _ELSEWHERE}
    assert both - tried - elsewhere == set()


_ELSEWHERE: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("subject", "variable", "values"),
    [
        ("EmailServerProfile", "counts.startDates", [2]),
        ("Organization", "counts.profiles", [1]),
        ("Organization", "counts.exchangeProfiles", [0]),
        ("Organization", "counts.defaultServerType", ["imap-smtp"]),
        ("Mailbox", "counts.sameUsername", [("b",), ("a",), (), (), (), (), (), ()]),
        ("Mailbox", "counts.samePassword", [("b",), ("a",), (), (), (), (), (), ()]),
        ("Mailbox", "counts.sameDisplayName", [("h",), (), (), (), (), (), (), ("a",)]),
        ("Mailbox", "counts.lookalikes", [()] * 8),
        ("Mailbox", "counts.outsideOwnedDomains", [False] * 8),
        ("Mailbox", "counts.elsewhere", [()] * 8),
    ],
)
def test_other_counts(subject: str, variable: str, values: list[object]) -> None:
    world = World(estate(_PROFILE, _ORGANIZATION, *_MAILBOXES).desired)
    assert world.column(subject, variable, world.objects(subject)) == values


def test_without_a_profile_or_an_organization_nothing_is_known() -> None:
    world = World(
        estate("apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: a}\nspec: {emailAddress: a@contoso.example}\n").desired
    )
    mailboxes = world.objects("Mailbox")
    assert world.column("Mailbox", "counts.profile.mailboxes", mailboxes) == [MISSING]
    assert world.column("Mailbox", "counts.organization.mailboxes", mailboxes) == [MISSING]
    assert world.column("Mailbox", "counts.outsideOwnedDomains", mailboxes) == [False]


def test_a_forward_mailbox_that_somebody_else_keeps_collects_unless_it_says_otherwise() -> None:
    def collecting(*fields: str) -> list[object]:
        theirs = _mailbox("z", "type: forward", *fields).replace("\nspec", "\nmanagement: {lifecycle: external}\nspec")
        world = World(estate(_PROFILE, _ORGANIZATION, theirs).desired)
        return world.column("Organization", "counts.forwardReceiving", world.objects("Organization"))

    assert collecting() == collecting("incoming: server-side") == [1]
    assert collecting("incoming: none") == collecting("state: inactive") == [0]


def test_addresses_outside_of_owned_domains() -> None:
    other = "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: z}\nspec: {emailAddress: z@fabrikam.example}\n"
    world = World(estate(_PROFILE, _ORGANIZATION, _MAILBOXES[0], other).desired)
    assert world.column("Mailbox", "counts.outsideOwnedDomains", world.objects("Mailbox")) == [False, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal@contoso.example", "pаypal@contoso.example"),  # Cyrillic а
        ("sales@contoso.example", "saIes@contoso.example"),
        ("mail@contoso.example", "rnail@contoso.example"),
        ("office@contoso.example", "0ffice@contoso.example"),
        ("web@contoso.example", "vveb@contoso.example"),
        ("resume@contoso.example", "résumé@contoso.example"),
        ("info@contoso.example", "info@cοntoso.example"),  # Greek ο
        ("info@contoso.example", "info@xn--cntoso-i0e.example"),  # the same in punycode
        ("bill@contoso.example", "bi11@contoso.example"),
    ],
)
def test_addresses_that_look_alike(one: str, other: str) -> None:
    first, second = skeletons([one, other])
    assert first == second
    names = (_mailbox("one"), _mailbox("other"))
    documents = [
        text.replace(f"{name}@contoso.example", address) for text, name, address in zip(names, ("one", "other"), (one, other), strict=True)
    ]
    world = World(estate(_PROFILE, *documents).desired)
    assert world.column("Mailbox", "counts.lookalikes", world.objects("Mailbox")) == [("other",), ("one",)]


def test_addresses_that_do_not_look_alike() -> None:
    addresses = ["sales@contoso.example", "sales-1@contoso.example", "sales2@contoso.example", "teams@contoso.example", "team5@contoso.example", "sales@fabrikam.example"]  # fmt: skip
    assert len(set(skeletons(addresses))) == len(addresses)


def test_long_lists_are_cut() -> None:
    many = [_mailbox(f"m{number}", "credentials: {username: one}") for number in range(40)]
    world = World(estate(_PROFILE, *many).desired)
    assert {len(names) for names in world.column("Mailbox", "counts.sameUsername", world.objects("Mailbox"))} == {20}


def test_organizations_of_other_environments_with_the_same_token() -> None:
    files = {
        f"{name}.yaml": f"apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {{layers: [{name}]}}\n"
        for name in ("one", "two", "three")
    }
    for name, prefix in (("one", "CRM:"), ("two", "CRM:"), ("three", "T:")):
        files[f"{name}/organization.yaml"] = _ORGANIZATION.replace("CRM:", prefix).replace(", defaults: {profile: mail}", "")
    example = estate(environment="one", **files)
    world = World(example.desired, others=lambda: [World(other) for other in example.others])
    organization = world.objects("Organization")
    assert world.column("Organization", "counts.samePrefix", organization) == [("two",)]
    assert world.column("Organization", "counts.sameBaseNumber", organization) == [("three", "two")]


def test_profiles_that_share_an_account() -> None:
    account = "incoming: {server: imap.contoso.example, username: crm@contoso.example, credentials: profile}"
    one = PROFILE.replace("incoming: {server: imap.contoso.example}", account)
    two = one.replace("name: mail", "name: other").replace("displayName: Mail", "displayName: Other").replace("crm@", "CRM@")
    world = World(estate(one, two, PROFILE.replace("name: mail", "name: third").replace("displayName: Mail", "displayName: Third")).desired)
    assert world.column("EmailServerProfile", "counts.sameAccount", world.objects("EmailServerProfile")) == [("other",), ("mail",), ()]
