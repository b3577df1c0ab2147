"""How an account proves itself to a mail server: the kind is fixed by configuration, and nothing weaker is ever tried instead."""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass


class SignInKind(StrEnum):
    """What is shown to the server."""

    PASSWORD = "password"  # LOGIN, SASL PLAIN or LOGIN (RFC 4616), USER and PASS, AUTH LOGIN
    OAUTH = "oauth"  # SASL OAUTHBEARER (RFC 7628) or XOAUTH2
    NTLM = "ntlm"
    KERBEROS = "kerberos"  # SASL GSSAPI (RFC 4752)
    CERTIFICATE = "certificate"  # SASL EXTERNAL (RFC 4422, appendix A) after a TLS handshake with a client certificate
    ANONYMOUS = "anonymous"  # nobody signs in; outgoing SMTP only


class Grant(StrEnum):
    """How a token is come by."""

    CLIENT_CREDENTIALS = "client-credentials"  # RFC 6749, section 4.4
    REFRESH_TOKEN = "refresh-token"  # RFC 6749, section 6


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthPlan:
    """Where a token comes from. `client_secret` and `refresh_token` name row and field of an applied secret, None where none is
    declared; a token that `reconcile auth login` or a rotation stored for `account` (the mailbox's external id, or the profile's)
    goes before the declared one until another one is declared. `authority` is a reference to a PEM, "" for the system's authorities.
    The endpoints a person signs in at and a token is revoked at (RFC 7009) are "" where none is known."""

    grant: Grant
    account: str
    client_id: str
    client_secret: tuple[str, str] | None
    refresh_token: tuple[str, str] | None
    token_endpoint: str
    scopes: tuple[str, ...]
    authority: str = ""
    authorization_endpoint: str = ""
    device_endpoint: str = ""
    revocation_endpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPlan:
    """What applied configuration says about signing in, without any secret. `password` and `certificate` name row and field of an
    applied secret. `certificate` is shown in every handshake, whatever the kind. `username` is "" for anonymous."""

    kind: SignInKind
    username: str
    password: tuple[str, str] | None = None
    certificate: tuple[str, str] | None = None
    oauth: OAuthPlan | None = None
