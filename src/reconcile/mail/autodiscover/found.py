"""What was asked on the way to a mailbox's server, and what it came to."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass


class Method(StrEnum):
    """How a host is asked."""

    JSON = "json"  # autodiscover.json, version 1.0: without credentials
    SOAP = "soap"  # GetUserSettings (Microsoft Learn: "GetUserSettings operation (SOAP)")
    POX = "pox"  # plain old XML (Microsoft Learn: "POX Autodiscover request for Exchange")
    REDIRECT = "redirect"  # an unauthenticated GET that may answer 302
    SRV = "srv"  # _autodiscover._tcp in DNS (RFC 2782)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The server: the address of Exchange Web Services."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherAddress:
    """Ask again for another mail address."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherUrl:
    """Ask there."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """The host answers, but names no server. `settled`: it knows the mailbox's fate, so nobody else need be asked."""

    why: str
    settled: bool = False


Answer: TypeAlias = Address | OtherAddress | OtherUrl | Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One step: whom, how, and in words what came of it. `secured` tells whether credentials were shown."""

    method: Method
    where: str
    words: str
    ok: bool
    secured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """`url` is the address of Exchange Web Services, "" where none was found; then `hint` says what to do next."""

    address: str
    url: str
    method: Method | None
    asked: tuple[Asked, ...]
    hint: str = ""
