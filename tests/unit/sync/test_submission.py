"""Which mailboxes may send, and what is said about the others."""

from __future__ import annotations

from collections.abc import ValuesView
from dataclasses import replace

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.condition import Health
from reconcile.model.enablement import Approval, Enablement
from reconcile.model.sending_limits import SendingLimits
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.ports.target import AppliedResource
from reconcile.ports.tls import Tls
from reconcile.sync.decide.permitted import Permits
from reconcile.sync.decide.submission import SendingMailbox, SendingSetup, SilentMailbox, sending_setup
from support.applied import Applied, sending_estate


def box(applied: Applied) -> SendingMailbox | SilentMailbox:
    return sending_setup(applied.resources(), now="2026-03-01T08:00:00Z").mailboxes["box1"]


def test_a_mailbox_with_its_own_credentials() -> None:
    assert box(sending_estate(login=True)) == SendingMailbox(
        mailbox_id="box1",
        name="sales",
        address="sales@contoso.example",
        profile="contoso",
        server="localhost",
        port=587,
        tls=Tls.STARTTLS,
        authority="file:ca.pem",
        sign_in=SignInPlan(kind=SignInKind.PASSWORD, username="sales@contoso.example", password=("box1", "credentials.password")),
        connections=10,
        limits=SendingLimits(account="localhost sales@contoso.example"),
    )


def test_the_profiles_credentials_and_those_of_incoming() -> None:
    applied = sending_estate()
    applied.change(
        "EmailServerProfile",
        outgoing__credentials="profile",
        outgoing__username="crm@contoso.example",
        outgoing__password__ref="env:CRM",
        incoming__password__ref="env:CRM",
    )
    found = box(applied)
    assert isinstance(found, SendingMailbox)
    assert (found.sign_in.username, found.sign_in.password) == ("crm@contoso.example", ("p1", "outgoing.password"))
    applied.change(
        "EmailServerProfile", useSameSettingsForOutgoing=None, incoming__credentials="profile", incoming__username="in@contoso.example"
    )
    found = box(applied)
    assert isinstance(found, SendingMailbox)
    assert (found.sign_in.username, found.sign_in.password) == ("in@contoso.example", ("p1", "incoming.password"))


@pytest.mark.parametrize(("tls", "port"), [(None, 587), ("implicit", 465)])
def test_ports_and_tls_have_the_documented_defaults(tls: str | None, port: int) -> None:
    applied = sending_estate()
    applied.change("EmailServerProfile", outgoing__tls=tls, outgoing__port=None)
    found = box(applied)
    assert isinstance(found, SendingMailbox)
    assert found.port == port
    assert found.tls is (Tls.STARTTLS if tls is None else Tls.IMPLICIT)


