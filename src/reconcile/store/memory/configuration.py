"""What apply must not forget, in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from reconcile.errors import Locked
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.ports.configuration_store import AuditRecord, Finished, Intent


class MemoryConfiguration:
    """Implements ApplyStore. `at_step` is called with the name of each step before and after it, so that a test can crash there."""

    def __init__(self, at_step: Callable[[str], None] = lambda step: None) -> None:
        self.inventory: dict[Key, InventoryEntry] = {}
        self.intents: dict[str, Intent] = {}
        self.audit: list[AuditRecord] = []
        self.at_step = at_step
        self._lock = threading.Lock()
        self._holder = ""

    def entries(self) -> Mapping[Key, InventoryEntry]:
        return dict(self.inventory)

    def history(self, *, limit: int) -> Sequence[AuditRecord]:
        return self.audit[::-1][:limit]

    @contextmanager
    def lock(self, *, owner: str, purpose: str, patience: float) -> Iterator[None]:
        deadline = time.monotonic() + patience
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise Locked(f"locked by {self._holder}", hint="Wait until it is done.")
        self._holder = f"{owner} for {purpose}"
        try:
            yield
        finally:
            self._holder = ""
            self._lock.release()

    def open_intents(self) -> Sequence[Intent]:
        return sorted(self.intents.values(), key=lambda intent: (intent.opened_at, intent.sequence))

    def begin(self, intents: Sequence[Intent]) -> None:
        self.at_step("before begin")
        self.intents.update((intent.token, intent) for intent in intents)
        self.at_step("after begin")

    def finish(self, results: Sequence[Finished]) -> None:
        self.at_step("before finish")
        for result in results:
            self.intents.pop(result.token, None)
            if result.removed is not None:
                there = self.inventory.get(result.removed)
                if there is not None and (result.entry is None or there.external_id == result.entry.external_id):
                    del self.inventory[result.removed]
            if result.entry is not None:
                self.inventory[result.entry.key] = result.entry
            self.audit.append(replace(result.audit, sequence=len(self.audit) + 1))
        self.at_step("after finish")
