"""Servers that Autodiscover found: pinned when a person asks, read by whoever connects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconcile.model.discovered_server import DiscoveredServer


class DiscoveredServersReader(Protocol):
    """A missing store reads as empty."""

    def discovered(self) -> Mapping[str, DiscoveredServer]:
        """By mailbox id."""
        ...


class DiscoveredServers(DiscoveredServersReader, Protocol):
    """Writing."""

    def pin(self, server: DiscoveredServer, *, name: str) -> DiscoveredServer | None:
        """What was pinned before; durable when it returns, with an audit record under `Mailbox/name` where the address of the server is
        another one. The same again moves only its date."""
        ...