@pytest.mark.parametrize(
    ("kind", "change", "type_", "reason", "field"),
    [
        ("Mailbox", {"outgoing": "none"}, "Off", "NotServerSide", "outgoing"),
        ("Mailbox", {"outgoing": None}, "Off", "NotServerSide", "outgoing"),
        ("Mailbox", {"outgoing": "outlook"}, "Off", "NotServerSide", "outgoing"),
        ("Mailbox", {"state": "inactive"}, "Off", "Inactive", "state"),
        ("Mailbox", {"type": "forward"}, "Off", "ForwardMailbox", "type"),
        ("Mailbox", {"profile": "missing"}, "Ready", "NoProfile", "profile"),
        ("Mailbox", {"profile": None}, "Ready", "NoProfile", "profile"),
        ("EmailServerProfile", {"state": "inactive"}, "Off", "ProfileInactive", "state"),
        ("EmailServerProfile", {"outgoing.protocol": "graph"}, "Unsupported", "Protocol", "outgoing.protocol"),
        ("EmailServerProfile", {"encodingCodePage": "1252"}, "Unsupported", "CodePage", "encodingCodePage"),
        ("EmailServerProfile", {"outgoing.authentication": "ntlm"}, "Unsupported", "NotBuilt", "outgoing.authentication"),
        ("EmailServerProfile", {"outgoing.authentication": "oauth"}, "Unsupported", "NotBuilt", "outgoing.authentication"),
        ("EmailServerProfile", {"outgoing.authentication": "negotiate"}, "Unsupported", "NotBuilt", "outgoing.authentication"),
        ("EmailServerProfile", {"outgoing.useImpersonation": True}, "Unsupported", "NotBuilt", "outgoing.useImpersonation"),
        ("EmailServerProfile", {"outgoing.credentials": "gmail-oauth"}, "Ready", "NoCredentials", "oauth.clientId"),
        ("EmailServerProfile", {"outgoing.credentials": "server-to-server"}, "Unsupported", "NotBuilt", "outgoing.credentials"),
        ("EmailServerProfile", {"outgoing.credentials": "profile"}, "Ready", "NoCredentials", "outgoing.username"),
        ("EmailServerProfile", {"outgoing.server": None}, "Ready", "NoServer", "outgoing.server"),
        ("EmailServerProfile", {"outgoing.tls": "none"}, "Ready", "TlsRequired", "outgoing.tls"),
    ],
)
def test_what_stands_in_the_way_is_named(kind: str, change: dict[str, object], type_: str, reason: str, field: str) -> None:
    applied = sending_estate()
    applied.change(kind, **change)
    found = box(applied)
    assert isinstance(found, SilentMailbox), found
    assert (found.condition.type, found.condition.reason, found.condition.field) == (type_, reason, field)
    assert found.condition.message
    # What is wrong with the declaration is somebody's task; what it switches off is not.
    assert found.health is (None if type_ == "Off" else Health.STALLED)
    if change.get(field) and field.startswith("outgoing."):
        assert field not in ("outgoing.tls", "outgoing.credentials") or found.condition.origin.startswith("profile.yaml:")


def test_own_credentials_need_consent() -> None:
    applied = sending_estate(login=True)
    applied.change("Mailbox", credentials__allowUse=False)
    found = box(applied)
    assert isinstance(found, SilentMailbox)
    assert found.condition.reason == "NoConsent"


@pytest.mark.parametrize(("type_", "field"), [("user", "approval.requireForUsers"), ("queue", "approval.requireForQueues")])
def test_mail_waits_until_the_address_is_approved(type_: str, field: str) -> None:
    applied = sending_estate()
    applied.change("Mailbox", type=type_)
    other = "approval.requireForQueues" if type_ == "user" else "approval.requireForUsers"
    for spec, silent in (({field: True}, True), ({other: True}, False)):
        organization = AppliedResource(kind="Organization", name="o", external_id="o1", spec=spec, origins={field: "organization.yaml:7"})
        found = box(Applied([*applied.rows, organization]))
        assert isinstance(found, SilentMailbox) is silent
        if isinstance(found, SilentMailbox):
            assert (found.condition.type, found.condition.field, found.condition.origin) == ("Approved", field, "organization.yaml:7")
    approved = Enablement(mailbox_id="box1", approval=Approval.APPROVED, address="sales@contoso.example")
    asking = AppliedResource(kind="Organization", name="o", external_id="o1", spec={field: True}, origins={})
    permits = Permits(enablements={"box1": approved})
    setup = sending_setup([*applied.rows, asking], now="2026-03-01T08:00:00Z", permits=permits)
    assert isinstance(setup.mailboxes["box1"], SendingMailbox)


