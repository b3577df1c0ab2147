"""Approvals, tests and what is enabled, in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime

from reconcile.model import instant
from reconcile.model.enablement import Enablement, EnablementStep, advanced


class MemoryEnablements:
    """See `EnablementStore`. `recorded` holds the steps that changed something, oldest first."""

    def __init__(self) -> None:
        self._known: dict[str, Enablement] = {}
        self._guard = threading.Lock()
        self.recorded: list[tuple[str, EnablementStep]] = []

    def enablements(self) -> Mapping[str, Enablement]:
        return dict(self._known)

    def advance(self, mailbox_id: str, step: EnablementStep, *, at: datetime, by: str, name: str) -> Enablement:
        with self._guard:
            before = self._known.get(mailbox_id) or Enablement(mailbox_id=mailbox_id)
            after = advanced(before, step, at=instant.text(at), by=by)
            if after != before:
                self._known[mailbox_id] = after
                self.recorded.append((name, step))
            return after
