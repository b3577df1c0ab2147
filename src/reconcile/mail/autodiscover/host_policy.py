"""Which hosts Autodiscover may ask, and where an answer may lead. Pure.

Passwords were caught by the hundred thousand because clients climbed from `autodiscover.contoso.com` to `autodiscover.com`, followed
any redirect, and signed in wherever they arrived (Guardicore: "Autodiscovering the Great Leak", 2021). Here a name is never
shortened, and whatever stands outside the mail domain must have been declared.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from reconcile.lazy_dataclass import dataclass

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: RFC 1123, section 2.1, in ASCII; a name without a dot is of nobody's mail domain.
_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_URL: Final = 2048
#: NAT64 leads to the IPv4 address in the last octets (RFC 6052, section 2.1), a prefix of one's own to whatever (RFC 8215).
_TRANSLATION: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_TRANSLATION: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
#: RFC 4291, section 2.5.5.1; among them :: and ::1, which mean themselves.
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPolicy:
    """`domain` is the mail domain in its ASCII form. `hosts` are declared: a name, or `.name` for all below it. `private_networks` may
    be led to though they are not public. `ports` are those https may be on."""

    domain: str
    hosts: tuple[str, ...] = ()
    private_networks: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({443})

    def names(self, host: str) -> bool:
        """Whether the name may be asked: the mail domain, what lies below it, and what is declared."""
        host = host.lower().rstrip(".")
        if host == self.domain or host.endswith("." + self.domain):
            return True
        return any(host.endswith(each) if each.startswith(".") else host == each for each in self.hosts)

    def refusal_of_url(self, url: str, *, scheme: str = "https") -> str:
        """Why it may not be asked, in words that follow "it"; "" when it may."""
        parts = _split(url)
        if parts is None:
            return "is no address"
        if parts.scheme != scheme:
            return f"is not {scheme}"
        if parts.username is not None or parts.password is not None:
            return "has a user name in it"
        if "#" in url:
            # Nothing behind it is for a server, and programs have disagreed about where the host ends.
            return "has a # in it"
        host = (parts.hostname or "").rstrip(".")
        if _is_number(host):
            return "names its host by number, not by name"
        if not _NAME.fullmatch(host):
            return "has no complete host name"
        if not self.names(host):
            return f"leads to {host}, which is neither below {self.domain} nor declared"
        port = parts.port or (443 if scheme == "https" else 80)
        if scheme == "https" and port not in self.ports:
            return f"is on port {port}"
        return ""

    def refusal_of_address(self, address: str) -> str:
        """Why a host with this IP address may not be connected to; "" when it may."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return f"{address} is no IP address"
        found = _meant(found)
        local = found.version == 6 and (found.is_site_local or found in _LOCAL_TRANSLATION)
        if found.is_global and not found.is_multicast and not local:
            return ""
        if any(found.version == network.version and found in network for network in self.private_networks):
            return ""
        return f"{found} is {_sort(found)}"


def ascii_domain(address: str) -> str:
    """The domain of a mail address in its ASCII form (RFC 5891), lower case. Raises ValueError."""
    name, at, domain = address.rpartition("@")
    if not name or not at:
        raise ValueError("no mail address")
    try:
        found = domain.lower().rstrip(".").encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("no domain that DNS could know") from None
    if not _NAME.fullmatch(found):
        raise ValueError("no domain that DNS could know")
    return found


def host_of(url: str) -> str:
    """The host of an address that was not refused, lower case."""
    parts = _split(url)
    return ((parts.hostname if parts else "") or "").rstrip(".")


def _split(url: str) -> SplitResult | None:
    # Before urlsplit, which takes some of these out in silence.
    if len(url) > _LONGEST_URL or re.search(r"[\x00-\x20\x7f\\]|[^\x00-\x7f]", url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts if parts.netloc else None


def _is_number(host: str) -> bool:
    """IPv6, IPv4, and the ways in which systems read other numbers as IPv4 (0x7f.1, 2130706433)."""
    return ":" in host or bool(re.fullmatch(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*", host))


def _meant(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address only stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATION or (address in _COMPATIBLE and int(address) > 0xFFFF):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _sort(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.is_loopback:
        return "this host itself"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "a group of hosts"
    return "not public"