@pytest.mark.parametrize(
    ("switch", "login", "sends"),
    [
        ({"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True}, False, True),
        ({"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True}, True, False),
        ({"deployment": "online", "deploymentSettings.allowNonSslEmail": True}, False, False),
        ({"deployment": "on-premises"}, False, False),
    ],
)
def test_no_tls_needs_the_organizations_switch_and_never_carries_a_password(switch: dict[str, Leaf], login: bool, sends: bool) -> None:
    organization = AppliedResource(kind="Organization", name="o", external_id="o1", spec=switch)
    assert isinstance(box(Applied([*sending_estate(tls="none", login=login).rows, organization])), SendingMailbox) is sends


def test_nothing_is_sent_where_the_email_router_does_it() -> None:
    spec: dict[str, Leaf] = {"processing.connectionChannel": "email-router"}
    organization = AppliedResource(
        kind="Organization", name="o", external_id="o1", spec=spec, origins={"processing.connectionChannel": "o.yaml:3"}
    )
    found = box(Applied([*sending_estate().rows, organization]))
    assert isinstance(found, SilentMailbox)
    assert (found.condition.type, found.condition.reason, found.condition.origin) == ("Off", "EmailRouter", "o.yaml:3")


def test_nobody_may_be_mailed_unless_listed() -> None:
    applied = sending_estate()
    assert sending_setup(applied.resources(), now="").allowed == ("@contoso.example",)
    applied.change("Environment", allowedRecipients=None)
    assert sending_setup(applied.resources(), now="").allowed == ()
    assert sending_setup(applied.resources()[1:], now="").allowed == ()


@pytest.mark.parametrize("word", ["sales", "box1", "sales@contoso.example", "SALES@Contoso.example"])
@pytest.mark.parametrize("outgoing", ["server-side", "none"])
def test_a_mailbox_is_named_by_slug_id_or_address_however_it_is_spelled(word: str, outgoing: str) -> None:
    """Also one that may not send: who names it is told why, not that there is none."""
    applied = sending_estate(login=True)
    applied.change("Mailbox", outgoing=outgoing)
    found = sending_setup(applied.resources(), now="2026-03-01T08:00:00Z").named(word)
    assert found is not None
    assert (found.mailbox_id, isinstance(found, SilentMailbox)) == ("box1", outgoing == "none")


def test_an_internationalised_domain_may_be_named_in_punycode() -> None:
    applied = sending_estate(login=True)
    applied.change("Mailbox", emailAddress="sales@müller.example")
    setup = sending_setup(applied.resources(), now="2026-03-01T08:00:00Z")
    assert setup.named("sales@xn--mller-kva.example") == setup.named("sales")
    assert setup.named("sales@muller.example") is None


class _Counted(dict[str, SendingMailbox | SilentMailbox]):
    walks = 0

    def values(self) -> ValuesView[SendingMailbox | SilentMailbox]:  # type: ignore[override]
        self.walks += 1
        return super().values()


def test_a_batch_that_names_many_mailboxes_walks_over_all_of_them_once() -> None:
    mailbox = box(sending_estate(login=True))
    mailboxes = _Counted(
        (f"box{n}", replace(mailbox, mailbox_id=f"box{n}", name=f"s{n}", address=f"s{n}@contoso.example")) for n in range(9)
    )
    setup = SendingSetup(mailboxes=mailboxes, allowed=())
    for number in range(9):
        for word in (f"s{number}", f"box{number}", f"s{number}@contoso.example", f"S{number}@Contoso.example"):
            found = setup.named(word)
            assert found is not None
            assert found.mailbox_id == f"box{number}"
        assert setup.named(f"t{number}@contoso.example") is None
    assert mailboxes.walks == 1


def test_of_two_mailboxes_the_address_that_is_written_just_so_is_meant() -> None:
    mailbox = box(sending_estate(login=True))
    spelled = ("sales@contoso.example", "Sales@contoso.example")
    setup = SendingSetup(mailboxes={name: replace(mailbox, mailbox_id=name, name=name, address=name) for name in spelled}, allowed=())
    assert [one.address for word in spelled if (one := setup.named(word))] == [*spelled]
    both = SendingSetup(mailboxes={name: replace(mailbox, mailbox_id=name[0], name=name[:2], address=name) for name in spelled}, allowed=())
    assert [one.address for word in spelled if (one := both.named(word))] == [*spelled]
    assert both.named("SALES@contoso.example") is None
