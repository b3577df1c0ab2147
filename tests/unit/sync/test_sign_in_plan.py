"""Which kind of sign-in follows from what is declared: the whole table, and every refusal with its field and place."""

from __future__ import annotations

import typing

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.condition import Condition
from reconcile.model.email_server_profile import Authentication, CredentialRetrieval
from reconcile.model.sign_in import Grant, OAuthPlan, SignInKind, SignInPlan
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.sign_in import Direction, sign_in
from reconcile.sync.decide.token_accounts import token_accounts

NOW = "2026-03-01T08:00:00Z"
MAILBOX: dict[str, Leaf] = {
    "emailAddress": "sales@contoso.example",
    "profile": "contoso",
    "credentials.allowUse": True,
    "credentials.username": "sales",
    "credentials.password.ref": "env:SALES",
    "credentials.refreshToken.ref": "env:TOKEN",
}
PROFILE: dict[str, Leaf] = {
    "serverType": "imap-smtp",
    "useSameSettingsForOutgoing": False,
    **{f"{side}.{field}": leaf for side in ("incoming", "outgoing") for field, leaf in (("username", "crm"), ("password.ref", "env:CRM"))},
    "oauth.clientId": "id",
    "oauth.clientSecret.ref": "env:SECRET",
    "oauth.tokenEndpoint": "https://login.contoso.example/token",
}
#: What the table of the module says, in the order of `Authentication`: auto-detect, negotiate, ntlm, basic, oauth.
P, O, N, K, A, X = SignInKind.PASSWORD, SignInKind.OAUTH, SignInKind.NTLM, SignInKind.KERBEROS, SignInKind.ANONYMOUS, None  # noqa: E741
OUTGOING: dict[str, tuple[SignInKind | None, ...]] = {
    "user-or-queue": (P, X, N, P, O),
    "profile": (P, X, N, P, O),
    "server-to-server": (X, X, X, X, X),
    "windows-integrated": (K, K, X, X, X),
    "anonymous": (A, X, X, X, X),
    "gmail-oauth": (O, X, X, X, O),
    "hybrid-modern-auth": (X, X, X, X, X),
    "entra-oauth": (O, X, X, X, O),
}
#: Nobody reads mail without signing in, and one account for all mailboxes would need impersonation.
INCOMING = {**OUTGOING, "anonymous": (X,) * 5, "profile": (X,) * 5}


def resource(kind: str, spec: dict[str, Leaf], name: str) -> AppliedResource:
    spec = {path: leaf for path, leaf in spec.items() if leaf is not None}
    origins = {path: f"{name}.yaml:{line}" for line, path in enumerate(spec, 5)}
    return AppliedResource(kind=kind, name=name, external_id=f"id-{name}", spec=spec, origins={"": f"{name}.yaml:1", **origins})


def decided(
    profile: dict[str, Leaf] | None = None, mailbox: dict[str, Leaf] | None = None, direction: Direction = "outgoing"
) -> SignInPlan | Condition:
    whole = resource("Mailbox", {**MAILBOX, **(mailbox or {})}, "sales")
    return sign_in(whole, resource("EmailServerProfile", {**PROFILE, **(profile or {})}, "contoso"), direction, now=NOW)


def planned(*args: dict[str, Leaf], direction: Direction = "outgoing") -> SignInPlan:
    found = decided(*args, direction=direction)
    assert isinstance(found, SignInPlan), found
    return found


def refused(*args: dict[str, Leaf], direction: Direction = "outgoing") -> Condition:
    found = decided(*args, direction=direction)
    assert isinstance(found, Condition), found
    assert found.message
    assert found.origin.split(":")[0] in ("sales.yaml", "contoso.yaml")
    return found


def test_the_table_knows_every_declared_word() -> None:
    assert set(OUTGOING) == set(typing.get_args(CredentialRetrieval))
    assert typing.get_args(Authentication) == ("auto-detect", "negotiate", "ntlm", "basic", "oauth")


