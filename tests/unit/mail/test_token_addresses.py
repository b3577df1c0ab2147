"""Which addresses a token endpoint may have, however they are written."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.errors import PermanentError, Unavailable
from reconcile.mail.oauth.addresses import permitted

PUBLIC = "93.184.215.14"
#: What a private authority makes reachable.
INSIDE = ("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.3.4", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "fc00::5")
NEVER = (
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "::",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
)
EMBEDDED = ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.1")


def answering(*found: str):
    def resolve(host: str, port: int) -> Sequence[str]:
        return found

    return resolve


@pytest.mark.parametrize("address", [*INSIDE, *EMBEDDED])
def test_an_address_inside_needs_an_authority_of_ones_own(address: str) -> None:
    with pytest.raises(PermanentError, match="private network") as refused:
        permitted("login.contoso.example", 443, private=False, resolve=answering(address))
    assert "oauth.caCertificate" in refused.value.hint
    assert permitted("login.contoso.example", 443, private=True, resolve=answering(address)) == (address,)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private", [False, True])
def test_these_are_never_connected_to(address: str, private: bool) -> None:
    with pytest.raises(PermanentError):
        permitted("login.contoso.example", 443, private=private, resolve=answering(address))


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "8.8.8.8"])
def test_those_of_the_internet_are(address: str) -> None:
    assert permitted("login.contoso.example", 443, private=False, resolve=answering(address)) == (address,)


def test_one_bad_address_spoils_the_others() -> None:
    with pytest.raises(PermanentError):
        permitted("login.contoso.example", 443, private=False, resolve=answering(PUBLIC, "10.0.0.1"))


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f000001", "127.1", "0x7f.1", "127.0.0.1", "::1", "localhost", "0"])
def test_other_ways_to_write_this_host_lead_to_the_same(host: str) -> None:
    """By the host's own resolver, which knows decimal, octal and short forms."""
    with pytest.raises((PermanentError, Unavailable)):
        permitted(host, 443, private=False)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), OSError("x")])
def test_a_name_without_an_address_is_tried_again(error: OSError) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(Unavailable, match="has no address"):
        permitted("login.contoso.example", 443, private=False, resolve=resolve)
    with pytest.raises(Unavailable, match="has no address"):
        permitted("login.contoso.example", 443, private=False, resolve=answering())


def test_no_name_at_all() -> None:
    with pytest.raises(PermanentError, match="no host name"):
        permitted("a" * 70 + ".example", 443, private=False)


@given(st.integers(0, 2**32 - 1))
def test_every_ipv4_address_that_is_taken_is_of_the_internet(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    for text in (str(address), f"::ffff:{address}", str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + number))):
        try:
            permitted("h.example", 443, private=False, resolve=answering(text))
        except PermanentError:
            continue
        assert address.is_global, text
        assert not address.is_multicast
