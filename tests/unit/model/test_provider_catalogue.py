"""Which provider a profile belongs to, named or not."""

from __future__ import annotations

import pytest

from reconcile.model import policy_kinds
from reconcile.model.canonical import Leaf
from reconcile.model.mail_provider import MailProvider, MailProviderSpec
from reconcile.model.provider_catalogue import ProviderCatalogue, host_of, laid_over, shipped

IMAP, SMTP, USER = "incoming.server", "outgoing.server", "incoming.username"
SHARED = "outlook.office365.com"


def own(spec: dict[str, object]) -> MailProviderSpec:
    document = {"apiVersion": "reconcile/v1alpha2", "kind": "MailProvider", "metadata": {"name": "own"}, "spec": spec}
    decoded = policy_kinds.decode("MailProvider", document, time_zone="UTC")
    assert isinstance(decoded, MailProvider)
    return decoded.spec


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"provider": "hotmail"}, "outlook-com"),
        ({"provider": "hotmail", IMAP: SHARED, SMTP: "smtp-mail.outlook.com"}, "outlook-com"),
        ({"provider": "exchange-online", IMAP: SHARED, USER: "somebody@hotmail.com"}, "exchange-online"),
        ({"provider": "dovecot", IMAP: "imap.contoso.example"}, "dovecot"),
        ({"provider": "nobody"}, None),
        ({"provider": "nobody", IMAP: "imap.gmail.com"}, "gmail"),
        # A name does not hide whose servers are used.
        ({"provider": "dovecot", IMAP: "imap.gmail.com"}, "gmail"),
        ({"provider": "gmail", IMAP: "imap.gmail.com", SMTP: "smtp.fastmail.com"}, "gmail"),
        ({IMAP: "imap.gmail.com"}, "gmail"),
        ({IMAP: "IMAP.Gmail.COM."}, "gmail"),
        ({IMAP: "imap.googlemail.com"}, "gmail"),
        ({IMAP: "gmail.com.contoso.example"}, None),
        ({IMAP: "notgmail.com"}, None),
        ({IMAP: "192.0.2.1"}, None),
        ({IMAP: None}, None),
        ({}, None),
        ({SMTP: "smtp.gmail.com"}, "gmail"),
        # The side that mail is fetched from decides.
        ({IMAP: "imap.gmail.com", SMTP: "smtp.fastmail.com"}, "gmail"),
        ({IMAP: "imap.contoso.example", SMTP: "smtp.gmail.com"}, "gmail"),
        ({IMAP: "imap.zoho.in"}, "zoho"),
        ({IMAP: "imap.zoho.eu"}, "zoho-eu"),
        ({IMAP: "imap.messagingengine.com"}, "fastmail"),
        # Exchange Online and Outlook.com on one host.
        ({IMAP: SHARED}, "exchange-online"),
        ({IMAP: SHARED, SMTP: "smtp.office365.com"}, "exchange-online"),
        ({IMAP: SHARED, SMTP: "smtp-mail.outlook.com"}, "outlook-com"),
        ({IMAP: SHARED, USER: "somebody@Hotmail.com"}, "outlook-com"),
        ({IMAP: SHARED, USER: "crm@contoso.example"}, "exchange-online"),
        ({SMTP: "contoso-example.mail.protection.outlook.com"}, "exchange-online"),
        ({IMAP: f"https://{SHARED}/EWS/Exchange.asmx"}, "exchange-online"),
        ({IMAP: f"https://user@{SHARED}:443/EWS/Exchange.asmx"}, "exchange-online"),
        ({IMAP: "https://[bad"}, None),
        ({"defaultServerLocation": f"https://{SHARED}/EWS/Exchange.asmx"}, "exchange-online"),
        ({"facts.serverVersion": "exchange-online"}, "exchange-online"),
        ({"facts.serverVersion": "exchange-2016"}, "exchange-onprem"),
        ({"serverType": "exchange-online-hybrid"}, "exchange-online"),
        ({"serverType": "exchange-server-hybrid"}, "exchange-onprem"),
        ({"serverType": "exchange-server"}, None),
    ],
)
def test_recognised(spec: dict[str, Leaf], name: str | None) -> None:
    found = ProviderCatalogue().recognise(spec)
    assert (found.name if found else None) == name


def test_own_servers_are_recognised() -> None:
    catalogue = ProviderCatalogue(own={"own": own({"domains": ["contoso.example"], "endpoints": {}})})
    found = catalogue.recognise({IMAP: "imap.mail.contoso.example"})
    assert found is not None
    assert (found.name, found.own is not None) == ("own", True)


def test_laid_over_entry_by_entry() -> None:
    below = shipped()["gmail"]
    above = own(
        {
            "aliases": ["ours"],
            "sources": {"talk": {"title": "Talk with the Workspace team"}},
            "limits": {"imapConnections": {"value": 8, "source": "talk"}},
        }
    )
    found = laid_over(below, above)
    assert found.limits["imapConnections"].value == 8
    assert found.limits["imapConnections"].note is None  # the entry is replaced as a whole
    assert found.limits["imapDownload"] == below.limits["imapDownload"]
    assert (found.aliases, found.domains, found.endpoints) == (("ours",), below.domains, below.endpoints)
    assert set(found.sources) == {*below.sources, "talk"}
    assert shipped()["gmail"] is below


@pytest.mark.parametrize(
    ("server", "host"),
    [("imap.contoso.example", "imap.contoso.example"), ("https://mail.contoso.example/x", "mail.contoso.example"), (None, ""), (993, "")],
)
def test_the_host_of_a_server(server: object, host: str) -> None:
    assert host_of(server) == host


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"source": "nowhere"}, "spec.source"),
        ({"endpoints": {"imap": {"port": 993, "tls": "implicit", "source": "nowhere"}}}, "spec.endpoints.imap.source"),
        (
            {"endpoints": {"smtp": {"port": 465, "tls": "implicit", "alternatives": [{"port": 587, "tls": "starttls", "source": "x"}]}}},
            "spec.endpoints.smtp.alternatives.0.source",
        ),
        ({"limits": {"imapConnections": {"source": "x"}}}, "spec.limits.imapConnections.source"),
        ({"authentication": {"oauth": {"status": "allowed", "date": "2027-01-01"}}}, "spec.authentication.oauth.date"),
        ({"notes": [{"text": "x", "source": "x"}]}, "spec.notes.0.source"),
        ({"fips140": {"source": "x"}}, "spec.fips140.source"),
        ({"oauth": {"source": "x"}}, "spec.oauth.source"),
        ({"oauth": {"clouds": {"mars": "login.contoso.example"}}}, "spec.oauth.clouds.mars"),
        ({"oauth": {"scopes": {"ews": ["mail"]}}}, "spec.oauth.scopes.ews"),
        ({"oauth": {"tokenEndpoint": "http://login.contoso.example/token"}}, "spec.oauth.tokenEndpoint"),
    ],
)
def test_what_cannot_be_meant(spec: dict[str, object], path: str) -> None:
    with pytest.raises(ValueError) as caught:
        own(spec)
    assert [".".join(str(part) for part in error["loc"]) for error in caught.value.errors()] == [path]  # type: ignore[attr-defined]
