"""A mail provider: how it is reached, which ways of authentication it takes until when, and its limits. Facts, each with its source.

An estate declares its own servers in the same form, and may be laid over a provider that comes with the program: an endpoint, a
way of authentication, a limit or a source it names replaces that one as a whole; all else stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints

from reconcile.model.document import Group, PolicyDocument, Spec, required, setting
from reconcile.model.problem import Problem
from reconcile.model.text import Domain, Instant, Line, SetOf, Slug

Protocol: TypeAlias = Annotated[str, StringConstraints(pattern=r"^(imap|pop3|smtp|ews|graph|jmap|autodiscover)$")]
AuthenticationKind: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^(accountPassword|smtpPassword|appPassword|oauth|applicationOauth|ntlm|kerberos|clientCertificate|impersonation)$"
    ),
]
LimitName: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^(imapConnections|pop3Connections|smtpConnections|ewsConnections|ewsFindCount|graphConcurrency|graphRequests|graphUpload"
        r"|graphSubscriptions|imapDownload|imapUpload|pop3Download|messagesPerMinute|messagesPerDay|messagesPerDayConsumer"
        r"|messagesReceivedPerHour|recipientsPerDay|externalRecipientsPerDay|recipientsPerMessage|messageSize)$"
    ),
]
HttpsAddress: TypeAlias = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]+)?/[!-~]*$", max_length=400)]
Standing: TypeAlias = Literal["allowed", "ending", "removed", "not-offered"]

#: What each protocol is, for people.
PROTOCOL_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "imap": "IMAP",
        "pop3": "POP3",
        "smtp": "SMTP submission",
        "ews": "Exchange Web Services",
        "graph": "Microsoft Graph",
        "jmap": "JMAP",
        "autodiscover": "Autodiscover",
    }
)

#: What each way of authentication is. smtpPassword stands beside accountPassword where sending differs from receiving.
AUTHENTICATION_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accountPassword": "password of the account itself (basic authentication)",
        "smtpPassword": "password of the account itself for sending, where that differs",
        "appPassword": "password made for one application",
        "oauth": "OAuth 2.0 with the consent of each mailbox's owner",
        "applicationOauth": "OAuth 2.0 of an application, without a user",
        "ntlm": "NTLM",
        "kerberos": "Kerberos (Negotiate)",
        "clientCertificate": "client certificate",
        "impersonation": "Exchange impersonation role",
    }
)

#: The unit of each limit.
LIMIT_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "imapConnections": "connections",
        "pop3Connections": "connections",
        "smtpConnections": "connections",
        "ewsConnections": "connections",
        "ewsFindCount": "items a request",
        "graphConcurrency": "requests at a time",
        "graphRequests": "requests in 10 minutes",
        "graphUpload": "MB in 5 minutes",
        "graphSubscriptions": "subscriptions",
        "imapDownload": "MB a day",
        "imapUpload": "MB a day",
        "pop3Download": "MB a day",
        "messagesPerMinute": "messages a minute",
        "messagesPerDay": "messages in 24 hours",
        "messagesPerDayConsumer": "messages in 24 hours",
        "messagesReceivedPerHour": "messages an hour",
        "recipientsPerDay": "recipients in 24 hours",
        "externalRecipientsPerDay": "recipients in 24 hours",
        "recipientsPerMessage": "recipients",
        "messageSize": "MB",
    }
)


class ProviderSource(Group):
    """Where a fact was read."""

    title: Line = required("Title of the page, announcement or file, with its publisher.", max_length=400)
    date: Line | None = setting("Its date as far as it is known; null where it carries none.", max_length=40, examples=("2026-01-27",))
    url: Line | None = setting("Where it can be read.", max_length=2000)


class Fact(Group):
    """What every fact carries."""

    source: Slug | None = setting("Name of one of sources.", examples=("ispdb",))
    verified: bool = setting(
        "Whether it was read in the named source or measured; false: only at second hand, and rules must not fail because of it.",
        default=True,
    )
    note: Line | None = setting("What else is known of it.", max_length=500)


class OtherEndpoint(Fact):
    """A further way to the same protocol."""

    host: Domain | None = setting("Host; null where each installation has its own.", examples=("smtp.contoso.example",))
    port: int = required("TCP port.", ge=1, le=65535, examples=(587,))
    tls: Literal["implicit", "starttls"] = required("implicit: TLS from the first byte; starttls: upgraded and enforced.")


class Endpoint(OtherEndpoint):
    """Where a protocol answers."""

    path: Line | None = setting("Path of the address, of protocols over https.", max_length=200, examples=("/EWS/Exchange.asmx",))
    until: Instant | None = setting("First instant it no longer answers.", examples=("2027-04-01",))
    requires: Line | None = setting("What an administrator of the provider must switch on first.", max_length=500)
    alternatives: Annotated[tuple[OtherEndpoint, ...], Field(strict=False)] = setting(
        "Further hosts and ports; a profile that wants one declares it.", default=()
    )


class AuthenticationFact(Fact):
    """Whether the provider takes a way of authentication."""

    status: Standing = required("allowed, ending (works today; date says until when), removed (date says since when), or not-offered.")
    date: Instant | None = setting("Of ending: from when it no longer works unless somebody acts. Of removed: since when.")
    replaced_by: Line | None = setting("What to use instead.", max_length=200)
    scopes: Annotated[tuple[Line, ...], Field(strict=False)] = setting("OAuth scopes and application permissions.", default=())


class OAuthFact(Fact):
    """Where tokens come from. An address may hold {tenant}: the profile's oauth.tenantId stands there."""

    token_endpoint: HttpsAddress | None = setting("Address tokens are asked from.", examples=("https://login.contoso.example/token",))
    authorization_endpoint: HttpsAddress | None = setting("Address a person signs in at.")
    device_endpoint: HttpsAddress | None = setting("Address of device authorization (RFC 8628).")
    revocation_endpoint: HttpsAddress | None = setting("Address tokens are revoked at (RFC 7009).")
    clouds: dict[Slug, Domain] = setting(
        "Host that stands in place of the one above, by the profile's oauth.serverAuthority: us-government, china.", default={}
    )
    scopes: dict[Slug, Annotated[tuple[Line, ...], Field(strict=False)]] = setting(
        "Scopes for the consent of a mailbox's owner, by protocol; authentication.oauth.scopes for the others.", default={}
    )
    application_scopes: Annotated[tuple[Line, ...], Field(strict=False)] = setting("Scopes for an application without a user.", default=())