@pytest.mark.parametrize("direction", typing.get_args(Direction))
@pytest.mark.parametrize("credentials", OUTGOING)
@pytest.mark.parametrize("number", range(5))
def test_each_combination(direction: Direction, credentials: str, number: int) -> None:
    authentication = typing.get_args(Authentication)[number]
    expected = (OUTGOING if direction == "outgoing" else INCOMING)[credentials][number]
    profile: dict[str, Leaf] = {f"{direction}.credentials": credentials, f"{direction}.authentication": authentication}
    if expected is not None:
        assert planned(profile, direction=direction).kind is expected
    else:
        condition = refused(profile, direction=direction)
        assert (condition.type, condition.field in (f"{direction}.credentials", f"{direction}.authentication")) == ("Unsupported", True)
        assert credentials in condition.message or "impersonation" in condition.message or authentication in condition.message


def test_a_password_of_the_mailbox_and_of_the_profile() -> None:
    assert planned() == SignInPlan(kind=P, username="sales", password=("id-sales", "credentials.password"))
    assert planned({}, {"credentials.username": None}).username == "sales@contoso.example"
    assert planned({"outgoing.credentials": "profile"}) == SignInPlan(kind=P, username="crm", password=("id-contoso", "outgoing.password"))


def test_shared_settings_are_those_of_incoming_but_the_authentication_is_ones_own() -> None:
    shared: dict[str, Leaf] = {"useSameSettingsForOutgoing": None, "incoming.credentials": "profile", "outgoing.credentials": "anonymous"}
    assert planned(shared) == SignInPlan(kind=P, username="crm", password=("id-contoso", "incoming.password"))
    assert planned({**shared, "outgoing.authentication": "ntlm"}).kind is N
    assert planned({**shared, "incoming.authentication": "ntlm"}).kind is P


@pytest.mark.parametrize(
    ("profile", "mailbox", "reason", "field"),
    [
        ({}, {"credentials.password.ref": None}, "NoCredentials", "credentials.password"),
        ({}, {"credentials.allowUse": None}, "NoConsent", "credentials.allowUse"),
        ({"outgoing.authentication": "oauth"}, {"credentials.allowUse": None}, "NoConsent", "credentials.allowUse"),
        ({"outgoing.credentials": "profile", "outgoing.password.ref": None}, {}, "NoCredentials", "outgoing.password"),
        ({"outgoing.credentials": "profile", "outgoing.username": None}, {}, "NoCredentials", "outgoing.username"),
        ({"outgoing.authentication": "oauth", "oauth.clientId": None}, {}, "NoCredentials", "oauth.clientId"),
        ({"outgoing.authentication": "oauth", "oauth.tokenEndpoint": None}, {}, "NoTokenEndpoint", "oauth.tokenEndpoint"),
        ({"outgoing.credentials": "entra-oauth", "oauth.clientSecret.ref": None}, {}, "NoCredentials", "oauth.clientSecret"),
        ({"outgoing.certificateSignIn": True}, {}, "NoCredentials", "outgoing.clientCertificate"),
        (
            {"outgoing.certificateSignIn": True, "outgoing.clientCertificate.ref": "file:c", "outgoing.authentication": "ntlm"},
            {},
            "SignInContradicts",
            "outgoing.certificateSignIn",
        ),
        ({"outgoing.useImpersonation": True}, {}, "NotBuilt", "outgoing.useImpersonation"),
        ({"outgoing.authentication": "oauth", "outgoing.tls": "none"}, {}, "TlsRequired", "outgoing.tls"),
        ({"outgoing.credentials": "windows-integrated", "outgoing.tls": "none"}, {}, "TlsRequired", "outgoing.tls"),
        ({"outgoing.authentication": "ntlm", "outgoing.tls": "none"}, {}, "TlsRequired", "outgoing.tls"),
    ],
)
def test_what_is_missing_is_named(profile: dict[str, Leaf], mailbox: dict[str, Leaf], reason: str, field: str) -> None:
    condition = refused(profile, mailbox)
    assert (condition.reason, condition.field) == (reason, field)


@pytest.mark.parametrize(
    "address",
    [
        "http://login.contoso.example/token",
        "https://user:word@login.contoso.example/token",
        "https:///token",
        "https://login.contoso.example/token#x",
        "https://login.contoso.example:0/token",
        "https://login.contoso.example:99999/token",
        "https://login contoso.example/token",
        "https://login.contoso.example/to\u2028ken",
        "ftp://login.contoso.example",
        "login.contoso.example",
    ],
)
@pytest.mark.parametrize("name", ["tokenEndpoint", "authorizationEndpoint", "deviceEndpoint", "revocationEndpoint"])
def test_tokens_cross_https_only(address: str, name: str) -> None:
    condition = refused({"outgoing.authentication": "oauth", f"oauth.{name}": address})
    assert (condition.reason, condition.field) == ("NotHttps", f"oauth.{name}")


