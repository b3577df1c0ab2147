"""Autodiscover against hosts that answer well, badly and with intent: one test for each pitfall of `docs/autodiscover.md`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from reconcile.mail.autodiscover.discovery import MOST_REDIRECTS, steps
from reconcile.mail.autodiscover.found import Method
from reconcile.mail.autodiscover.service_records import ServiceRecord
from reconcile.mail.sign_in.ntlm import NtlmSignIn
from reconcile.model.secret import Secret
from support.autodiscover_server import Hosts, Says, Seen, autodiscover_hosts, pox, redirect, soap

EWS = "https://mail.contoso.example/EWS/Exchange.asmx"
HOST = "autodiscover.contoso.example"
ANNA = "anna@contoso.example"
NAMES = ("contoso.example", "*.contoso.example", "example", "autodiscover.example", "*.attacker.example", "*.hosting.example")


@pytest.fixture(scope="module")
def served() -> Iterator[Hosts]:
    with autodiscover_hosts(*NAMES, "*.mail.contoso.example") as hosts:
        yield hosts


@pytest.fixture
def hosts(served: Hosts) -> Hosts:
    served.forget()
    return served


def as_json(url: str) -> Says:
    return Says(content=json.dumps({"Protocol": "EWS", "Url": url}).encode())


def test_json_needs_no_credentials_and_comes_first(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    hosts.on(HOST, "autodiscover.svc", soap("https://other.contoso.example/EWS/Exchange.asmx"))
    found = hosts.discoverer().discover(ANNA)
    assert (found.url, found.method) == (EWS, Method.JSON)
    assert [one.path for one in hosts.seen] == ["/autodiscover/autodiscover.json/v1.0/anna@contoso.example?Protocol=EWS"]
    assert hosts.signed_in_at() == set()


def test_soap_signs_in_and_takes_the_address_from_outside(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", soap(EWS))
    found = hosts.discoverer().discover(ANNA)
    assert (found.url, found.method) == (EWS, Method.SOAP)
    assert hosts.seen[-1].authorization.startswith("Basic ")
    assert f"<a:Mailbox>{ANNA}</a:Mailbox>" in hosts.seen[-1].body
    assert any("(signed in)" in line for line in steps(found))
    assert "canary-7391" not in repr(found) + "".join(steps(found))


def test_pox_is_asked_where_soap_is_not_served(hosts: Hosts) -> None:
    inner = "<Protocol><Type>EXCH</Type><EwsUrl>https://inner.contoso.example/EWS/Exchange.asmx</EwsUrl></Protocol>"
    outer = f"<Protocol><Type>EXPR</Type><ASUrl>{EWS}</ASUrl></Protocol>"
    hosts.on(HOST, "autodiscover.xml", pox(f"<Action>settings</Action>{inner}{outer}"))
    found = hosts.discoverer().discover(ANNA)
    assert (found.url, found.method) == (EWS, Method.POX)


def test_no_part_of_the_domain_is_ever_asked(hosts: Hosts) -> None:
    """autodiscover.example would get the passwords of every mailbox below .example."""
    hosts.on("autodiscover.example", "autodiscover", as_json("https://mail.example/EWS/Exchange.asmx"))
    found = hosts.discoverer(root_domain=True, plain_http=True).discover("anna@contoso.example")
    assert found.url == ""
    assert hosts.seen == []
    assert set(hosts.asked_of_dns) == {"contoso.example", HOST, "_autodiscover._tcp.contoso.example"}
    assert "incoming.server" in found.hint
    assert "discovery.hosts" not in found.hint, "nothing led anywhere"


def test_the_web_server_of_the_domain_is_asked_only_where_declared(hosts: Hosts) -> None:
    hosts.on("contoso.example", "autodiscover.svc", soap(EWS))
    assert hosts.discoverer().discover(ANNA).url == ""
    assert "contoso.example" not in {one.host for one in hosts.seen}
    assert hosts.discoverer(root_domain=True).discover(ANNA).url == EWS


def test_a_server_that_offers_only_basic_gets_no_password_of_ntlm(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", Says(status=401, headers={"WWW-Authenticate": 'Basic realm="anything"'}))
    found = hosts.discoverer(sign_in=NtlmSignIn("CONTOSO\\anna", Secret(b"canary-7391"))).discover(ANNA)
    assert found.url == ""
    asked = [one.authorization for one in hosts.seen if one.path.endswith(".svc")]
    assert asked
    assert all(each.startswith("NTLM TlRMTVNTUAAB") for each in asked), "the first message of NTLM has no secret in it"
    assert any("it offers Basic" in each.words for each in found.asked)


@pytest.mark.parametrize(
    "url",
    [
        "https://login.attacker.example/autodiscover/autodiscover.svc",
        "https://127.0.0.1/autodiscover/autodiscover.svc",
        "https://anna:pw@mail.contoso.example/autodiscover/autodiscover.svc",
        "http://mail.contoso.example/autodiscover/autodiscover.svc",
        "https://mail.contoso.example/owa/",
    ],
)
@pytest.mark.parametrize("by", ["302", "RedirectUrl", "redirectUrl"])
def test_no_redirect_leads_out_of_what_is_allowed(hosts: Hosts, url: str, by: str) -> None:
    match by:
        case "302":
            hosts.on(HOST, "autodiscover.svc", redirect(url))
        case "RedirectUrl":
            hosts.on(HOST, "autodiscover.svc", soap(code="RedirectUrl", target=url.replace("&", "&amp;")))
        case _:
            hosts.on(HOST, "autodiscover.xml", pox(f"<Action>redirectUrl</Action><RedirectUrl>{url}</RedirectUrl>"))
    hosts.names |= {"login.attacker.example", "mail.contoso.example"}
    found = hosts.discoverer(standard_port=True).discover(ANNA)
    assert found.url == ""
    assert {one.host for one in hosts.seen} <= {HOST}
    assert hosts.signed_in_at() <= {HOST}
    assert "pw" not in "".join(steps(found))


def test_a_declared_host_may_be_led_to(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", redirect("https://east.hosting.example/autodiscover/autodiscover.svc"))
    hosts.on("east.hosting.example", "autodiscover.svc", soap("https://ews.hosting.example/EWS/Exchange.asmx"))
    refused = hosts.discoverer().discover(ANNA)
    assert refused.url == ""
    assert "discovery.hosts" in refused.hint
    assert hosts.signed_in_at() == {HOST}
    assert hosts.discoverer(hosts=[".hosting.example"]).discover(ANNA).url == "https://ews.hosting.example/EWS/Exchange.asmx"
    assert hosts.discoverer(hosts=["hosting.example"]).discover(ANNA).url == "", "a name is not what lies below it"


def test_every_hop_is_looked_at_again(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", redirect("https://one.contoso.example/autodiscover/autodiscover.svc"))
    hosts.on("one.contoso.example", "autodiscover.svc", redirect("https://login.attacker.example/autodiscover/autodiscover.svc"))
    hosts.on("login.attacker.example", "autodiscover.svc", soap(EWS))
    found = hosts.discoverer().discover(ANNA)
    assert found.url == ""
    assert "login.attacker.example" not in {one.host for one in hosts.seen} | set(hosts.asked_of_dns)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "0.0.0.0", "224.0.0.1"]
)
def test_a_name_that_resolves_to_a_private_address_is_not_asked(hosts: Hosts, address: str) -> None:
    hosts.on(HOST, "autodiscover", as_json(EWS))
    hosts.addresses[HOST] = ["192.0.32.10", address]
    found = hosts.discoverer(loopback=False).discover(ANNA)
    assert (found.url, hosts.seen) == ("", [])
    assert any("nothing is asked there" in each.words for each in found.asked)
    assert found.asked[0].words.count(address.partition("%")[0].removeprefix("::ffff:")) == 1


def test_a_found_server_at_a_private_address_is_not_taken(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    hosts.addresses["mail.contoso.example"] = ["10.0.0.5"]
    found = hosts.discoverer().discover(ANNA)
    assert found.url == ""
    assert "10.0.0.5 is not public" in found.asked[0].words


def test_the_connection_goes_to_the_address_that_was_checked(hosts: Hosts) -> None:
    """A name that means something else a moment later (DNS rebinding) is asked once only."""
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    hosts.discoverer().discover(ANNA)
    assert hosts.asked_of_dns.count(HOST) == len([one for one in hosts.seen if one.host == HOST])


def test_a_host_whose_certificate_does_not_hold_sees_no_credentials(hosts: Hosts) -> None:
    hosts.on("autodiscover.fabrikam.example", "autodiscover", soap("https://mail.fabrikam.example/EWS/Exchange.asmx"))
    found = hosts.discoverer().discover("anna@fabrikam.example")
    assert (found.url, hosts.seen) == ("", [])
    assert "is for another name" in found.asked[0].words


def test_srv_takes_the_lowest_priority_and_its_port(hosts: Hosts) -> None:
    hosts.records["_autodiscover._tcp.contoso.example"] = [
        ServiceRecord(priority=100, weight=0, port=443, target="late.contoso.example"),
        ServiceRecord(priority=10, weight=0, port=hosts.port, target="early.contoso.example"),
    ]
    hosts.on("late.contoso.example", "autodiscover.svc", soap("https://late.contoso.example/EWS/Exchange.asmx"))
    hosts.on("early.contoso.example", "autodiscover.svc", soap(EWS))
    found = hosts.discoverer(standard_port=True).discover(ANNA)
    assert (found.url, hosts.signed_in_at()) == (EWS, {"early.contoso.example"})


def test_srv_leads_nowhere_else(hosts: Hosts) -> None:
    hosts.records["_autodiscover._tcp.contoso.example"] = [
        ServiceRecord(priority=0, weight=0, port=443, target="login.attacker.example"),
        ServiceRecord(priority=1, weight=0, port=443, target=""),
    ]
    hosts.on("login.attacker.example", "autodiscover", soap(EWS))
    found = hosts.discoverer().discover(ANNA)
    assert (found.url, hosts.seen) == ("", [])
    assert [each.words for each in found.asked if each.method is Method.SRV] == [
        "the record leads to login.attacker.example, which is neither below contoso.example nor declared",
        "the record says that there is no such service",
    ]


def test_dns_that_fails_is_told(hosts: Hosts) -> None:
    found = hosts.discoverer().discover("anna@broken.example")
    assert found.asked[-1].words == "DNS does not say"


def test_plain_http_is_asked_only_where_declared_and_shows_nothing(hosts: Hosts) -> None:
    hosts.on(
        HOST,
        "autodiscover.xml",
        lambda seen: Says(status=404) if seen.secure else redirect("https://mail.contoso.example/autodiscover/autodiscover.svc"),
    )
    hosts.on("mail.contoso.example", "autodiscover.svc", soap(EWS))
    assert hosts.discoverer().discover(ANNA).url == ""
    assert all(one.secure for one in hosts.seen)

    hosts.seen.clear()
    found = hosts.discoverer(plain_http=True).discover(ANNA)
    assert found.url == ""
    assert [one.authorization for one in hosts.seen if not one.secure] == [""]
    assert "mail.contoso.example" not in hosts.signed_in_at()
    assert any("nobody has confirmed it" in each.words for each in found.asked)

    found = hosts.discoverer(plain_http=True, confirmed=frozenset({"mail.contoso.example"})).discover(ANNA)
    assert (found.url, found.method) == (EWS, Method.SOAP)


def test_what_plain_http_led_to_stays_unconfirmed_on_every_further_hop(hosts: Hosts) -> None:
    hosts.on(
        HOST,
        "autodiscover.xml",
        lambda seen: Says(status=404) if seen.secure else redirect("https://one.contoso.example/autodiscover/autodiscover.json"),
    )
    hosts.on("one.contoso.example", "autodiscover.json", redirect("https://two.contoso.example/autodiscover/autodiscover.svc"))
    hosts.on("two.contoso.example", "autodiscover.svc", soap(EWS))
    assert hosts.discoverer(plain_http=True).discover(ANNA).url == ""
    assert "two.contoso.example" not in hosts.signed_in_at()


def test_another_address_is_followed_within_the_domain_only(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", soap(code="RedirectAddress", target="anna@mail.contoso.example"))
    hosts.on("autodiscover.mail.contoso.example", "autodiscover.json", as_json(EWS))
    assert hosts.discoverer().discover(ANNA).url == EWS
    hosts.on(HOST, "autodiscover.svc", soap(code="RedirectAddress", target="anna@attacker.example"))
    hosts.on("autodiscover.attacker.example", "autodiscover", soap(EWS))
    assert hosts.discoverer().discover(ANNA).url == ""
    assert hosts.signed_in_at() == {HOST}


def test_circles_and_long_ways_end(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", redirect(f"https://{HOST}/autodiscover/autodiscover.svc"))
    assert hosts.discoverer().discover(ANNA).url == ""
    assert len(hosts.seen) < 8

    def further(seen: Seen) -> Says:
        number = int(seen.host.split(".")[0].removeprefix("h") or 0) if seen.host.startswith("h") else 0
        return redirect(f"https://h{number + 1}.contoso.example/autodiscover/autodiscover.svc")

    hosts.on(HOST, "autodiscover.svc", further)
    for number in range(1, 60):
        hosts.on(f"h{number}.contoso.example", "autodiscover.svc", further)
    hosts.seen.clear()
    found = hosts.discoverer().discover(ANNA)
    assert found.url == ""
    assert len([one for one in hosts.seen if one.path.endswith(".svc")]) <= MOST_REDIRECTS + 1
    assert f"after {MOST_REDIRECTS} redirects nobody is followed further" in [each.words for each in found.asked]


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE a [<!ENTITY b "ccc"><!ENTITY d "&b;&b;">]><a>&d;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x"><a/>',
        b"<a>" * 100_000,
        b"\0\xff\xfe",
        b"",
        b"{" * 100_000,
        b'{"Protocol": "EWS", "Url": 7}',
        b'["EWS"]',
        b"x" * 3_000_000,
    ],
    ids=["bomb", "outside", "deep", "binary", "empty", "deep-json", "number", "list", "huge"],
)
def test_whatever_a_host_answers_ends_in_words(hosts: Hosts, content: bytes) -> None:
    for path in ("autodiscover.json", "autodiscover.svc", "autodiscover.xml"):
        hosts.on(HOST, path, Says(content=content))
    found = hosts.discoverer().discover(ANNA)
    assert (found.url, len(found.asked)) == ("", 2 if len(content) > 1_000_000 else 4)
    assert all(each.words and not each.ok for each in found.asked)


@pytest.mark.parametrize(
    "address", ["", "anna", "@contoso.example", "anna@", "anna@localhost", "anna@-.example", "anna@" + "a" * 300, "anna@b\n.example"]
)
def test_what_is_no_address_is_told(hosts: Hosts, address: str) -> None:
    found = hosts.discoverer().discover(address)
    assert (found.url, hosts.seen, hosts.asked_of_dns) == ("", [], [])
    assert found.asked[0].words


def test_a_domain_outside_ascii_is_asked_in_its_other_form(hosts: Hosts) -> None:
    hosts.discoverer().discover("anna@bücher.example")
    assert "autodiscover.xn--bcher-kva.example" in hosts.asked_of_dns


def test_a_server_that_knows_the_mailbox_settles_it(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", soap(code="InvalidUser"))
    hosts.on(HOST, "autodiscover.xml", pox(f"<Action>settings</Action><Protocol><Type>EXPR</Type><EwsUrl>{EWS}</EwsUrl></Protocol>"))
    found = hosts.discoverer().discover(ANNA)
    assert found.url == ""
    assert found.asked[-1].words == "it answers InvalidUser"


def test_without_credentials_only_what_needs_none_is_asked(hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", soap(EWS))
    found = hosts.discoverer(sign_in=None).discover(ANNA)
    assert found.url == ""
    assert [one.path.rpartition("/")[2].partition("?")[0] for one in hosts.seen] == [ANNA]
