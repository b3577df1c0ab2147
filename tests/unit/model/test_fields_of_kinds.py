"""Each rule about a field, with values that keep it and values that break it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from reconcile.model import kinds

Build = Callable[..., dict[str, Any]]

IMAP = {"serverType": "imap-smtp"}
POP3 = {"serverType": "pop3-smtp"}

GOOD: list[tuple[str, dict[str, object]]] = [
    ("EmailServerProfile", {"displayName": "x"}),
    ("EmailServerProfile", {"displayName": "Üm läute ☃ 漢字 " + "a" * 86}),
    ("EmailServerProfile", {"description": "two\nlines\tand a tab"}),
    ("EmailServerProfile", {"maxConcurrentConnections": 1}),
    ("EmailServerProfile", {"maxConcurrentConnections": 300}),
    ("EmailServerProfile", {"incoming.port": 1}),
    ("EmailServerProfile", {"incoming.port": 65535}),
    ("EmailServerProfile", {"incoming.port": None, "incoming.server": None, "owner": None, "processEmailFrom": None}),
    ("EmailServerProfile", {"minPollingInterval": "0m"}),
    ("EmailServerProfile", {"minPollingInterval": "24h"}),
    ("EmailServerProfile", {"timeoutMailboxConnectionAfter": "100s"}),
    ("EmailServerProfile", {"timeoutMailboxConnectionAfter": "1500ms"}),
    ("EmailServerProfile", {"incoming.server": "https://mail.contoso.example/EWS/Exchange.asmx", "incoming.protocol": "ews"}),
    ("EmailServerProfile", {**IMAP, "incoming.protocol": "imap", "outgoing.protocol": "smtp"}),
    ("EmailServerProfile", {**POP3, "incoming.protocol": "pop3", "outgoing.tls": "starttls"}),
    ("EmailServerProfile", {**IMAP, "incoming.server": "imap.contoso.example"}),
    ("EmailServerProfile", {**IMAP, "incoming.server": "192.0.2.1"}),
    ("EmailServerProfile", {**IMAP, "incoming.server": "2001:db8::1"}),
    ("EmailServerProfile", {"facts.serverVersion": "exchange-se", "exchangeVersion": "exchange-2013"}),
    ("EmailServerProfile", {"incoming.password": "env:MAIL_PASSWORD"}),
    ("EmailServerProfile", {"incoming.password": {"ref": "file:mail/password", "generation": 3, "expires": "2027-01-31"}}),
    ("EmailServerProfile", {"incoming.password": None}),
    ("EmailServerProfile", {"oauth.clientSecret": "file:client"}),
    ("EmailServerProfile", {"incoming.caCertificate": "file:ca.pem"}),
    ("Mailbox", {"displayName": "ä" * 200}),
    ("Mailbox", {"emailAddress": "o'hara+crm@xn--mller-kva.example"}),
    ("Mailbox", {"emailAddress": "größe@müller.example"}),
    ("Mailbox", {"emailAddress": "recent:sales@contoso.example"}),
    ("Mailbox", {"type": "queue", "deleteAfterProcessing": True}),
    ("Mailbox", {"type": "forward", "deleteAfterProcessing": True, "incoming": "server-side"}),
    ("Mailbox", {"type": "user", "incoming": "forward-mailbox", "outgoing": "outlook", "appointmentsContactsTasks": "server-side"}),
    ("Mailbox", {"filter": None, "profile": None, "processEmailFrom": "2026-03-01"}),
    (
        "Mailbox",
        {"facts.location": "external", "facts.mfa": True, "facts.bulkMailing": False, "facts.synchronizedElsewhere": "email-router"},
    ),
    ("Organization", {"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True, "fips": True}),
    ("Organization", {"ownedDomains": ["Contoso.example", "sub.contoso.example"], "defaults.profile": "exchange"}),
    ("Organization", {"tracking.token.prefix": "CRM:", "alerts.retention": "30d", "attachments.maximumSize": 134217728}),
    ("Environment", {"variables": {"domain": "contoso.example", "port": 993, "on": True}}),
    ("Environment", {"allowedRecipients": ["*"], "timeZone": "Europe/Berlin", "layers": ["base", "teams/sales"]}),
    ("Environment", {"allowedRecipients": ["@contoso.example", "sales@fabrikam.example"], "target.type": "memory"}),
    ("Environment", {"allowedRecipients": []}),
]

# kind, fields, where the error is, words of its message
BAD: list[tuple[str, dict[str, object], str, str]] = [
    ("EmailServerProfile", {"displayName": ""}, "displayName", "at least 1 character"),
    ("EmailServerProfile", {"displayName": "a" * 101}, "displayName", "at most 100 characters"),
    ("EmailServerProfile", {"displayName": "bell\x07"}, "displayName", "pattern"),
    ("EmailServerProfile", {"displayName": "two\nlines"}, "displayName", "pattern"),
    ("EmailServerProfile", {"displayName": "C1 \x85"}, "displayName", "pattern"),
    ("EmailServerProfile", {"displayName": None}, "displayName", "valid string"),
    ("EmailServerProfile", {"displayName": 5}, "displayName", "valid string"),
    ("EmailServerProfile", {"description": "nul\x00"}, "description", "pattern"),
    ("EmailServerProfile", {"description": "a" * 2001}, "description", "at most 2000 characters"),
    ("EmailServerProfile", {"serverType": "imap"}, "serverType", "'imap-smtp'"),
    ("EmailServerProfile", {"sendEmailAlert": "yes"}, "sendEmailAlert", "valid boolean"),
    ("EmailServerProfile", {"sendEmailAlert": 1}, "sendEmailAlert", "valid boolean"),
    ("EmailServerProfile", {"sendEmailAlert": None}, "sendEmailAlert", "valid boolean"),
    ("EmailServerProfile", {"maxConcurrentConnections": 0}, "maxConcurrentConnections", "greater than or equal to 1"),
    ("EmailServerProfile", {"maxConcurrentConnections": 301}, "maxConcurrentConnections", "less than or equal to 300"),
    ("EmailServerProfile", {"maxConcurrentConnections": "10"}, "maxConcurrentConnections", "valid integer"),
    ("EmailServerProfile", {"maxConcurrentConnections": True}, "maxConcurrentConnections", "valid integer"),
    ("EmailServerProfile", {"incoming.port": 0}, "incoming.port", "greater than or equal to 1"),
    ("EmailServerProfile", {"incoming.port": 65536}, "incoming.port", "less than or equal to 65535"),
    ("EmailServerProfile", {"incoming.port": 993.0}, "incoming.port", "valid integer"),
    ("EmailServerProfile", {"incoming": None}, "incoming", "IncomingSettings"),
    ("EmailServerProfile", {"incoming.prot": 993}, "incoming.prot", "not permitted"),
    ("EmailServerProfile", {"display_name": "x"}, "display_name", "not permitted"),
    ("EmailServerProfile", {"minPollingInterval": 5}, "minPollingInterval", "a duration needs a unit"),
    ("EmailServerProfile", {"minPollingInterval": "90s"}, "minPollingInterval", "90s is no multiple of 1m"),
    ("EmailServerProfile", {"minPollingInterval": "1441m"}, "minPollingInterval", "1441m is outside 0m to 1440m"),
    ("EmailServerProfile", {"timeoutMailboxConnectionAfter": "101s"}, "timeoutMailboxConnectionAfter", "101s is outside 0s to 100s"),
    ("EmailServerProfile", {"processEmailFrom": "yesterday"}, "processEmailFrom", "no RFC 3339 instant"),
    ("EmailServerProfile", {"processEmailFrom": 20260301}, "processEmailFrom", "expected a date"),
    ("EmailServerProfile", {"processEmailFrom": "2026-03-29T02:30:00"}, "processEmailFrom", "does not exist in Europe/Berlin"),
    ("EmailServerProfile", {**IMAP, "incoming.protocol": "smtp"}, "incoming.protocol", "'ews', 'imap' or 'pop3'"),
    ("EmailServerProfile", {**POP3, "outgoing.protocol": "pop3"}, "outgoing.protocol", "'ews' or 'smtp'"),
    ("EmailServerProfile", {**POP3, "outgoing.protocol": "imap"}, "outgoing.protocol", "'ews' or 'smtp'"),
    (
        "EmailServerProfile",
        {"outgoing.protocol": "smtp"},
        "outgoing.protocol",
        "exchange-server fetches with ews and sends with ews, not with smtp",
    ),
    (
        "EmailServerProfile",
        {**POP3, "outgoing.protocol": "ews"},
        "outgoing.protocol",
        "pop3-smtp fetches with pop3 and sends with smtp, not with ews",
    ),
    ("EmailServerProfile", {**IMAP, "incoming.protocol": "pop3"}, "incoming.protocol", "imap-smtp fetches with imap"),
    ("EmailServerProfile", {**IMAP, "autodiscover": True}, "autodiscover", "Exchange servers only"),
    ("EmailServerProfile", {"incoming.tls": "starttls"}, "incoming.tls", "there is no starttls"),
    ("EmailServerProfile", {"incoming.tls": True}, "incoming.tls", "'implicit'"),
    ("EmailServerProfile", {"incoming.server": "mail.contoso.example"}, "incoming.server", "named by address: https://"),
    ("EmailServerProfile", {**IMAP, "incoming.server": "imaps://imap.contoso.example"}, "incoming.server", "host name or IP address alone"),
    ("EmailServerProfile", {**IMAP, "outgoing.server": "smtp.contoso.example:587"}, "outgoing.server", "the port has a field of its own"),
    ("EmailServerProfile", {**IMAP, "incoming.server": "imap contoso"}, "incoming.server", "pattern"),
    ("EmailServerProfile", {"oauth.tenantId": "contoso"}, "oauth.tenantId", "pattern"),
    ("EmailServerProfile", {"incoming.password": "hunter2"}, "incoming.password.ref", "written as a reference"),
    ("EmailServerProfile", {"incoming.password": 12345}, "incoming.password", "written as a reference"),
    ("EmailServerProfile", {"incoming.password": {"value": "hunter2"}}, "incoming.password.ref", "required"),
    (
        "EmailServerProfile",
        {"incoming.password": {"ref": "env:X", "generation": 0}},
        "incoming.password.generation",
        "greater than or equal to 1",
    ),
    ("EmailServerProfile", {"incoming.password": "file:/etc/shadow"}, "incoming.password.ref", "relative to the secrets directory"),
    ("EmailServerProfile", {"incoming.password": "file:../x"}, "incoming.password.ref", "without '..'"),
    ("EmailServerProfile", {"ownerEmailAddress": "nobody"}, "ownerEmailAddress", "pattern"),
    ("EmailServerProfile", {"facts.serverVersion": "exchange-2030"}, "facts.serverVersion", "'exchange-se'"),
    ("Mailbox", {"displayName": "a" * 201}, "displayName", "at most 200 characters"),
    ("Mailbox", {"emailAddress": "sales"}, "emailAddress", "pattern"),
    ("Mailbox", {"emailAddress": "sales@@contoso.example"}, "emailAddress", "pattern"),
    ("Mailbox", {"emailAddress": "Sales <sales@contoso.example>"}, "emailAddress", "pattern"),
    ("Mailbox", {"emailAddress": "sales@contoso..example"}, "emailAddress", "pattern"),
    ("Mailbox", {"emailAddress": "sales@contoso.example\n"}, "emailAddress", "pattern"),
    ("Mailbox", {"emailAddress": "a" * 90 + "@contoso.example"}, "emailAddress", "at most 100 characters"),
    ("Mailbox", {"type": "shared"}, "type", "'user', 'queue' or 'forward'"),
    ("Mailbox", {"type": "forward", "outgoing": "server-side"}, "outgoing", "a forward mailbox sends nothing"),
    ("Mailbox", {"type": "forward", "incoming": "forward-mailbox"}, "incoming", "cannot itself receive through a forward mailbox"),
    ("Mailbox", {"type": "forward", "incoming": "outlook"}, "incoming", "server-side or not at all"),
    ("Mailbox", {"type": "user", "deleteAfterProcessing": True}, "deleteAfterProcessing", "mail of a user mailbox is never deleted"),
    ("Mailbox", {"deleteAfterProcessing": True}, "deleteAfterProcessing", "mail of a user mailbox is never deleted"),
    ("Mailbox", {"type": "queue", "appointmentsContactsTasks": "server-side"}, "appointmentsContactsTasks", "only none fits"),
    ("Mailbox", {"type": "queue", "incoming": "outlook"}, "incoming", "a queue has no Outlook"),
    ("Mailbox", {"profile": "Exchange Profile"}, "profile", "pattern"),
    ("Mailbox", {"incoming": False}, "incoming", "'none'"),
    ("Mailbox", {"incoming": None}, "incoming", "'none'"),
    ("Mailbox", {"outgoing": "forward-mailbox"}, "outgoing", "'none', 'outlook' or 'server-side'"),
    ("Mailbox", {"verboseLogging": 5}, "verboseLogging", "not permitted"),
    (
        "Organization",
        {"deployment": "online", "deploymentSettings.allowNonSslEmail": True},
        "deploymentSettings.allowNonSslEmail",
        "only an on-premises deployment",
    ),
    ("Organization", {"deployment": "on-premises", "cloud": "public"}, "cloud", "runs in no cloud"),
    ("Organization", {"tracking.token.prefix": "x" * 21}, "tracking.token.prefix", "at most 20 characters"),
    ("Organization", {"tracking.token.maximumSubjectLength": 254}, "tracking.token.maximumSubjectLength", "greater than or equal to 255"),
    ("Organization", {"attachments.maximumSize": 134217729}, "attachments.maximumSize", "less than or equal to 134217728"),
    ("Organization", {"alerts.retention": "36h"}, "alerts.retention", "no multiple of 1d"),
    ("Organization", {"ownedDomains": "contoso.example"}, "ownedDomains", "valid tuple"),
    ("Organization", {"ownedDomains": ["contoso example"]}, "ownedDomains.0", "pattern"),
    ("Environment", {"timeZone": "Berlin"}, "timeZone", "no time zone of the IANA database"),
    ("Environment", {"layers": ["../outside"]}, "layers.0", "without '..'"),
    ("Environment", {"layers": ["/etc"]}, "layers.0", "pattern"),
    ("Environment", {"allowedRecipients": ["contoso.example"]}, "allowedRecipients.0", "pattern"),
    ("Environment", {"variables": {"a b": 1}}, "variables.a b.[key]", "pattern"),
    ("Environment", {"variables": {"ratio": 1.5}}, "variables.ratio.str", "valid string"),
    ("Environment", {"organizationId": "contoso"}, "organizationId", "pattern"),
    ("Environment", {"target.type": "dataverse"}, "target.type", "'engine', 'memory' or 'snapshot'"),
]


@pytest.mark.parametrize(("kind", "fields"), GOOD)
def test_accepts(kind: str, fields: dict[str, object], document: Build) -> None:
    decoded = kinds.decode(kind, document(kind, fields), time_zone="Europe/Berlin")
    canonical = kinds.canonical(decoded)
    assert {path for path in fields if "." not in path and not isinstance(fields[path], dict)} <= set(canonical)


@pytest.mark.parametrize(("kind", "fields", "path", "words"), BAD)
def test_refuses(kind: str, fields: dict[str, object], path: str, words: str, document: Build) -> None:
    with pytest.raises(ValidationError) as caught:
        kinds.decode(kind, document(kind, fields), time_zone="Europe/Berlin")
    errors = {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}
    assert f"spec.{path}" in errors
    assert words in errors[f"spec.{path}"]


def test_messages_never_repeat_a_secret_in_the_wrong_place(document: Build) -> None:
    for value in ("hunter2", "env:hunter2 x", "file:/hunter2", {"ref": "hunter2"}, {"hunter": "hunter2"}, ["hunter2"]):
        with pytest.raises(ValidationError) as caught:
            kinds.decode("EmailServerProfile", document("EmailServerProfile", {"incoming.password": value}), time_zone="UTC")
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in str(caught.value.errors(include_input=False, include_context=False))


@pytest.mark.parametrize("name", ["a", "a-b", "0", "a" * 63])
def test_slugs(name: str, document: Build) -> None:
    assert kinds.decode("Mailbox", document("Mailbox", name=name), time_zone="UTC").metadata.name == name


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "ä", "a" * 64, "a\n", 5, None])
def test_what_is_no_slug(name: object, document: Build) -> None:
    with pytest.raises(ValidationError) as caught:
        kinds.decode("Mailbox", document("Mailbox", name=name), time_zone="UTC")
    assert [error["loc"] for error in caught.value.errors()] == [("metadata", "name")]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"apiVersion": "reconcile/v2"}, ("apiVersion",)),
        ({"kind": "Queue"}, ("kind",)),
        ({"status": {}}, ("status",)),
        ({"spec": None}, ("spec",)),
        ({"metadata": {"name": "x", "labels": {"team": 5}}}, ("metadata", "labels", "team")),
        ({"metadata": {"name": "x", "owner": "y"}}, ("metadata", "owner")),
    ],
)
def test_the_envelope(change: dict[str, object], place: tuple[str, ...], document: Build) -> None:
    with pytest.raises(ValidationError) as caught:
        kinds.decode("Mailbox", {**document("Mailbox"), **change}, time_zone="UTC")
    assert [error["loc"] for error in caught.value.errors()] == [place]


def test_all_combinations_that_cannot_be_are_named_at_once(document: Build) -> None:
    fields = {"type": "forward", "outgoing": "outlook", "incoming": "outlook", "appointmentsContactsTasks": "outlook"}
    with pytest.raises(ValidationError) as caught:
        kinds.decode("Mailbox", document("Mailbox", fields), time_zone="UTC")
    assert [error["loc"][-1] for error in caught.value.errors()] == ["outgoing", "incoming", "appointmentsContactsTasks"]


def test_what_is_decoded_cannot_be_changed(document: Build) -> None:
    decoded = kinds.decode("Mailbox", document("Mailbox"), time_zone="UTC")
    with pytest.raises(ValidationError, match="frozen"):
        decoded.spec.email_address = "other@contoso.example"  # type: ignore[attr-defined]
