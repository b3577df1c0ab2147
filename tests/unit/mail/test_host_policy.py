"""Where Autodiscover may go, as a table."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from reconcile.mail.autodiscover.host_policy import HostPolicy, ascii_domain, host_of

POLICY = HostPolicy(
    domain="contoso.example", hosts=("ews.fabrikam.example", ".hosting.example"), private_networks=(ip_network("10.0.0.0/8"),)
)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://contoso.example/a", ""),
        ("https://autodiscover.contoso.example/a", ""),
        ("https://AUTODISCOVER.Contoso.Example./a", ""),
        ("https://a.b.contoso.example:443/a", ""),
        ("https://ews.fabrikam.example/a", ""),
        ("https://east.hosting.example/a", ""),
        ("https://fabrikam.example/a", "neither below contoso.example nor declared"),
        ("https://sub.ews.fabrikam.example/a", "neither below"),
        ("https://hosting.example/a", "neither below"),
        ("https://example/a", "no complete host name"),
        ("https://autodiscover.example/a", "neither below"),
        ("https://contoso.example.attacker.example/a", "neither below"),
        ("https://notcontoso.example/a", "neither below"),
        ("https://localhost/a", "no complete host name"),
        ("https://127.0.0.1/a", "by number"),
        ("https://[::1]/a", "by number"),
        ("https://169.254.169.254/a", "by number"),
        ("https://2130706433/a", "by number"),
        ("https://0x7f.1/a", "by number"),
        ("https://0177.0.0.1/a", "by number"),
        ("https://anna@contoso.example/a", "has a user name in it"),
        ("https://anna:pw@contoso.example/a", "has a user name in it"),
        ("https://:@contoso.example/a", "has a user name in it"),
        ("https://contoso.example\\@attacker.example/a", "is no address"),
        ("https://autodiscover.contoso.example#@contoso.example/a", "has a # in it"),
        ("https://contoso.example#@attacker.example/a", "has a # in it"),
        ("https://contoso.example\t.attacker.example/a", "is no address"),
        ("https://contoso.example /a", "is no address"),
        ("https://c\u043entoso.example/a", "is no address"),
        ("https://contoso.example:0x1bb/a", "is no address"),
        ("https://contoso.example:99999/a", "is no address"),
        ("https://contoso.example:8443/a", "is on port 8443"),
        ("http://contoso.example/a", "is not https"),
        ("HTTPS://contoso.example/a", ""),
        ("ftp://contoso.example/a", "is not https"),
        ("//contoso.example/a", "is not https"),
        ("/autodiscover/autodiscover.svc", "is no address"),
        ("file:///etc/passwd", "is no address"),
        ("https://", "is no address"),
        ("https://[contoso.example/a", "is no address"),
        ("https://contoso.example/" + "a" * 3000, "is no address"),
        ("", "is no address"),
    ],
)
def test_addresses(url: str, why: str) -> None:
    found = POLICY.refusal_of_url(url)
    assert (why in found) if why else found == ""


def test_http_is_for_the_one_question_that_may_go_there() -> None:
    assert POLICY.refusal_of_url("http://autodiscover.contoso.example/a", scheme="http") == ""
    assert POLICY.refusal_of_url("https://autodiscover.contoso.example/a", scheme="http") == "is not http"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.32.10", ""),
        ("2606:4700::1111", ""),
        ("10.1.2.3", ""),
        ("::ffff:10.1.2.3", ""),
        ("127.0.0.1", "this host itself"),
        ("::1", "this host itself"),
        ("169.254.169.254", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("192.168.1.1", "not public"),
        ("172.16.0.1", "not public"),
        ("fd00::1", "not public"),
        ("::ffff:192.168.1.1", "not public"),
        ("100.64.0.1", "not public"),
        ("0.0.0.0", "not public"),
        ("255.255.255.255", "not public"),
        ("224.0.0.1", "a group of hosts"),
        ("ff02::1", "a group of hosts"),
        ("not an address", "is no IP address"),
        ("", "is no IP address"),
    ],
)
def test_ip_addresses(address: str, why: str) -> None:
    found = POLICY.refusal_of_address(address)
    assert (why in found) if why else found == ""


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("64:ff9b::169.254.169.254", "link-local"),
        ("64:ff9b::192.168.0.1", "not public"),
        ("64:ff9b::127.0.0.1", "this host itself"),
        ("64:ff9b::8.8.8.8", ""),
        ("64:ff9b:1::8.8.8.8", "not public"),
        ("2002:7f00:1::", "this host itself"),
        ("2002:c0a8:1::1", "not public"),
        ("2002:808:808::1", ""),
        ("::127.0.0.1", "this host itself"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::1", "this host itself"),
        ("::", "not public"),
        ("fec0::1", "not public"),
        ("2606:4700::1111", ""),
    ],
)
def test_ipv6_addresses_that_stand_for_ipv4_or_lead_nowhere_public(address: str, why: str) -> None:
    found = POLICY.refusal_of_address(address)
    assert (why in found) if why else found == ""


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("anna@Contoso.example", "contoso.example"),
        ("anna@b\u00fccher.example", "xn--bcher-kva.example"),
        ('"a@b"@contoso.example.', "contoso.example"),
    ],
)
def test_domains_of_addresses(address: str, domain: str) -> None:
    assert ascii_domain(address) == domain


@pytest.mark.parametrize(
    "address", ["", "anna", "@contoso.example", "anna@", "anna@localhost", "anna@-.example", "anna@" + "a" * 300, "anna@b\n.example"]
)
def test_what_has_no_domain(address: str) -> None:
    with pytest.raises(ValueError, match=r"no mail address|no domain"):
        ascii_domain(address)


def test_the_host_of_an_address() -> None:
    assert host_of("https://Mail.contoso.example:444/EWS/Exchange.asmx") == "mail.contoso.example"
    assert host_of("nonsense") == ""
