"""Mailboxes at Exchange servers: where the service is, by what right they are opened, and which combinations are refused."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.removal import MarkAction
from reconcile.model.sign_in import SignInKind
from reconcile.ports.target import AppliedResource
from reconcile.ports.tls import Tls
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox, receiving_mailboxes
from reconcile.sync.decide.submission import SendingMailbox, SilentMailbox, sending_setup

PROFILE: dict[str, Leaf] = {
    "serverType": "exchange-server",
    "incoming.server": "https://exchange.contoso.example/EWS/Exchange.asmx",
    "incoming.credentials": "profile",
    "incoming.username": "svc",
    "incoming.password.ref": "file:password",
    "incoming.useImpersonation": True,
}
MAILBOX: dict[str, Leaf] = {
    "emailAddress": "sales@contoso.example",
    "type": "user",
    "profile": "contoso",
    "incoming": "server-side",
    "outgoing": "server-side",
    "filter": "all",
    "credentials.allowUse": True,
    "credentials.password.ref": "file:password",
}
OAUTH: dict[str, Leaf] = {
    "incoming.server": "https://outlook.office365.com/EWS/Exchange.asmx",
    "incoming.credentials": "entra-oauth",
    "incoming.authentication": "oauth",
    "incoming.useImpersonation": None,
    "oauth.clientId": "app",
    "oauth.clientSecret.ref": "env:SECRET",
    "oauth.tokenEndpoint": "https://login.contoso.example/token",
}


def rows(profile: dict[str, Leaf], mailbox: dict[str, Leaf], organization: dict[str, Leaf] | None) -> list[AppliedResource]:
    def row(kind: str, name: str, spec: dict[str, Leaf]) -> AppliedResource:
        kept = {path: leaf for path, leaf in spec.items() if leaf is not None}
        return AppliedResource(
            kind=kind, name=name, external_id=f"id-{name}", spec=kept, origins=dict.fromkeys(["", *kept], f"{name}.yaml:7")
        )

    found = [row("EmailServerProfile", "contoso", {**PROFILE, **profile}), row("Mailbox", "sales", {**MAILBOX, **mailbox})]
    return [*found, row("Organization", "org", organization)] if organization is not None else found


def receiving(
    profile: dict[str, Leaf] | None = None, *, now: str = "2026-03-10T12:00:00Z", organization: dict[str, Leaf] | None = None
) -> ReceivingMailbox | IdleMailbox:
    (found,) = receiving_mailboxes(rows(profile or {}, {}, organization), now=now)
    return found


def sending(profile: dict[str, Leaf] | None = None) -> SendingMailbox | SilentMailbox:
    return sending_setup(rows(profile or {}, {}, None), now="2026-03-10T12:00:00Z").mailboxes["id-sales"]


def test_one_account_for_all_mailboxes_by_impersonation() -> None:
    found = receiving()
    assert isinstance(found, ReceivingMailbox)
    assert (found.protocol, found.server, found.port, found.tls, found.path) == (
        "ews",
        "exchange.contoso.example",
        443,
        "implicit",
        "/EWS/Exchange.asmx",
    )
    assert (found.access, found.sign_in.username, found.sign_in.password) == (
        MailboxAccess.IMPERSONATION,
        "svc",
        ("id-contoso", "incoming.password"),
    )
    # Counted together: it is one account.
    assert found.account_group == "exchange.contoso.example/svc"


def test_what_is_declared_for_receiving_sends_as_well() -> None:
    found = sending()
    assert isinstance(found, SendingMailbox)
    assert (found.protocol, found.server, found.port, found.tls, found.path, found.access) == (
        "ews",
        "exchange.contoso.example",
        443,
        Tls.IMPLICIT,
        "/EWS/Exchange.asmx",
        MailboxAccess.IMPERSONATION,
    )
    assert (found.recipients_per_message, found.sent_copy) == (None, False)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"incoming.authentication": "ntlm"}, SignInKind.NTLM),
        # As it is in a state that keeps the defaults.
        ({"incoming.authentication": "ntlm", "outgoing.authentication": "auto-detect"}, SignInKind.NTLM),
        ({"incoming.authentication": "ntlm", "outgoing.authentication": "basic"}, SignInKind.PASSWORD),
        ({**OAUTH, "incoming.credentials": "profile"}, SignInKind.OAUTH),
        (
            {
                "incoming.authentication": "ntlm",
                "useSameSettingsForOutgoing": False,
                "outgoing.credentials": "profile",
                "outgoing.username": "svc",
                "outgoing.password.ref": "file:password",
            },
            SignInKind.PASSWORD,
        ),
    ],
)
def test_sending_signs_in_by_nothing_weaker_than_receiving(spec: dict[str, Leaf], kind: SignInKind) -> None:
    found = sending(spec)
    assert isinstance(found, SendingMailbox), found
    assert found.sign_in.kind is kind


def test_what_cannot_be_shared_names_the_field_that_says_so() -> None:
    found = sending({"incoming.authentication": "negotiate"})
    assert isinstance(found, SilentMailbox)
    assert found.condition.field == "incoming.authentication"


@pytest.mark.parametrize(
    ("spec", "access", "kind"),
    [
        ({"incoming.useImpersonation": False}, MailboxAccess.DELEGATION, SignInKind.PASSWORD),
        ({"incoming.authentication": "ntlm"}, MailboxAccess.IMPERSONATION, SignInKind.NTLM),
        ({"incoming.credentials": "windows-integrated"}, MailboxAccess.IMPERSONATION, SignInKind.KERBEROS),
        (
            {"incoming.credentials": "windows-integrated", "incoming.authentication": "negotiate", "incoming.useImpersonation": None},
            MailboxAccess.DELEGATION,
            SignInKind.KERBEROS,
        ),
        ({"incoming.credentials": "user-or-queue", "incoming.useImpersonation": False}, MailboxAccess.OWN, SignInKind.PASSWORD),
        (OAUTH, MailboxAccess.IMPERSONATION, SignInKind.OAUTH),
        ({**OAUTH, "oauth.grant": "refresh-token"}, MailboxAccess.OWN, SignInKind.OAUTH),
        (
            {"incoming.clientCertificate.ref": "file:me.pem", "incoming.certificateSignIn": True},
            MailboxAccess.IMPERSONATION,
            SignInKind.CERTIFICATE,
        ),
        ({"serverType": "exchange-server-hybrid"}, MailboxAccess.IMPERSONATION, SignInKind.PASSWORD),
    ],
)
def test_by_what_right_a_mailbox_is_opened(spec: dict[str, Leaf], access: MailboxAccess, kind: SignInKind) -> None:
    found = receiving(spec)
    assert isinstance(found, ReceivingMailbox), found
    assert (found.access, found.sign_in.kind) == (access, kind)


@pytest.mark.parametrize(
    ("spec", "type_", "field", "words"),
    [
        ({"incoming.credentials": "server-to-server"}, "Unsupported", "incoming.credentials", "key vault"),
        ({"incoming.credentials": "hybrid-modern-auth"}, "Unsupported", "incoming.credentials", "key vault"),
        ({"incoming.credentials": "gmail-oauth"}, "Unsupported", "incoming.credentials", "no way into an Exchange"),
        ({"incoming.credentials": "anonymous"}, "Unsupported", "incoming.credentials", "no way into an Exchange"),
        ({"incoming.credentials": "user-or-queue"}, "Ready", "incoming.useImpersonation", "nobody is impersonated"),
        ({"incoming.authentication": "negotiate"}, "Unsupported", "incoming.authentication", "windows-integrated"),
        ({"incoming.server": None}, "Ready", "incoming.server", "names no incoming server"),
        ({"incoming.server": "exchange.contoso.example"}, "Ready", "incoming.server", "named by address"),
        ({"incoming.server": "https://user:secret@exchange.contoso.example/EWS/Exchange.asmx"}, "Ready", "incoming.server", "named by"),
        ({"incoming.server": "http://exchange.contoso.example/EWS/Exchange.asmx"}, "Ready", "incoming.tls", "must say the same"),
        (
            {"incoming.server": "https://exchange.contoso.example/Microsoft-Server-ActiveSync"},
            "Unsupported",
            "incoming.server",
            "ActiveSync",
        ),
        ({"incoming.server": "https://exchange.contoso.example/mapi/emsmdb"}, "Unsupported", "incoming.server", "MAPI over HTTP"),
        (
            {"incoming.server": "https://outlook.office365.com/EWS/Exchange.asmx"},
            "Ready",
            "incoming.authentication",
            "Exchange Online takes no sign-in by password",
        ),
        ({**OAUTH, "facts.ewsSwitch": "off"}, "Ready", "facts.ewsSwitch", "switched off"),
    ],
)
def test_what_cannot_be_is_refused_by_name_with_the_alternative(spec: dict[str, Leaf], type_: str, field: str, words: str) -> None:
    found = receiving(spec)
    assert isinstance(found, IdleMailbox), found
    condition = found.conditions[0]
    assert (condition.type, condition.field, condition.origin != "") == (type_, field, True)
    assert words in condition.message


@pytest.mark.parametrize(
    ("now", "allowed", "reason"),
    [
        ("2026-10-09T12:00:00Z", False, None),
        ("2026-10-10T00:00:00Z", False, "BlockedByTenant"),
        ("2026-10-10T00:00:00Z", True, None),
        ("2027-03-31T23:59:59Z", True, None),
        ("2027-04-01T00:00:00Z", True, "BlockedByTenant"),
    ],
)
def test_exchange_online_answers_by_date_and_tenant(now: str, allowed: bool, reason: str | None) -> None:
    found = receiving({**OAUTH, "facts.ewsSwitch": "on", "facts.ewsAllowed": allowed}, now=now)
    if reason is None:
        assert isinstance(found, ReceivingMailbox)
    else:
        assert (found.conditions[0].reason, "2027-04-01" in found.conditions[0].message) == (reason, True)


def test_an_exchange_server_is_not_touched_by_the_dates_of_exchange_online() -> None:
    assert isinstance(receiving(now="2027-05-01T00:00:00Z"), ReceivingMailbox)


def test_marks_and_notifications_are_there_as_over_imap() -> None:
    found = receiving({"incoming.keywords": True, "moveUndeliveredEmails": True, "incoming.idle": True, "incoming.compression": True})
    assert isinstance(found, ReceivingMailbox)
    assert found.marks == {MarkAction.TRACKED, MarkAction.UNDELIVERABLE, MarkAction.MOVE}
    assert (found.idle, found.compress) == (True, True)


def test_clear_text_needs_an_on_premises_organization_that_permits_it() -> None:
    plain: dict[str, Leaf] = {"incoming.server": "http://exchange.contoso.example:8080/EWS/Exchange.asmx", "incoming.tls": "none"}
    assert isinstance(receiving(plain), IdleMailbox)
    permitted = receiving(plain, organization={"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True})
    assert isinstance(permitted, ReceivingMailbox)
    assert (permitted.tls, permitted.port) == ("none", 8080)


@pytest.mark.parametrize(
    ("mailbox", "profile", "organization", "items"),
    [
        ({"appointmentsContactsTasks": "server-side"}, {}, None, True),
        ({}, {}, {"defaults.appointmentsContactsTasks": "server-side"}, True),
        ({}, {}, None, False),
        ({"appointmentsContactsTasks": "none"}, {}, {"defaults.appointmentsContactsTasks": "server-side"}, False),
        ({"type": "queue"}, {}, {"defaults.appointmentsContactsTasks": "server-side"}, False),
        ({"appointmentsContactsTasks": "server-side"}, {"incoming.useImpersonation": False}, None, False),
    ],
    ids=["asked", "by default", "nobody", "not this one", "queue", "delegate"],
)
def test_news_of_items_count_where_they_are_kept_in_step(
    mailbox: dict[str, Leaf], profile: dict[str, Leaf], organization: dict[str, Leaf] | None, items: bool
) -> None:
    (found,) = receiving_mailboxes(rows(profile, mailbox, organization), now="2026-03-10T12:00:00Z")
    assert isinstance(found, ReceivingMailbox)
    assert found.items is items
