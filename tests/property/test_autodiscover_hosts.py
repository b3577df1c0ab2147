"""Whatever hosts of Autodiscover answer, for any mail domain: no name outside of it and of what is declared is asked, or even resolved."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.mail.autodiscover.service_records import ServiceRecord
from support.autodiscover_server import Hosts, Says, autodiscover_hosts, pox, redirect, soap

pytestmark = pytest.mark.slow
_LABELS = st.from_regex(r"\A[a-z]([a-z0-9-]{0,8}[a-z0-9])?\Z")
#: The certificate of the hosts holds for the first two, so that whole conversations happen there.
_DOMAINS = st.one_of(
    st.sampled_from(["contoso.example", "sales.contoso.example", "example.co.example"]),
    st.lists(_LABELS, min_size=2, max_size=4).map(".".join),
)
_PATHS = ("/autodiscover/autodiscover.svc", "/autodiscover/autodiscover.xml", "/EWS/Exchange.asmx", "/owa/")


def near(domain: str) -> list[str]:
    """Names that look as if they belonged to it; the first three do."""
    parent = domain.partition(".")[2]
    return [
        f"autodiscover.{domain}",
        f"mail.{domain}",
        domain.upper(),
        parent or domain,
        f"autodiscover.{parent or domain}",
        f"evil{domain}",
        f"{domain}.attacker.example",
        "east.hosting.example",
        "hosting.example",
        "127.0.0.1",
        "2130706433",
        "[::1]",
    ]


@st.composite
def addresses(draw: st.DrawFn, domain: str) -> str:
    host = draw(st.sampled_from(near(domain)))
    before = draw(st.sampled_from(["", "", "", f"{domain}@", f"anna:pw@{domain}\\@", f"autodiscover.{domain}#@"]))
    port = draw(st.sampled_from(["", "", ":443", ":8443", "."]))
    return f"{draw(st.sampled_from(['https', 'https', 'http']))}://{before}{host}{port}{draw(st.sampled_from(_PATHS))}"


@st.composite
def answers(draw: st.DrawFn, domain: str) -> Says:
    url, person = draw(addresses(domain)), f"anna@{draw(st.sampled_from(near(domain)))}"
    return draw(
        st.sampled_from(
            [
                redirect(url),
                Says(content=json.dumps({"Protocol": "EWS", "Url": url}).encode()),
                soap(url),
                soap(code="RedirectUrl", target=url),
                soap(code="RedirectAddress", target=person),
                pox(f"<Action>redirectUrl</Action><RedirectUrl>{url}</RedirectUrl>"),
                pox(f"<Action>redirectAddr</Action><RedirectAddr>{person}</RedirectAddr>"),
                pox(f"<Action>settings</Action><Protocol><Type>EXPR</Type><EwsUrl>{url}</EwsUrl></Protocol>"),
                Says(status=401, headers={"WWW-Authenticate": "Basic realm=x"}),
            ]
        )
    )


@pytest.fixture(scope="module")
def served() -> Iterator[Hosts]:
    names = ("contoso.example", "*.contoso.example", "*.sales.contoso.example", "example", "*.example", "*.hosting.example")
    with autodiscover_hosts(*names, "*.attacker.example", "*.co.example", "*.example.co.example") as hosts:
        yield hosts


@given(data=st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_nobody_outside_is_asked(served: Hosts, data: st.DataObject) -> None:
    served.forget()
    domain = data.draw(_DOMAINS, label="domain")
    declared = data.draw(st.sampled_from([(), ("hosting.example",), (".hosting.example",)]), label="declared")
    places = st.sampled_from(near(domain)[:9])
    for host in data.draw(st.lists(places, max_size=5), label="hosts"):
        for path in ("autodiscover.json", "autodiscover.svc", "autodiscover.xml"):
            served.on(host.lower(), path, data.draw(answers(domain), label=f"{host} {path}"))
    served.names |= {name.lower() for name in near(domain)[:9]}
    target = data.draw(places, label="SRV")
    if data.draw(st.booleans(), label="has SRV"):
        served.records[f"_autodiscover._tcp.{domain}"] = [ServiceRecord(priority=0, weight=0, port=served.port, target=target.lower())]
    discoverer = served.discoverer(
        hosts=declared, root_domain=data.draw(st.booleans(), label="root"), plain_http=data.draw(st.booleans(), label="plain http")
    )
    found = discoverer.discover(f"anna@{domain}")

    def allowed(name: str) -> bool:
        name = name.lower().rstrip(".").removeprefix("_autodiscover._tcp.")
        ours = name == domain or name.endswith(f".{domain}")
        return ours or any(name.endswith(each) if each.startswith(".") else name == each for each in declared)

    asked = {one.host for one in served.seen} | set(served.asked_of_dns)
    assert [name for name in asked if not allowed(name)] == []
    assert [name for name in served.signed_in_at() if not allowed(name)] == []
    assert [one for one in served.seen if one.authorization and not one.secure] == []
    assert found.url == "" or allowed(found.url.partition("://")[2].partition("/")[0].partition(":")[0])
