"""What apply must not forget, in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import field, replace

from reconcile.errors import Locked
from reconcile.lazy_dataclass import dataclass
from reconcile.model.audit_chain import ORIGIN, Anchor, Verified, link, verify
from reconcile.model.audit_record import EVERY_RECORD, AuditQuery, AuditRecord
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.ports.configuration_store import Finished, Intent, LockHolder, LockState


@dataclass(slots=True)
class _Lease:
    """Who holds the lock, for all views of one store. `words` say who took it last."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    fence: int = 0
    holder: LockHolder | None = None
    words: str = ""


class MemoryConfiguration:
    """Implements ApplyStore. `at_step` is called with the name of each step before and after it, so that a test can crash there."""

    def __init__(self, at_step: Callable[[str], None] = lambda step: None) -> None:
        self.inventory: dict[Key, InventoryEntry] = {}
        self.intents: dict[str, Intent] = {}
        self.audit: list[AuditRecord] = []
        self.at_step = at_step
        self._lease = _Lease()
        self._held: int | None = None

    def beside(self) -> MemoryConfiguration:
        """The same store as another process sees it."""
        other = copy(self)
        other._held = None
        return other

    def entries(self) -> Mapping[Key, InventoryEntry]:
        return dict(self.inventory)

    def history(self, *, limit: int | None, query: AuditQuery = EVERY_RECORD) -> Sequence[AuditRecord]:
        return [record for record in self.audit[::-1] if query.takes(record)][:limit]

    def trail(self) -> Iterator[AuditRecord]:
        return iter(tuple(self.audit))

    def anchor(self) -> Anchor | None:
        return Anchor(sequence=self.audit[-1].sequence, hash=self.audit[-1].hash) if self.audit else None

    def verified(self, *, expected: str = "") -> Verified:
        return verify(self.audit, self.anchor(), expected=expected)

    @contextmanager
    def lock(self, *, owner: str, purpose: str, patience: float) -> Iterator[None]:
        lease = self._lease
        deadline = time.monotonic() + patience
        while True:
            with lease.guard:
                if lease.holder is None:
                    lease.fence += 1
                    lease.words = f"{owner} ({purpose})"
                    lease.holder = LockHolder(
                        owner=owner, purpose=purpose, host="", process=0, since="", until="", fence=lease.fence, state=LockState.WORKING
                    )
                    self._held = fence = lease.fence
                    break
                if time.monotonic() >= deadline:
                    raise Locked(f"{lease.words} works on this environment", hint="Wait until it is done.")
            time.sleep(0.001)
        try:
            yield
        finally:
            with lease.guard:
                if lease.fence == fence:
                    lease.holder = None
            self._held = None

    def holder(self) -> LockHolder | None:
        return self._lease.holder

    def break_lock(self, *, actor: str, reason: str) -> LockHolder | None:
        with self._lease.guard:
            was = self._lease.holder
            if was is not None:
                self._lease.fence += 1
                self._lease.holder = None
                self._lease.words = f"{actor} (lock break: {reason})"
                detail = {"reason": reason, "heldBy": {"owner": was.owner, "purpose": was.purpose}}
                self._append(
                    AuditRecord(
                        at="2026-01-01T00:00:00Z",
                        actor=actor,
                        apply_id="",
                        action="break-lock",
                        key="Environment/memory",
                        result="done",
                        source="",
                        revision="",
                        detail=json.dumps(detail),
                    )
                )
        return was

    def _check(self) -> None:
        if self._held is not None and self._held != self._lease.fence:
            raise Locked(f"the lock was taken over by {self._lease.words}", hint="Run it again.")

    def _append(self, record: AuditRecord) -> None:
        record = replace(record, sequence=len(self.audit) + 1)
        self.audit.append(replace(record, hash=link(self.audit[-1].hash if self.audit else ORIGIN, record)))

    def open_intents(self) -> Sequence[Intent]:
        return sorted(self.intents.values(), key=lambda intent: (intent.opened_at, intent.sequence))

    def begin(self, intents: Sequence[Intent]) -> None:
        self.at_step("before begin")
        self._check()
        self.intents.update((intent.token, intent) for intent in intents)
        self.at_step("after begin")

    def finish(self, results: Sequence[Finished]) -> None:
        self.at_step("before finish")
        self._check()
        for result in results:
            self.intents.pop(result.token, None)
            if result.removed is not None:
                there = self.inventory.get(result.removed)
                if there is not None and (result.entry is None or there.external_id == result.entry.external_id):
                    del self.inventory[result.removed]
            if result.entry is not None:
                self.inventory[result.entry.key] = result.entry
            self._append(result.audit)
        self.at_step("after finish")