class ProviderLimit(Fact):
    """A limit; its name says the unit."""

    value: int | None = setting("The number; null: there is a limit, and its number is not known.", ge=0)
    scope: Line | None = setting("What it counts for: a mailbox, an account, an application …", max_length=200)


class Fips(Fact):
    """Whether the servers comply with FIPS 140."""

    compliant: bool | None = setting("Whether they do; null: not known.")
    edition: Line | None = setting("Edition of the standard that was asked for.", max_length=20, examples=("140-2",))


class ProviderNote(Fact):
    """A fact that has no field of its own."""

    text: Line = required("What is known.", max_length=1000)


class MailProviderSpec(Spec):
    """One provider."""

    display_name: Line | None = setting("Name for people; metadata.name where it is left out.", max_length=100)
    hosting: Literal["cloud", "self-hosted"] = setting("Who runs the servers.", default="self-hosted")
    aliases: Annotated[tuple[Slug, ...], Field(strict=False), SetOf] = setting("Other names that profiles may use.", default=())
    domains: Annotated[tuple[Domain, ...], Field(strict=False), SetOf] = setting(
        "Domains of its accounts. Servers below them are recognised as its own.", default=(), examples=(["gmail.com"],)
    )
    hosts: Annotated[tuple[Domain, ...], Field(strict=False), SetOf] = setting(
        "Further domains by whose servers it is recognised; hosts of endpoints count anyway.", default=()
    )
    verified: bool = setting("Whether its endpoints were read in a source; what they lack is then known to be missing.", default=True)
    source: Slug | None = setting("Name of one of sources: of the entry as a whole.")
    sources: dict[Slug, ProviderSource] = setting("Where the facts were read.", default={})
    endpoints: dict[Protocol, Endpoint] = setting(
        "Where each protocol answers: imap, pop3, smtp, ews, graph, jmap, autodiscover.", default={}
    )
    authentication: dict[AuthenticationKind, AuthenticationFact] = setting("How accounts prove themselves.", default={})
    limits: dict[LimitName, ProviderLimit] = setting("What it allows at a time or in a time.", default={})
    oauth: OAuthFact = setting("Where tokens come from.", default=OAuthFact.model_construct())
    fips140: Fips = setting("Compliance with FIPS 140.", default=Fips.model_construct())
    notes: Annotated[tuple[ProviderNote, ...], Field(strict=False)] = setting("Facts without a field of their own.", default=())


class MailProvider(PolicyDocument):
    """How a mail provider is reached, and what it allows."""

    kind: Literal["MailProvider"] = required("MailProvider.")
    spec: MailProviderSpec = required("The facts.")


def problems(spec: MailProviderSpec) -> Iterator[Problem]:
    """What cannot be meant."""
    for path, source in _sources(spec):
        if source not in spec.sources:
            known = ", ".join(spec.sources)
            yield Problem(path, f"sources of this document have no {source}" + (f", only {known}" if known else ""))
    for protocol, endpoint in spec.endpoints.items():
        if endpoint.path is not None and protocol in ("imap", "pop3", "smtp"):
            yield Problem(f"endpoints.{protocol}.path", f"{PROTOCOL_NAMES[protocol]} has no path")
        elif endpoint.path is not None and not endpoint.path.startswith("/"):
            yield Problem(f"endpoints.{protocol}.path", "a path starts with a slash")
        if endpoint.tls == "starttls" and protocol not in ("imap", "pop3", "smtp"):
            yield Problem(f"endpoints.{protocol}.tls", f"{PROTOCOL_NAMES[protocol]} speaks https: implicit, there is no starttls")
    for name in spec.oauth.clouds.keys() - {"us-government", "china"}:
        yield Problem(f"oauth.clouds.{name}", "the clouds of oauth.serverAuthority are us-government and china")
    for name in spec.oauth.scopes.keys() - {"imap", "pop3", "smtp"}:
        yield Problem(f"oauth.scopes.{name}", "scopes are named by imap, pop3 and smtp")
    for kind, fact in spec.authentication.items():
        if fact.date is not None and fact.status in ("allowed", "not-offered"):
            yield Problem(f"authentication.{kind}.date", f"only what is ending or removed has a date, not what is {fact.status}")


def _sources(spec: MailProviderSpec) -> Iterator[tuple[str, str]]:
    """Path and name of each source that a fact names."""
    facts: dict[str, Fact] = {f"notes.{number}": one for number, one in enumerate(spec.notes)}
    for group, entries in (("endpoints", spec.endpoints), ("authentication", spec.authentication), ("limits", spec.limits)):
        facts.update({f"{group}.{name}": one for name, one in entries.items()})
    for protocol, endpoint in spec.endpoints.items():
        facts.update({f"endpoints.{protocol}.alternatives.{number}": one for number, one in enumerate(endpoint.alternatives)})
    facts["fips140"] = spec.fips140
    facts["oauth"] = spec.oauth
    if spec.source is not None:
        yield "source", spec.source
    for path, fact in facts.items():
        if fact.source is not None:
            yield f"{path}.source", fact.source
