"""Whom to ask for a mail domain, in which order. Pure.

After Microsoft Learn: "Generate a list of Autodiscover endpoints", without what this program cannot or must not do: it is no member
of an Active Directory (SCP), and it asks the web server of the bare domain, or anybody without TLS, only where that is declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from reconcile.lazy_dataclass import dataclass
from reconcile.mail.autodiscover.found import Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """`host` may have a port. What follows from an answer over plain http is not confirmed: no credentials are shown there."""

    method: Method
    host: str
    confirmed: bool = True

    def url(self, address: str) -> str:
        """The address to ask for `address`."""
        match self.method:
            case Method.JSON:
                return f"https://{self.host}/autodiscover/autodiscover.json/v1.0/{quote(address, safe='@')}?Protocol=EWS"
            case Method.SOAP:
                return f"https://{self.host}/autodiscover/autodiscover.svc"
            case Method.POX:
                return f"https://{self.host}/autodiscover/autodiscover.xml"
            case Method.REDIRECT:
                return f"http://{self.host}/autodiscover/autodiscover.xml"
            case Method.SRV:
                return f"_autodiscover._tcp.{self.host}"


def probes(domain: str, *, root_domain: bool, plain_http: bool) -> Iterator[Probe]:
    """For a mail domain, never for a part of it."""
    if root_domain:
        yield from of_host(domain)
    yield from of_host(f"autodiscover.{domain}")
    if plain_http:
        yield Probe(method=Method.REDIRECT, host=f"autodiscover.{domain}")
    yield Probe(method=Method.SRV, host=domain)


def of_host(host: str, *, confirmed: bool = True) -> Iterator[Probe]:
    """What needs no credentials first."""
    yield Probe(method=Method.JSON, host=host, confirmed=confirmed)
    yield Probe(method=Method.SOAP, host=host, confirmed=confirmed)
    yield Probe(method=Method.POX, host=host, confirmed=confirmed)
