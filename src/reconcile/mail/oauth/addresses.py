"""Which addresses a token endpoint may have: what a name resolves to is looked at, and exactly that is connected to.

Whoever may write a profile may write any host, and this process stands inside the network. So only addresses of the Internet are
connected to; those of a private network or of this host only where oauth.caCertificate names the authority of that network, and then
nothing is said to a server that cannot show a certificate of it. Link-local addresses (with the metadata services of clouds),
multicast, unspecified and reserved ones are never connected to. A name is resolved once: another answer later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from reconcile.errors import PermanentError, Unavailable

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]

_MOST: Final = 16
_SHARED: Final = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598
_NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def resolved(host: str, port: int) -> Sequence[str]:
    """By the host's resolver, each address once. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def permitted(host: str, port: int, *, private: bool, resolve: Resolve = resolved) -> Sequence[str]:
    """Addresses to connect to. `private`: those of a private network too.

    Raises Unavailable when the name does not resolve, PermanentError when any of its addresses is none to connect to.
    """
    try:
        found = resolve(host, port)[:_MOST]
    except UnicodeError:
        raise PermanentError(f"{host} is no host name", hint="Mend oauth.tokenEndpoint.") from None
    except OSError as error:
        raise Unavailable(
            f"{host} has no address: {error.strerror or error}", hint="It is tried again by itself; check the name."
        ) from error
    if not found:
        raise Unavailable(f"{host} has no address", hint="It is tried again by itself; check the name.")
    for text in found:
        why = _forbidden(embedded(ipaddress.ip_address(text)), private=private)
        if why:
            raise PermanentError(f"{host} resolves to {text}, {why}", hint=_hint(why))
    return found


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), else itself."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return inner
        if any(address in network for network in _NAT64) or (int(address) >> 32 == 0 and int(address) > 1):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _forbidden(address: Address, *, private: bool) -> str:
    """Why not; "" when it may be connected to."""
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return "which no token endpoint has"
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return "which no token endpoint has"
    inside = address.is_loopback or address.is_private or (address.version == 4 and address in _SHARED)
    if address.is_reserved and not inside:
        return "which no token endpoint has"
    if inside and (private is False or not _local(address)):
        return "an address of a private network"
    if not inside and not address.is_global:
        return "which no token endpoint has"
    return ""


def _local(address: Address) -> bool:
    """Private networks proper (RFC 1918, RFC 4193), shared space and this host; not the many other special ranges."""
    if address.is_loopback:
        return True
    nets = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10") if address.version == 4 else ("fc00::/7",)
    return any(address in ipaddress.ip_network(net) for net in nets)


def _hint(why: str) -> str:
    if "private" in why:
        return "Name the Internet's host; or, where the server stands in your own network, its authority in oauth.caCertificate."
    return "Mend oauth.tokenEndpoint, or what its name resolves to."
