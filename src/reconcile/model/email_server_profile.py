"""How a mail system is reached: servers, ports, authentication, limits.

Fields follow the profile forms for Exchange and POP3/SMTP and the table of the product (Power Platform: "Create email
server profiles and add mailboxes using server-side synchronization"; Dataverse table reference: "Email Server Profile").
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from reconcile.model.document import Document, Group, SecretField, Spec, required, setting
from reconcile.model.problem import Problem
from reconcile.model.protocols import PROTOCOLS, IncomingProtocol, OutgoingProtocol, ServerType
from reconcile.model.text import Address, Duration, Host, Instant, Line, Location, Network, Paragraphs, Reference, SetOf, Slug, Uuid, span

_LARGE = 2**31 - 1

Tls: TypeAlias = Literal["implicit", "starttls", "none"]
Authentication: TypeAlias = Literal["auto-detect", "negotiate", "ntlm", "basic", "oauth"]
CredentialRetrieval: TypeAlias = Literal[
    "user-or-queue", "profile", "server-to-server", "windows-integrated", "anonymous", "gmail-oauth", "hybrid-modern-auth", "entra-oauth"
]
ExchangeVersion: TypeAlias = Literal[
    "exchange-2007", "exchange-2007-sp1", "exchange-2010", "exchange-2010-sp1", "exchange-2010-sp2", "exchange-2013"
]
ServerVersion: TypeAlias = Literal[
    "exchange-2003",
    "exchange-2007",
    "exchange-2007-sp1",
    "exchange-2010",
    "exchange-2010-sp1",
    "exchange-2010-sp2",
    "exchange-2010-sp3",
    "exchange-2013",
    "exchange-2013-sp1",
    "exchange-2016",
    "exchange-2019",
    "exchange-se",
    "exchange-online",
]


class ConnectionSettings(Group):
    """What both directions share."""

    server: Location | None = setting(
        "Server of this direction: a host name or IP address, or the https address of Exchange Web Services.",
        examples=("imap.contoso.example", "https://mail.contoso.example/EWS/Exchange.asmx"),
    )
    port: int | None = setting("TCP port.", derived="the usual port of protocol and tls", ge=1, le=65535, examples=(993,))
    ca_certificate: Reference | None = setting(
        "PEM certificate of the authority that signed the server's certificate, by reference; the system's authorities otherwise.",
        examples=("file:contoso-ca.pem",),
    )
    authentication: Authentication = setting("How the account proves itself on the wire.", default="auto-detect")
    username: Line | None = setting(
        "Account used for all mailboxes of the profile; needs credentials: profile.", max_length=250, examples=("crm@contoso.example",)
    )
    password: SecretField | None = setting("Password of that account, by reference.", examples=("env:CRM_MAIL_PASSWORD",))
    use_impersonation: bool = setting("Use Exchange impersonation for other mailboxes; false means delegation.", default=False)
    client_certificate: SecretField | None = setting(
        "PEM with certificate and private key that is shown in the TLS handshake, by reference.", examples=("file:contoso-client.pem",)
    )
    certificate_sign_in: bool = setting(
        "Sign in by clientCertificate (SASL EXTERNAL) instead of a password; the authorization identity is the user name.", default=False
    )


class IncomingSettings(ConnectionSettings):
    """How mail is fetched. There is no SMTP here."""

    protocol: IncomingProtocol | None = setting("Protocol mail is fetched with.", derived="the one of serverType")
    tls: Tls = setting("implicit: TLS from the first byte; starttls: upgraded and enforced; none: no encryption.", default="implicit")
    credentials: CredentialRetrieval = setting("Where the credentials come from.", default="user-or-queue")
    idle: bool = setting("IMAP, Exchange: keep a connection open over which the server announces new mail, beside polling.", default=False)
    compression: bool = setting("IMAP, Exchange: have the server pack what it sends, where it can.", default=False)
    keywords: bool = setting(
        "IMAP, Exchange: mark mail at the server as tracked or undeliverable, with a keyword or a category.",
        default=False,
    )


class OutgoingSettings(ConnectionSettings):
    """How mail is sent. There is no POP3 and no IMAP here."""

    protocol: OutgoingProtocol | None = setting("Protocol mail is sent with.", derived="the one of serverType")
    tls: Tls | None = setting(
        "implicit: TLS from the first byte; starttls: upgraded and enforced; none: no encryption.",
        derived="starttls for smtp, else implicit",
    )
    credentials: CredentialRetrieval | None = setting(
        "Where the credentials come from; not used with useSameSettingsForOutgoing.",
        derived="user-or-queue, unless useSameSettingsForOutgoing",
    )
    auto_grant_delegate_access: bool = setting("Let the product grant itself delegate access when it sends.", default=False)
    sent_copy: Literal["none", "append"] = setting(
        "append: put a copy of sent mail into the folder for sent mail, over IMAP; none: the server keeps one itself, or nobody does.",
        default="none",
    )
    delivery_reports: Annotated[tuple[Literal["failure", "delay", "success"], ...], Field(strict=False), SetOf] | None = setting(
        "SMTP: delivery status notifications to ask for, where the server offers DSN; omitted leaves it to the server.",
        examples=(["failure", "delay"],),
    )
    messages_per_minute: int | None = setting(
        "Most messages a mailbox sends in a minute.", derived="the limit of the provider", ge=1, le=_LARGE
    )
    messages_per_day: int | None = setting(
        "Most messages a mailbox sends in 24 hours.", derived="the limit of the provider", ge=1, le=_LARGE
    )
    recipients_per_message: int | None = setting(
        "Most recipients of one handing over; a message to more goes out in several.", derived="the limit of the provider", ge=1, le=_LARGE
    )
    message_size: int | None = setting(
        "Largest message in bytes, with its headers and attachments encoded.", derived="the limit of the provider", ge=1024, le=_LARGE
    )


class OAuthSettings(Group):
    """Token-based authentication: Gmail, hybrid modern authentication, Microsoft Entra ID."""

    client_id: Line | None = setting("Id of the registered application.", max_length=1024)
    client_secret: SecretField | None = setting("Secret of the application, by reference.", examples=("env:CRM_CLIENT_SECRET",))
    tenant_id: Uuid | None = setting("Tenant that hosts the Exchange Online mailboxes.", examples=("11111111-2222-4333-8444-555555555555",))
    use_default_tenant_id: bool = setting("Use the tenant id that the product's setup script stored instead of tenantId.", default=True)
    resource_id: Line | None = setting("Entra resource the token is asked for, usually the host of the EWS endpoint.", max_length=1024)
    server_authority: Literal["public", "us-government", "china", "automatic"] = setting("Cloud whose sign-in is used.", default="public")
    grant: Literal["client-credentials", "refresh-token"] | None = setting(
        "client-credentials: the application signs in itself; refresh-token: each mailbox's owner agrees once (`reconcile auth login`).",
        derived="client-credentials for entra-oauth, refresh-token for gmail-oauth and for mailbox credentials",
    )
    token_endpoint: Location | None = setting(
        "Address tokens are asked from; https.", derived="the one of the provider", examples=("https://login.contoso.example/token",)
    )
    authorization_endpoint: Location | None = setting("Address a person signs in at; https.", derived="the one of the provider")
    device_endpoint: Location | None = setting("Address of device authorization (RFC 8628); https.", derived="the one of the provider")
    revocation_endpoint: Location | None = setting("Address tokens are revoked at (RFC 7009); https.", derived="the one of the provider")
    scopes: Annotated[tuple[Line, ...], Field(strict=False), SetOf] | None = setting(
        "Scopes a token is asked for.", derived="those of the provider for the protocol", examples=(["https://mail.google.com/"],)
    )
    ca_certificate: Reference | None = setting(
        "PEM certificate of the authority that signed the token endpoint's certificate, by reference; the system's authorities otherwise."
    )
    key_vault_reference: Line | None = setting("Key vault reference that holds the certificate, as the target names it.", max_length=320)
    managed_identity: Line | None = setting("Managed identity that opens the key vault, as the target names it.", max_length=320)


class DiscoverySettings(Group):
    """Where Autodiscover may go beyond the mail domain and what lies below it."""

    hosts: Annotated[tuple[Host, ...], Field(strict=False), SetOf] | None = setting(
        "Hosts that Autodiscover may lead to besides the mail domain: a name, or .name for all below it.",
        examples=([".hosting.example"],),
    )
    private_networks: Annotated[tuple[Network, ...], Field(strict=False), SetOf] | None = setting(
        "Networks of addresses that are not public and may be led to all the same.", examples=(["10.20.0.0/16"],)
    )
    root_domain: bool = setting("Ask the web server of the mail domain itself, too, and show it credentials.", default=False)
    plain_http: bool = setting(
        "Ask over plain http where Autodiscover is; credentials go where the answer leads only once a person has confirmed the host.",
        default=False,
    )


class ProfileFacts(Group):
    """What no column of the product holds, but rules need to know. Never written to a target of the product."""

    server_version: ServerVersion | None = setting(
        "Real version of the mail server; exchangeVersion, the column of the product, ends with 2013.", examples=("exchange-se",)
    )
    mfa: bool | None = setting("Whether the profile's account needs a second factor.")
    impersonation_scope: Literal["whole-organization", "scoped"] | None = setting(
        "Whether the impersonation right of the profile's account covers every mailbox or a management scope."
    )
    application_scope: Literal["whole-tenant", "scoped"] | None = setting(
        "Whether the registered application may open every mailbox of the tenant or those of an access policy."
    )
    custom_provider: bool | None = setting("Whether a custom mail provider stands behind the profile, which the product does not support.")
    fips_compliant: bool | None = setting("Whether the mail server complies with FIPS 140.")
    bulk_mailing: bool | None = setting("Whether mass mailings run over this profile, which the product does not support.")
    ews_switch: Literal["on", "off", "not-set"] | None = setting(
        "Switch EWSEnabled of the Exchange Online tenant that hosts the mailboxes: on is True, off is False, not-set is Null."
    )
    ews_allowed: bool | None = setting(
        "Whether the application that signs in stands in EWSAllowedAppIDs of the Exchange Online tenant that hosts the mailboxes."
    )
    graph_permissions: Annotated[tuple[Line, ...], Field(strict=False), SetOf] | None = setting(
        "Microsoft Graph application permissions that the tenant granted to the registered application.",
        examples=(["Mail.ReadWrite", "Mail.Send"],),
    )


class EmailServerProfileSpec(Spec):
    """One email server profile."""

    display_name: Line = required(
        "Name the product shows; 1 to 100 characters, no control characters.", max_length=100, examples=("Exchange Süd",)
    )
    description: Paragraphs | None = setting("What the profile is for; at most 2,000 characters.")
    state: Literal["active", "inactive"] = setting("Mailboxes of an inactive profile are not processed.", default="active")
    owner: Line | None = setting("User or team that owns the profile and is told of its alerts, as the target names it.", max_length=320)
    owner_email_address: Address | None = setting("Address of the owner, for alerts.", examples=("postmaster@contoso.example",))
    send_email_alert: bool = setting("Mail the owner when more than half of the mailboxes failed within an hour.", default=False)
    server_type: ServerType = required("Kind of mail system; decides the protocols.", examples=("imap-smtp",))
    provider: Slug | None = setting(
        "Mail provider whose servers are used: metadata.name or alias of a MailProvider. It fills in what is not declared here.",
        examples=("gmail",),
    )
    exchange_version: ExchangeVersion | None = setting("Version of Exchange as the product's list has it.")
    autodiscover: bool = setting("Find the server of each mailbox by Autodiscover; Exchange only, and slower.", default=False)
    discovery: DiscoverySettings = setting("Where Autodiscover may go.", default=DiscoverySettings.model_construct())
    default_server_location: Location | None = setting("Default server address; not on the product's form.")
    encoding_code_page: Line | None = setting("Code page message content is encoded with.", max_length=100, examples=("utf-8",))
    incoming: IncomingSettings = setting("How mail is fetched.", default=IncomingSettings.model_construct())
    outgoing: OutgoingSettings = setting("How mail is sent.", default=OutgoingSettings.model_construct())
    use_same_settings_for_outgoing: bool = setting(
        "Use credentials, username, password and impersonation of incoming for outgoing too; server, port and tls stay its own.",
        default=True,
    )
    oauth: OAuthSettings = setting("Token-based authentication.", default=OAuthSettings.model_construct())
    process_email_from: Instant | None = setting(
        "Mail received before this instant is not processed in any mailbox of the profile.", examples=("2026-01-01T00:00:00Z",)
    )
    max_concurrent_connections: int = setting(
        "Connections at the same time to the server, per account that signs in; 1 to 300.", default=10, ge=1, le=300
    )
    min_polling_interval: Annotated[Duration, AfterValidator(span("0m", "1440m", whole="1m"))] = setting(
        "Shortest time between two looks at a mailbox, in whole minutes up to 1440m.", default=timedelta(minutes=5), examples=("5m",)
    )
    move_undelivered_emails: bool = setting(
        "Move mail that could not be tracked to the folder Undeliverable; over IMAP and Exchange, in the product Exchange only.",
        default=False,
    )
    timeout_mailbox_connection: bool = setting("Give up on a connection that takes too long.", default=True)
    timeout_mailbox_connection_after: Annotated[Duration, AfterValidator(span("0s", "100s", whole="1ms"))] = setting(
        "How long such a connection may take, up to 100s.", default=timedelta(seconds=60), examples=("60s",)
    )
    facts: ProfileFacts = setting("Facts the product has no column for.", default=ProfileFacts.model_construct())


class EmailServerProfile(Document):
    """How a mail system is reached."""

    kind: Literal["EmailServerProfile"] = required("EmailServerProfile.")
    spec: EmailServerProfileSpec = required("What is wanted.")


def problems(spec: EmailServerProfileSpec) -> Iterator[Problem]:
    """Combinations that the product does not support or that mean nothing."""
    fetch, send = PROTOCOLS[spec.server_type]
    for direction, settings, fitting in (("incoming", spec.incoming, fetch), ("outgoing", spec.outgoing, send)):
        if settings.protocol not in (None, fitting):
            yield Problem(
                f"{direction}.protocol",
                f"serverType {spec.server_type} fetches with {fetch} and sends with {send}, not with {settings.protocol}",
            )
        elif settings.server is not None:
            yield from _server_problems(direction, settings.server, fitting)
    if spec.autodiscover and fetch != "ews":
        yield Problem("autodiscover", f"Autodiscover finds Exchange servers only, not those of serverType {spec.server_type}")
    if fetch == "ews":
        for direction, tls in (("incoming", spec.incoming.tls), ("outgoing", spec.outgoing.tls)):
            if tls == "starttls":
                yield Problem(f"{direction}.tls", "Exchange Web Services speak https: implicit or none, there is no starttls")


def _server_problems(direction: str, server: str, protocol: str) -> Iterator[Problem]:
    is_address = server.startswith(("https://", "http://"))
    if protocol == "ews" and not is_address:
        yield Problem(f"{direction}.server", "Exchange Web Services are named by address: https://HOST/EWS/Exchange.asmx")
    elif protocol != "ews" and ("/" in server or "@" in server or (":" in server and server.count(":") < 2)):
        # Two colons or more make an IPv6 address.
        yield Problem(f"{direction}.server", f"{protocol} takes a host name or IP address alone; the port has a field of its own")
