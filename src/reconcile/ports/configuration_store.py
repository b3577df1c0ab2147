"""What apply must not forget: inventory, journal, audit trail, lock. One store per environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """About to change somebody else's system. `token` is minted before; `change` is its JSON form. A finished one leaves
    the journal; what became of it is in the audit trail."""

    token: str
    apply_id: str
    sequence: int
    key: Key
    action: str
    change: str
    opened_at: str
    source: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Append-only: who did what, when, why, with what result. `detail` is JSON without any secret. `sequence` is given by the store."""

    at: str
    actor: str
    apply_id: str
    action: str
    key: str
    result: str
    source: str
    revision: str
    detail: str
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What closes an intent: the entry to put and/or the key to drop, and the audit record. Both None: it had no effect.
    An empty `token` closes nothing: what became of the change is not known yet, and the next run asks the target.

    `removed` is dropped only while its entry still names `entry`'s external id (or there is no `entry`), so that a slug that
    was taken over by another row in between keeps its own entry.
    """

    token: str
    audit: AuditRecord
    entry: InventoryEntry | None = None
    removed: Key | None = None


class Inventory(Protocol):
    """Reading what is ours. A missing store reads as empty."""

    def entries(self) -> Mapping[Key, InventoryEntry]: ...

    def history(self, *, limit: int) -> Sequence[AuditRecord]:
        """Newest first."""
        ...


class ApplyStore(Inventory, Protocol):
    """Everything an apply writes."""

    def lock(self, *, owner: str, purpose: str, patience: float) -> AbstractContextManager[None]:
        """Held for the whole apply; dies with the process. Raises Locked with the holder's words after `patience` seconds."""
        ...

    def open_intents(self) -> Sequence[Intent]:
        """Intents a crash left open, oldest first."""
        ...

    def begin(self, intents: Sequence[Intent]) -> None:
        """Durable when it returns, all or none."""
        ...

    def finish(self, results: Sequence[Finished]) -> None:
        """In one transaction, for each: intent closed, inventory changed, audit record appended (its sequence is given here)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """Who holds the lock, as shown to people."""

    owner: str
    purpose: str
    since: str
    process: int
    detail: Mapping[str, str] = field(default_factory=dict)
