"""How an account signs in, from what was applied: one kind for each combination of authentication and credentials, or a refusal.

The kind is fixed by what is declared. Nothing weaker is tried when a server does not offer it, and auto-detect only means that
credentials and kind follow from each other: a password is only ever used as a password.

| credentials         | auto-detect | basic    | oauth   | ntlm    | negotiate |
|---------------------|-------------|----------|---------|---------|-----------|
| user-or-queue       | password    | password | oauth   | ntlm    | refused   |
| profile             | password    | password | oauth   | ntlm    | refused   |
| gmail-oauth         | oauth       | refused  | oauth   | refused | refused   |
| entra-oauth         | oauth       | refused  | oauth   | refused | refused   |
| windows-integrated  | kerberos    | refused  | refused | refused | kerberos  |
| anonymous           | anonymous   | refused  | refused | refused | refused   |

certificateSignIn stands in place of authentication. Where both directions are Exchange Web Services and share their settings, auto-detect
of outgoing is what incoming declares: they are one service. What else is different at an Exchange server stands in `exchange`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from reconcile.model.canonical import Leaf
from reconcile.model.condition import Condition
from reconcile.model.sign_in import Grant, OAuthPlan, SignInKind, SignInPlan
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.exchange import check_credentials
from reconcile.sync.decide.row import Refused, Row, row

Direction: TypeAlias = Literal["incoming", "outgoing"]

_PASSWORD_KINDS: Final = {
    "auto-detect": SignInKind.PASSWORD,
    "basic": SignInKind.PASSWORD,
    "oauth": SignInKind.OAUTH,
    "ntlm": SignInKind.NTLM,
}
_KINDS: Final[Mapping[str, Mapping[str, SignInKind]]] = {
    "user-or-queue": _PASSWORD_KINDS,
    "profile": _PASSWORD_KINDS,
    "gmail-oauth": {"auto-detect": SignInKind.OAUTH, "oauth": SignInKind.OAUTH},
    "entra-oauth": {"auto-detect": SignInKind.OAUTH, "oauth": SignInKind.OAUTH},
    "windows-integrated": {"auto-detect": SignInKind.KERBEROS, "negotiate": SignInKind.KERBEROS},
    "anonymous": {"auto-detect": SignInKind.ANONYMOUS},
}
#: What each endpoint of the profile is for; the first must be there.
_ENDPOINTS: Final = ("tokenEndpoint", "authorizationEndpoint", "deviceEndpoint", "revocationEndpoint")


def sign_in(mailbox: AppliedResource, profile: AppliedResource, direction: Direction, *, now: str) -> SignInPlan | Condition:
    """How `mailbox` signs in at the server of `direction`, or why it cannot, with field and file:line. `now` is UTC RFC 3339."""
    try:
        return planned(row(mailbox, now), row(profile, now), direction)
    except Refused as refused:
        return refused.condition


def planned(mailbox: Row, profile: Row, direction: Direction) -> SignInPlan:
    """As `sign_in`, for decisions that hold the rows already. Raises Refused."""
    spec = profile.spec
    # The setting shares credentials, user name, password and impersonation; server, port, tls and authentication stay their own
    # (but see `_authentication_field` for Exchange).
    source = "outgoing" if direction == "outgoing" and spec.get("useSameSettingsForOutgoing") is False else "incoming"
    ews = spec.get(f"{direction}.protocol") == "ews"
    if spec.get(f"{source}.useImpersonation") is True and not ews:
        raise profile.unsupported(f"{source}.useImpersonation", "impersonation is a way of Exchange; IMAP, POP3 and SMTP have none")
    credentials = str(spec.get(f"{source}.credentials") or "user-or-queue")
    if ews:
        check_credentials(profile, source, credentials)
    plan = _of(mailbox, profile, direction, source, credentials)
    if spec.get(f"{direction}.tls") == "none" and plan.kind not in (SignInKind.PASSWORD, SignInKind.ANONYMOUS):
        raise profile.refuse("Ready", "TlsRequired", f"sign-in by {plan.kind} needs TLS: use implicit or starttls", f"{direction}.tls")
    return plan


def _of(mailbox: Row, profile: Row, direction: Direction, source: str, credentials: str) -> SignInPlan:
    spec = profile.spec
    field = f"{source}.credentials"
    if credentials in ("server-to-server", "hybrid-modern-auth"):
        raise profile.unsupported(field, f"credentials {credentials} are a way of Exchange only; IMAP, POP3 and SMTP have none")
    certificate = (profile.resource.external_id, f"{source}.clientCertificate") if spec.get(f"{source}.clientCertificate.ref") else None
    if credentials == "anonymous" and direction == "incoming":
        raise profile.unsupported(field, "no server hands out mail to somebody who does not sign in: anonymous is for outgoing SMTP only")
    kind = _kind(profile, direction, source, credentials)
    if kind is SignInKind.ANONYMOUS:
        return SignInPlan(kind=kind, username="", certificate=certificate)
    if credentials == "profile" and direction == "incoming" and spec.get("incoming.protocol") != "ews":
        raise profile.unsupported(field, "one account for all mailboxes needs impersonation, which IMAP and POP3 do not have")
    username = _username(mailbox, profile, source, credentials)
    if kind is SignInKind.OAUTH:
        oauth = _oauth(mailbox, profile, credentials)
        if oauth.grant is Grant.REFRESH_TOKEN and credentials != "profile":
            _consent(mailbox)
        return SignInPlan(kind=kind, username=username, certificate=certificate, oauth=oauth)
    if credentials == "user-or-queue":
        _consent(mailbox)
    password = _password(mailbox, profile, source, credentials) if kind in (SignInKind.PASSWORD, SignInKind.NTLM) else None
    return SignInPlan(kind=kind, username=username, password=password, certificate=certificate)


def _kind(profile: Row, direction: Direction, source: str, credentials: str) -> SignInKind:
    spec = profile.spec
    field = _authentication_field(spec, direction, source)
    authentication = str(spec.get(field) or "auto-detect")
    if spec.get(f"{source}.certificateSignIn") is True:
        if not spec.get(f"{source}.clientCertificate.ref"):
            words = "certificateSignIn signs in by a certificate, and no clientCertificate is declared"
            raise profile.refuse("Ready", "NoCredentials", words, f"{source}.clientCertificate")
        if authentication != "auto-detect" or credentials not in ("user-or-queue", "profile"):
            words = "certificateSignIn stands in place of a password or a token: leave authentication and credentials at their defaults"
            raise profile.refuse("Ready", "SignInContradicts", words, f"{source}.certificateSignIn")
        return SignInKind.CERTIFICATE
    kind = _KINDS[credentials].get(authentication)
    if kind is None:
        if authentication == "negotiate" and credentials in ("user-or-queue", "profile"):
            words = "authentication negotiate uses the tickets of this host (Kerberos): declare credentials: windows-integrated with it"
        elif credentials == "windows-integrated":
            words = (
                f"credentials windows-integrated are the tickets of this host (Kerberos), which authentication {authentication} cannot use"
            )
        else:
            words = f"authentication {authentication} does not go with credentials {credentials}"
        raise profile.unsupported(field, words)
    return kind


def _authentication_field(spec: Mapping[str, Leaf], direction: Direction, source: str) -> str:
    """Whose authentication counts. A password that one service gets by NTLM must not go to it in clear for the other direction."""
    one_service = spec.get("incoming.protocol") == "ews" and spec.get("outgoing.protocol") == "ews"
    undeclared = spec.get(f"{direction}.authentication") in (None, "auto-detect")
    return f"{source if one_service and undeclared else direction}.authentication"


def _username(mailbox: Row, profile: Row, source: str, credentials: str) -> str:
    if credentials == "profile":
        username = profile.spec.get(f"{source}.username")
        if not username:
            words = f"{source}.credentials is profile, but no user name is declared"
            raise profile.refuse("Ready", "NoCredentials", words, f"{source}.username")
        return str(username)
    return str(mailbox.spec.get("credentials.username") or mailbox.spec.get("emailAddress") or "")


def _consent(mailbox: Row) -> None:
    if mailbox.spec.get("credentials.allowUse") is not True:
        words = "the profile uses the mailbox's credentials, and credentials.allowUse is not true"
        raise mailbox.refuse("Ready", "NoConsent", words, "credentials.allowUse")


def _password(mailbox: Row, profile: Row, source: str, credentials: str) -> tuple[str, str]:
    if credentials == "profile":
        if not profile.spec.get(f"{source}.password.ref"):
            raise profile.refuse("Ready", "NoCredentials", f"profile {profile.resource.name} declares no password", f"{source}.password")
        return profile.resource.external_id, f"{source}.password"
    if not mailbox.spec.get("credentials.password.ref"):
        words = "the mailbox declares no password"
        if mailbox.spec.get("credentials.refreshToken.ref"):
            words += ", only a refresh token: the profile's authentication must be oauth for that"
        raise mailbox.refuse("Ready", "NoCredentials", words, "credentials.password")
    return mailbox.resource.external_id, "credentials.password"


def _oauth(mailbox: Row, profile: Row, credentials: str) -> OAuthPlan:
    spec, owner = profile.spec, profile.resource.external_id
    declared = spec.get("oauth.grant") or ("client-credentials" if credentials == "entra-oauth" else "refresh-token")
    grant = Grant(str(declared))
    client = spec.get("oauth.clientId")
    if not client:
        words = "sign-in by OAuth needs the id of a registered application"
        raise profile.refuse("Ready", "NoCredentials", words, "oauth.clientId")
    endpoints = {name: _endpoint(profile, name) for name in _ENDPOINTS}
    if not endpoints["tokenEndpoint"]:
        words = "no token endpoint is known: declare oauth.tokenEndpoint, or a provider that has one (and oauth.tenantId for Microsoft's)"
        raise profile.refuse("Ready", "NoTokenEndpoint", words, "oauth.tokenEndpoint")
    secret = (owner, "oauth.clientSecret") if spec.get("oauth.clientSecret.ref") else None
    if grant is Grant.CLIENT_CREDENTIALS and secret is None:
        words = "the grant client-credentials needs the application's secret"
        raise profile.refuse("Ready", "NoCredentials", words, "oauth.clientSecret")
    by_mailbox = grant is Grant.REFRESH_TOKEN and credentials != "profile"
    refresh = by_mailbox and mailbox.spec.get("credentials.refreshToken.ref")
    scopes = spec.get("oauth.scopes")
    return OAuthPlan(
        grant=grant,
        account=mailbox.resource.external_id if by_mailbox else owner,
        client_id=str(client),
        client_secret=secret,
        refresh_token=(mailbox.resource.external_id, "credentials.refreshToken") if refresh else None,
        token_endpoint=endpoints["tokenEndpoint"],
        scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, tuple) else (),
        authority=str(spec.get("oauth.caCertificate") or ""),
        authorization_endpoint=endpoints["authorizationEndpoint"],
        device_endpoint=endpoints["deviceEndpoint"],
        revocation_endpoint=endpoints["revocationEndpoint"],
    )


def _endpoint(profile: Row, name: str) -> str:
    """An address of the profile, "" when none is declared. Tokens and secrets cross https only."""
    text = str(profile.spec.get(f"oauth.{name}") or "")
    if text:
        try:
            parts = urlsplit(text)
            sound = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
            sound = sound and (parts.port is None or parts.port > 0) and text.isascii() and text.isprintable() and " " not in text
        except ValueError:
            sound = False
        if not sound:
            words = f"oauth.{name} must be an https address without user name and fragment"
            raise profile.refuse("Ready", "NotHttps", words, f"oauth.{name}")
    return text
