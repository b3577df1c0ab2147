"""Servers that Autodiscover found, in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from reconcile.model.discovered_server import DiscoveredServer


class MemoryDiscoveredServers:
    """See `DiscoveredServers`. `recorded` names the mailboxes whose server became another one, oldest first."""

    def __init__(self) -> None:
        self._known: dict[str, DiscoveredServer] = {}
        self._guard = threading.Lock()
        self.recorded: list[str] = []

    def discovered(self) -> Mapping[str, DiscoveredServer]:
        return dict(self._known)

    def pin(self, server: DiscoveredServer, *, name: str) -> DiscoveredServer | None:
        with self._guard:
            before = self._known.get(server.mailbox_id)
            self._known[server.mailbox_id] = server
            if before is None or before.url != server.url:
                self.recorded.append(name)
            return before
