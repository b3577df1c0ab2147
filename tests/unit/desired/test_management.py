"""The `management` part of documents: what it becomes, and what the environment adds to it."""

from __future__ import annotations

import pytest

from reconcile.model.key import Key
from reconcile.model.management import UNMANAGED, Management, OnRemoval, covers
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Lifecycle
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox

SALES, PROFILE_KEY = Key("Mailbox", "sales"), Key("EmailServerProfile", "contoso")
EXTERNAL = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
management: {lifecycle: external}
spec: {displayName: Microsoft Exchange Online}
"""


def desired_of(**files: str) -> DesiredState:
    texts: dict[str, str | bytes] = {"environment.yaml": ENVIRONMENT, "profile.yaml": PROFILE}
    texts.update({f"{name}.yaml": text for name, text in files.items()})
    result = load_texts(texts)
    assert result.desired is not None
    assert not result.findings
    return result.desired


def with_management(text: str, group: str) -> str:
    return text.replace("spec:", f"management: {group}\nspec:", 1)


def test_every_part_is_decoded() -> None:
    group = "{onRemoval: forget, protect: true, ignore: [owner, credentials.*], movedFrom: sales-old}"
    found = desired_of(sales=with_management(mailbox(), group)).resources[SALES]
    assert found.management == Management(
        on_removal=OnRemoval.FORGET, protected=True, ignored=("owner", "credentials.*"), moved_from="sales-old"
    )
    assert found.lifecycle is Lifecycle.MANAGED


def test_without_the_group_nothing_is_said() -> None:
    assert desired_of(sales=mailbox()).resources[SALES].management is UNMANAGED


def test_the_environment_adds_what_is_owned_elsewhere() -> None:
    environment = ENVIRONMENT.replace("spec: {", "spec: {ignore: {Mailbox: [owner, displayName]}, ")
    sales = with_management(mailbox(), "{ignore: [displayName, profile]}")
    found = desired_of(environment=environment, sales=sales, other=mailbox("other")).resources
    assert found[SALES].management.ignored == ("displayName", "profile", "owner")
    assert found[Key("Mailbox", "other")].management.ignored == ("owner", "displayName")
    assert found[PROFILE_KEY].management is UNMANAGED


def test_an_external_profile_needs_no_more_than_its_name_and_serves_mailboxes() -> None:
    found = desired_of(profile=EXTERNAL, sales=mailbox()).resources
    assert found[PROFILE_KEY].lifecycle is Lifecycle.EXTERNAL
    assert found[PROFILE_KEY].spec == {"displayName": "Microsoft Exchange Online"}
    assert found[SALES].references == (PROFILE_KEY,)


def test_an_external_mailbox_needs_nothing_of_ours() -> None:
    found = desired_of(sales=with_management(mailbox(profile="missing"), "{lifecycle: external}")).resources[SALES]
    assert (found.lifecycle, found.references) == (Lifecycle.EXTERNAL, ())


def test_what_the_environment_declares_stays_a_singleton() -> None:
    organization = "apiVersion: reconcile/v1alpha2\nkind: Organization\nmetadata: {name: contoso}\nmanagement: {protect: true}\nspec: {}\n"
    found = desired_of(organization=organization).resources[Key("Organization", "contoso")]
    assert (found.lifecycle, found.management.protected) == (Lifecycle.SINGLETON, True)


def test_a_field_of_the_group_is_located() -> None:
    desired = desired_of(sales=with_management(mailbox(), "{onRemoval: forget,\n  protect: true}"))
    assert desired.locate(SALES, "management.protect") == Position("sales.yaml", 5, 12, 16)
    assert desired.locate(SALES, "management.ignore") == Position("sales.yaml", 4, 1, 11)


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("owner", "owner", True),
        ("owner", "ownerEmailAddress", False),
        ("credentials.*", "credentials.password.ref", True),
        ("credentials.password", "credentials.password.generation", True),
        ("credentials", "credentials.username", True),
        ("incoming.port", "outgoing.port", False),
        ("*.port", "outgoing.port", True),
        ("*", "emailAddress", True),
        ("Owner", "owner", False),
    ],
)
def test_patterns(pattern: str, path: str, covered: bool) -> None:
    assert covers((pattern,), path) is covered