def test_a_password_is_pointed_to_a_token_that_is_declared() -> None:
    assert "authentication must be oauth" in refused({}, {"credentials.password.ref": None}).message


def test_a_token_of_the_mailbox_of_the_profile_and_of_the_application() -> None:
    own = planned({"outgoing.authentication": "oauth", "oauth.scopes": ("a", "b"), "oauth.caCertificate": "file:ca.pem"})
    assert own.oauth == OAuthPlan(
        grant=Grant.REFRESH_TOKEN,
        account="id-sales",
        client_id="id",
        client_secret=("id-contoso", "oauth.clientSecret"),
        refresh_token=("id-sales", "credentials.refreshToken"),
        token_endpoint="https://login.contoso.example/token",
        scopes=("a", "b"),
        authority="file:ca.pem",
    )
    assert (own.kind, own.username, own.password) == (O, "sales", None)
    profile = planned({"outgoing.authentication": "oauth", "outgoing.credentials": "profile"})
    assert profile.oauth is not None
    assert (profile.username, profile.oauth.account, profile.oauth.refresh_token) == ("crm", "id-contoso", None)
    # The application signs in itself: nobody's consent is used.
    application = planned({"outgoing.credentials": "entra-oauth"}, {"credentials.allowUse": None, "credentials.username": None})
    assert application.oauth is not None
    assert (application.username, application.oauth.account, application.oauth.grant) == (
        "sales@contoso.example",
        "id-contoso",
        Grant.CLIENT_CREDENTIALS,
    )
    by_person = planned({"outgoing.credentials": "entra-oauth", "oauth.grant": "refresh-token"})
    assert by_person.oauth is not None
    assert (by_person.oauth.account, by_person.oauth.grant) == ("id-sales", Grant.REFRESH_TOKEN)


def test_a_certificate_is_shown_whatever_the_kind_and_may_be_the_kind() -> None:
    certificate: dict[str, Leaf] = {"incoming.clientCertificate.ref": "file:c.pem"}
    shown = planned(certificate, direction="incoming")
    assert (shown.kind, shown.certificate) == (P, ("id-contoso", "incoming.clientCertificate"))
    signed = planned({**certificate, "incoming.certificateSignIn": True}, {"credentials.password.ref": None}, direction="incoming")
    assert (signed.kind, signed.username, signed.password) == (SignInKind.CERTIFICATE, "sales", None)
    assert planned({**certificate, "incoming.certificateSignIn": True, "useSameSettingsForOutgoing": None}).kind is SignInKind.CERTIFICATE


def test_each_account_with_a_token_stands_once() -> None:
    profile = resource("EmailServerProfile", {**PROFILE, "incoming.authentication": "oauth", "outgoing.authentication": "oauth"}, "contoso")
    boxes = [resource("Mailbox", {**MAILBOX, "emailAddress": f"{name}@contoso.example"}, name) for name in ("sales", "info")]
    found = token_accounts([profile, *boxes, resource("Mailbox", {"profile": "missing"}, "lost")], now=NOW)
    assert [(one.kind, one.name, one.address, one.username) for one in found] == [
        ("Mailbox", "info", "info@contoso.example", "sales"),
        ("Mailbox", "sales", "sales@contoso.example", "sales"),
    ]
    by_application = resource("EmailServerProfile", {**PROFILE, "incoming.credentials": "entra-oauth"}, "contoso")
    default = resource("Organization", {"defaults.profile": "contoso"}, "org")
    boxes = [resource("Mailbox", {**MAILBOX, "profile": None}, name) for name in ("sales", "info")]
    found = token_accounts([by_application, default, *boxes], now=NOW)
    assert [(one.kind, one.name, one.address, one.username) for one in found] == [("EmailServerProfile", "contoso", "", "")]


@pytest.mark.parametrize("server_type", ["imap-smtp", "pop3-smtp"])
def test_authentication_of_two_services_stays_their_own(server_type: str) -> None:
    spec: dict[str, Leaf] = {"serverType": server_type, "useSameSettingsForOutgoing": True, "incoming.authentication": "ntlm"}
    assert planned(spec).kind is SignInKind.PASSWORD
